"""`checkout orders`: a retailer's orders, what its stores answer, and taking in those that are at Locally already."""

import sys
import time
import uuid
from functools import partial
from typing import Any

import click

from checkout.operating.common import Where, ask_service, operator_command, show_answer
from checkout.terminal import read_amount

_STATUSES = ("open", "confirmed", "completed", "canceled", "refunded")
_POLL_SECONDS = 0.5
_ORDER = click.argument("order_id", metavar="ORDER")
_UPCS = click.argument("upcs", metavar="[UPC]...", nargs=-1)
_MESSAGE = click.option("--message", metavar="TEXT", help="What the shopper is to read.")
_PAGE = click.option(
    "--page", metavar="URL", help="Your own page of the order (https://...): you speak to her from now."
)


@click.group("orders", short_help="A retailer's orders: list, answer, take in.")
def orders_commands() -> None:
    """A retailer's orders: list them, answer them for its stores, and take in those that are at Locally already.

    Answers take the id of an order (ord_...) and the UPCs of its items, of all of them where none is named.
    """


@operator_command("list", "List the orders that wait for an answer, those first whose time runs out.", reads=False)
@click.option("--status", type=click.Choice(_STATUSES), default="open", show_default=True, help="Others, newest first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
def list_command(context: click.Context, /, status: str, limit: int, as_json: bool, **where: Any) -> None:
    """List the orders that wait for an answer, those first whose time runs out; or those of another status."""
    from datetime import UTC, datetime

    from checkout.operating.orders_telling import tell_orders

    found = ask_service(context, Where(**where), lambda service: service.orders(status, most=limit))
    show_answer(found, partial(tell_orders, now=datetime.now(UTC)), as_json=as_json)


@operator_command("show", "Show one order: its items, its shopper, what was said.", reads=False)
@_ORDER
def show_command(context: click.Context, /, order_id: str, as_json: bool, **where: Any) -> None:
    """Show one order in full. `checkout explain` tells what happened to it."""
    from checkout.operating.orders_telling import tell_order

    found = ask_service(context, Where(**where), lambda service: service.order(order_id))
    show_answer(found, tell_order, as_json=as_json)


@operator_command("receive", "Say that your system has it.", reads=False)
@_ORDER
@_UPCS
@_PAGE
def receive_command(context: click.Context, /, page: str | None, **given: Any) -> None:
    """Say that your system has the order; nothing else is done by it."""
    _answer(context, {"action": "receive", **_told(fulfillment_url=page)}, **given)


@operator_command("confirm", "Confirm: the items are there, and the shopper's card is charged.", reads=False)
@_ORDER
@_UPCS
@_PAGE
@_MESSAGE
def confirm_command(context: click.Context, /, page: str | None, message: str | None, **given: Any) -> None:
    """Confirm that items are set aside for the shopper. What she paid online is charged at once."""
    _answer(context, {"action": "confirm", **_told(fulfillment_url=page, message=message)}, **given)


@operator_command("reject", "Reject: nothing is charged, and the items are not sold.", reads=False)
@_ORDER
@_UPCS
@click.option("--reason", metavar="TEXT", required=True, help="Why; the shopper reads it.")
@_PAGE
def reject_command(context: click.Context, /, reason: str, page: str | None, **given: Any) -> None:
    """Reject items that the store does not have: nothing is charged."""
    _answer(context, {"action": "reject", "reason": reason, **_told(fulfillment_url=page)}, **given)


@operator_command("fulfill", "Say that the shopper has picked it up.", reads=False)
@_ORDER
@_UPCS
@_MESSAGE
def fulfill_command(context: click.Context, /, message: str | None, **given: Any) -> None:
    """Say that the shopper has picked items up."""
    _answer(context, {"action": "fulfill", **_told(message=message)}, **given)


@operator_command("refund", "Give the money back, all or a part of it.", reads=False)
@_ORDER
@_UPCS
@click.option("--amount", metavar="AMOUNT", help="A part of one item's price, such as 12.50; without it all of it.")
@click.option("--reason", metavar="TEXT", help="Why; the shopper reads it.")
def refund_command(
    context: click.Context, /, amount: str | None, upcs: tuple[str, ...], reason: str | None, **given: Any
) -> None:
    """Give the money for items back; what was paid in the store is given back there."""
    if amount is not None and len(upcs) != 1:
        raise click.UsageError("--amount is of one item: name its UPC.")
    _answer(context, {"action": "refund", **_told(reason=reason)}, upcs=upcs, amount=amount, **given)


@operator_command("import", "Take in the orders that are at Locally already.", reads=False)
def import_command(context: click.Context, /, as_json: bool, **where: Any) -> None:
    """Have all pages of Locally's list of carts read, and show how far that is.

    The service does it, and goes on with it when this command is ended. It also does it by itself: the first time when
    it starts, and every few minutes from then on, down to what it knows.
    """
    from checkout.operating.orders_telling import tell_intake

    asked = Where(**where)
    told = ask_service(context, asked, lambda service: service.begin_intake())
    with click.progressbar(length=1, label="Pages", file=sys.stderr) as bar:
        while told["status"] != "waiting":
            _show(bar, told["pages"])
            time.sleep(_POLL_SECONDS)
            before, told = told, ask_service(context, asked, lambda service: service.intake())
            if told["fault"] and told["fault"] != before["fault"]:
                click.echo(f"\ncheckout: held up ({told['fault']}); the service goes on with it by itself", err=True)
        _show(bar, told["pages"])
    show_answer(told, tell_intake, as_json=as_json)


def _show(bar: Any, pages: dict[str, int | None]) -> None:
    bar.length = pages["total"] or 1
    bar.update((pages["done"] or 0) - bar.pos)


def _told(**texts: str | None) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text}


def _answer(
    context: click.Context,
    answer: dict[str, Any],
    *,
    order_id: str,
    upcs: tuple[str, ...],
    as_json: bool,
    amount: str | None = None,
    **where: Any,
) -> None:
    """Give one answer to some items; ends with 1 if any of them did not take it."""
    from checkout.operating.sts_telling import tell_results

    ask = partial(_ask, answer=answer, order_id=order_id, upcs=upcs, amount=amount)
    found = ask_service(context, Where(**where), ask)
    show_answer(found, partial(tell_results, action=answer["action"]), as_json=as_json)
    if any(row["status"] >= 400 for row in found["data"]):
        context.exit(1)


def _ask(service: Any, *, answer: dict[str, Any], order_id: str, upcs: tuple[str, ...], amount: str | None) -> Any:
    if not upcs or amount is not None:
        order = service.order(order_id)
        upcs = upcs or tuple(item["upc"] for item in order["items"])
    if amount is not None:
        answer = {**answer, "refund_amount": read_amount(amount, order["totals"]["total"]["currency"])}
    # A key of its own per command: should the connection break, the same request is not sent again by itself.
    return service.answer([{**answer, "order": order_id, "upc": upc} for upc in upcs], key=str(uuid.uuid4()))


for _command in (
    list_command,
    show_command,
    receive_command,
    confirm_command,
    reject_command,
    fulfill_command,
    refund_command,
    import_command,
):
    orders_commands.add_command(_command)
