"""`checkout sts`: what of ship-to-store waits for the brand, and what the brand does with it."""

import uuid
from functools import partial
from typing import Any

import click

from checkout.operating.common import Where, ask_service, operator_command, show_answer
from checkout.terminal import read_amount

_PATH = "/v1/ship-to-store/actions"
_ORDER = click.argument("order_id", metavar="ORDER")
_UPCS = click.argument("upcs", metavar="[UPC]...", nargs=-1)
_MESSAGE = click.option("--message", metavar="TEXT", help="What shopper and store are to read.")


@click.group("sts", short_help="Ship-to-store: list what waits for the brand, and act on it.")
def sts_commands() -> None:
    """Ship-to-store: list what waits for the brand, and act on it.

    Actions take the id of an order (ord_...) and the UPCs of its items, of all of them where none is named.
    """


@operator_command("list", "List the items of ship-to-store orders, those first that wait for the brand.", reads=False)
@click.option("--all", "everything", is_flag=True, help="Also those of which nothing more is expected of the brand.")
def list_command(context: click.Context, /, everything: bool, as_json: bool, **where: Any) -> None:
    """List the items of ship-to-store orders, those first that wait for the brand, the longest waiting first."""
    from checkout.operating.sts_telling import tell_items

    found = ask_service(context, Where(**where), lambda service: service.sts_items(everything=everything))
    show_answer(found, tell_items, as_json=as_json)


@operator_command("confirm", "Confirm: the shopper's card is charged now.", reads=False)
@_ORDER
@_UPCS
def confirm_command(context: click.Context, /, **given: Any) -> None:
    """Confirm items: the shopper's card is charged the full amount at once."""
    _act(context, {"action": "confirm"}, **given)


@operator_command("reject", "Reject: nothing is charged, and the order ends.", reads=False)
@_ORDER
@_UPCS
@click.option("--reason", metavar="TEXT", required=True, help="Why; shopper and store read it.")
def reject_command(context: click.Context, /, reason: str, **given: Any) -> None:
    """Reject items that cannot be shipped: nothing is charged."""
    _act(context, {"action": "reject", "reason": reason}, **given)


@operator_command("process", "Say that it is being packed; an unconfirmed item is charged now.", reads=False)
@_ORDER
@_UPCS
def process_command(context: click.Context, /, **given: Any) -> None:
    """Say that items are being packed. One that was not confirmed yet is charged now."""
    _act(context, {"action": "process"}, **given)


@operator_command("ship", "Say that it is on its way to the store.", reads=False)
@_ORDER
@_UPCS
@click.option("--carrier", metavar="NAME", help="Who carries it, such as UPS.")
@click.option("--number", metavar="NUMBER", help="The carrier's number of the parcel.")
@click.option("--link", metavar="URL", help="Where the parcel can be followed (https://...).")
@_MESSAGE
def ship_command(
    context: click.Context,
    /,
    carrier: str | None,
    number: str | None,
    link: str | None,
    message: str | None,
    **given: Any,
) -> None:
    """Say that items are on their way to the store. Shopper and store are told how to follow the parcel."""
    tracking = {name: value for name, value in (("carrier", carrier), ("number", number), ("url", link)) if value}
    told: dict[str, Any] = {"tracking": tracking} if tracking else {}
    _act(context, {"action": "ship", **told, **({"message": message} if message else {})}, **given)


@operator_command("refund", "Give the money back, before shipping.", reads=False)
@_ORDER
@_UPCS
@click.option("--amount", metavar="AMOUNT", help="A part of one item's price, such as 12.50; without it all of it.")
@_MESSAGE
def refund_command(
    context: click.Context, /, amount: str | None, upcs: tuple[str, ...], message: str | None, **given: Any
) -> None:
    """Give the money for items back, before they are shipped; afterwards that is the store's to do."""
    if amount is not None and len(upcs) != 1:
        raise click.UsageError("--amount is of one item: name its UPC.")
    action = {"action": "refund", **({"message": message} if message else {})}
    _act(context, action, upcs=upcs, amount=amount, **given)


def _act(
    context: click.Context,
    action: dict[str, Any],
    *,
    order_id: str,
    upcs: tuple[str, ...],
    as_json: bool,
    amount: str | None = None,
    **where: Any,
) -> None:
    """Ask for one action of some items; ends with 1 if any of them did not take it."""
    from checkout.operating.sts_telling import tell_results

    asked = Where(**where)
    found = ask_service(context, asked, partial(_ask, action=action, order_id=order_id, upcs=upcs, amount=amount))
    show_answer(found, partial(tell_results, action=action["action"]), as_json=as_json)
    if any(row["status"] >= 400 for row in found["data"]):
        context.exit(1)


def _ask(service: Any, *, action: dict[str, Any], order_id: str, upcs: tuple[str, ...], amount: str | None) -> Any:
    from checkout.operating.calling import Unreachable

    if not upcs or amount is not None:
        order = service.order(order_id)
        upcs = upcs or tuple(item["upc"] for item in order["items"])
    if amount is not None:
        action = {**action, "refund_amount": read_amount(amount, order["totals"]["total"]["currency"])}
    actions = [{**action, "order": order_id, "upc": upc} for upc in upcs]
    try:
        return service.act(_PATH, actions, key=str(uuid.uuid4()))
    except Unreachable as error:
        # The key of this command ends with it: the next one would be another part of the money.
        warning = f"it may have been done: look with `checkout explain {order_id}` before you ask again"
        raise Unreachable(*error.lines, warning) from error


for _command in (list_command, confirm_command, reject_command, process_command, ship_command, refund_command):
    sts_commands.add_command(_command)
