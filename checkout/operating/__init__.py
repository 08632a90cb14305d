"""What operators ask and decide: `checkout explain`, `review`, `settle`, `holds`, `sts`, `feed`, `orders` and more.

They are clients of the public API like any other, with the secret key. With `--database` they read the records of a
service that is stopped, and change nothing. What they run on is imported when they run, so that help does not wait.
"""

import re
from datetime import UTC, datetime
from functools import partial
from typing import Any

import click

from checkout.operating.common import DEMO_SECRET_KEY, Where, ask_service, operator_command, show_answer
from checkout.operating.feed import feed_commands, inventory_commands
from checkout.operating.orders import orders_commands
from checkout.operating.statements import statement_command
from checkout.operating.sts import sts_commands

__all__ = ["DEMO_SECRET_KEY", "commands"]


@operator_command("explain", "Tell the story of a checkout or an order.")
@click.argument(
    "name", metavar="ID", help="A checkout (chk_...), an order (ord_...), an attempt (att_...) or the hash of a cart."
)
def explain_command(context: click.Context, /, name: str, as_json: bool, **where: Any) -> None:
    """Tell the story of a checkout (chk_...) or an order (ord_...): each step, upstream call and decision.

    An attempt (att_...) is found while it is in doubt or has a hold, and in --database always.
    """
    from checkout.operating.telling import tell_story

    if not name.isalnum() and not name.startswith(("chk_", "ord_", "att_")):
        raise click.UsageError("ID must be that of a checkout, an order or an attempt, or the hash of a cart.")
    found = ask_service(context, Where(**where), lambda service: service.story(name))
    show_answer(found, tell_story, as_json=as_json)


@operator_command("review", "List what needs a person, with the evidence.")
def review_command(context: click.Context, /, as_json: bool, **where: Any) -> None:
    """List the attempts that need a person, with the evidence."""
    from checkout.operating.telling import tell_reviews

    asked = Where(**where)
    reviews = ask_service(context, asked, lambda service: service.reviews())
    show_answer(reviews, partial(tell_reviews, now=datetime.now(UTC), options=asked.options), as_json=as_json)


@operator_command("settle", "Decide what became of an attempt in doubt.", reads=False)
@click.argument("checkout_id", metavar="ID", help="The checkout (chk_...), as `checkout review` names it.")
@click.option("--placed", metavar="HASH", help="There is an order: the hash of its cart, as Locally shows it.")
@click.option("--not-placed", is_flag=True, help="There is no order: the checkout is closed for good.")
def settle_command(
    context: click.Context,
    /,
    checkout_id: str,
    placed: str | None,
    not_placed: bool,
    as_json: bool,
    **where: Any,
) -> None:
    """Decide whether the attempt in doubt of a checkout became an order. Look at Locally first: it is final."""
    from checkout.operating.telling import tell_settled

    if (placed is not None) == not_placed:
        raise click.UsageError("Give either --placed HASH or --not-placed.")
    decision: dict[str, Any] = {"not_placed": True} if placed is None else {"placed": placed}
    settled = ask_service(context, Where(**where), lambda service: service.settle(checkout_id, decision))
    show_answer(settled, tell_settled, as_json=as_json)


@operator_command("holds", "List the holds on cards that may be open.")
def holds_command(context: click.Context, /, as_json: bool, **where: Any) -> None:
    """List the holds on shoppers' cards that may be open, with amount and expected release."""
    from checkout.operating.telling import tell_holds

    show_answer(ask_service(context, Where(**where), lambda service: service.holds()), tell_holds, as_json=as_json)


@operator_command("deliveries", "List what was sent by webhook, and what became of it.")
@click.option("--state", type=click.Choice(["waiting", "delivered", "failed"]), help="Only those in this state.")
@click.option("--subject", metavar="ID", help="Only those of a checkout (chk_...) or an order (ord_...).")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many, newest first.")
def deliveries_command(
    context: click.Context, /, state: str | None, subject: str | None, limit: int, as_json: bool, **where: Any
) -> None:
    """List the deliveries of webhooks, newest first: one line for each message and endpoint, with the last try."""
    from checkout.operating.deliveries import tell_deliveries

    if subject is not None and not re.fullmatch("(chk|ord)_[A-Za-z0-9]{1,64}", subject):
        raise click.UsageError("ID must be that of a checkout (chk_...) or an order (ord_...).")
    asked = Where(**where)
    found = ask_service(context, asked, lambda service: service.deliveries(state=state, subject=subject, most=limit))
    show_answer(found, partial(tell_deliveries, options=asked.options), as_json=as_json)


@operator_command("redeliver", "Send webhooks again.", reads=False)
@click.argument("names", metavar="ID...", nargs=-1, help="Deliveries (dlv_...), as `checkout deliveries` names them.")
@click.option("--failed", is_flag=True, help="All that were given up.")
def redeliver_command(
    context: click.Context, /, names: tuple[str, ...], failed: bool, as_json: bool, **where: Any
) -> None:
    """Send messages again, delivered or not, with the same id and body: their receivers know them by the id."""
    from checkout.operating.deliveries import tell_redelivered

    if bool(names) == failed:
        raise click.UsageError("Give either the ids of deliveries or --failed.")
    wrong = [name for name in names if not re.fullmatch("dlv_[0-9]+", name)]
    if wrong:
        raise click.UsageError(f"{wrong[0]} is not the id of a delivery (dlv_...).")
    sent = ask_service(context, Where(**where), lambda service: service.redeliver(names))
    show_answer(sent, tell_redelivered, as_json=as_json)


@operator_command("console", "Print a link into the operations page.", reads=False)
def console_command(context: click.Context, /, as_json: bool, **where: Any) -> None:
    """Print a link into the operations page (/console). It works once, within ten minutes; whoever has it comes in."""
    from checkout.operating.telling import tell_console_link

    link = ask_service(context, Where(**where), lambda service: service.console_link())
    show_answer(link, tell_console_link, as_json=as_json)


commands = (
    explain_command,
    review_command,
    settle_command,
    holds_command,
    deliveries_command,
    redeliver_command,
    console_command,
    sts_commands,
    statement_command,
    orders_commands,
    feed_commands,
    inventory_commands,
)
