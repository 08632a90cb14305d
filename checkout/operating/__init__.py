"""`checkout explain`, `review`, `settle` and `holds`: what operators ask a running service, and decide.

They are clients of the public API like any other, with the secret key, and import nothing of the service. What they run
on is imported when they run, so that help does not wait for it.
"""

import json
from collections.abc import Callable
from typing import Any

import click

from checkout.terminal import check_url

__all__ = ["DEMO_SECRET_KEY", "commands"]

DEMO_SECRET_KEY = "csk_test_demo"  # noqa: S105  The demo's key, which opens nothing but the demo.

_EPILOG = "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 service unreachable."


def _operating(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """A command with the options that all of these have."""

    def made(function: Callable[..., None]) -> click.Command:
        with_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")(function)
        with_key = click.option(
            "--key",
            default=DEMO_SECRET_KEY,
            show_default="the demo's",
            envvar="CHECKOUT_SECRET_KEY",
            show_envvar=True,
            help="The secret key.",
        )(with_json)
        with_url = click.option(
            "--url",
            default="http://127.0.0.1:8000",
            show_default=True,
            callback=check_url,
            help="Where the service is.",
        )(with_key)
        return click.command(name, epilog=_EPILOG)(click.pass_context(with_url))

    return made


def _run(context: click.Context, url: str, key: str, ask: Callable[[Any], Any]) -> Any:
    """What `ask` makes of the service; a refusal ends the command with its explanation."""
    import httpx

    from checkout.operating.calling import Refused, Unreachable, open_service

    # Whoever embeds the command may hand over an httpx transport as the context's object, in place of the network.
    transport = context.obj if isinstance(context.obj, httpx.BaseTransport) else None
    try:
        with open_service(url, key, transport) as service:
            return ask(service)
    except (Refused, Unreachable) as error:
        for line in error.lines:
            click.echo(f"checkout: {line}", err=True)
        context.exit(error.exit_code)


def _print(document: Any, text: Callable[[Any], str], *, as_json: bool) -> None:
    click.echo(json.dumps(document, ensure_ascii=False) if as_json else text(document))


@_operating("explain")
@click.argument("record_id", metavar="ID", help="A checkout (chk_...) or an order (ord_...).")
def explain_command(context: click.Context, /, record_id: str, url: str, key: str, as_json: bool) -> None:
    """Tell the story of a checkout (chk_...) or an order (ord_...): each step, upstream call and decision."""
    from checkout.operating.telling import tell_story

    if not record_id.startswith(("chk_", "ord_")):
        raise click.UsageError("ID must be that of a checkout (chk_...) or an order (ord_...).")
    found = _run(context, url, key, lambda service: service.story(record_id))
    _print(found, tell_story, as_json=as_json)


@_operating("review")
def review_command(context: click.Context, /, url: str, key: str, as_json: bool) -> None:
    """List the attempts that need a person, with the evidence."""
    from checkout.operating.telling import tell_reviews

    _print(_run(context, url, key, lambda service: service.reviews()), tell_reviews, as_json=as_json)


@_operating("settle")
@click.argument("checkout_id", metavar="ID", help="The checkout (chk_...), as `checkout review` names it.")
@click.option("--placed", metavar="HASH", help="There is an order: the hash of its cart, as Locally shows it.")
@click.option("--not-placed", is_flag=True, help="There is no order: the checkout is closed for good.")
def settle_command(
    context: click.Context,
    /,
    checkout_id: str,
    placed: str | None,
    not_placed: bool,
    url: str,
    key: str,
    as_json: bool,
) -> None:
    """Decide whether the attempt in doubt of a checkout became an order. Look at Locally first: it is final."""
    from checkout.operating.telling import tell_settled

    if (placed is not None) == not_placed:
        raise click.UsageError("Give either --placed HASH or --not-placed.")
    decision: dict[str, Any] = {"not_placed": True} if placed is None else {"placed": placed}
    settled = _run(context, url, key, lambda service: service.settle(checkout_id, decision))
    _print(settled, tell_settled, as_json=as_json)


@_operating("holds")
def holds_command(context: click.Context, /, url: str, key: str, as_json: bool) -> None:
    """List the holds on shoppers' cards that may be open, with amount and expected release."""
    from checkout.operating.telling import tell_holds

    _print(_run(context, url, key, lambda service: service.holds()), tell_holds, as_json=as_json)


commands = (explain_command, review_command, settle_command, holds_command)
