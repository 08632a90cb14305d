"""`checkout explain`, `review`, `settle` and `holds`: what operators ask a running service, and decide.

They are clients of the public API like any other, with the secret key. With `--database` they read the records of a
service that is stopped, and change nothing. What they run on is imported when they run, so that help does not wait.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import click

from checkout.terminal import check_url

__all__ = ["DEMO_SECRET_KEY", "commands"]

DEMO_SECRET_KEY = "csk_test_demo"  # noqa: S105  The demo's key, which opens nothing but the demo.

_URL = "http://127.0.0.1:8000"
_EPILOG = "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 service unreachable."


def _key_of_this_folder() -> str:
    """The secret key where `checkout serve` finds it too, so that it need not be typed."""
    from dotenv import dotenv_values

    return dotenv_values(".env").get("CHECKOUT_SECRET_KEY") or DEMO_SECRET_KEY


def _operating(name: str, short_help: str, *, reads: bool = True) -> Callable[[Callable[..., None]], click.Command]:
    """A command with the options that all of these have; one that decides has no use for a stopped service."""

    def made(function: Callable[..., None]) -> click.Command:
        with_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")(function)
        with_key = click.option(
            "--key",
            default=_key_of_this_folder,
            show_default="that of .env in this folder, or the demo's",
            envvar="CHECKOUT_SECRET_KEY",
            show_envvar=True,
            help="The secret key.",
        )(with_json)
        with_database = click.option(
            "--database",
            metavar="FILE",
            hidden=not reads,
            help="Read the records of a stopped service: its SQLite file, or a postgresql:// URL. Needs no key.",
        )(with_key)
        with_url = click.option(
            "--url",
            default=_URL,
            show_default=True,
            callback=check_url,
            help="Where the service is.",
        )(with_database)
        return click.command(name, short_help=short_help, epilog=_EPILOG)(click.pass_context(with_url))

    return made


class Where(NamedTuple):
    """Which service is asked: a running one, or the records of one that is stopped."""

    url: str
    database: str | None
    key: str

    @property
    def options(self) -> str:
        """What to give the next command so that it asks the same service."""
        return "" if self.database or self.url == _URL else f" --url {self.url}"


def _run(context: click.Context, where: Where, ask: Callable[[Any], Any]) -> Any:
    """What `ask` makes of the service or its records; a refusal ends the command with its explanation."""
    from checkout.operating.calling import Stopped

    if where.database and context.get_parameter_source("url") is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("Give either --url, of a running service, or --database, of a stopped one.")
    try:
        with _answering(context, where) as service:
            return ask(service)
    except Stopped as error:
        for line in error.lines:
            click.echo(f"checkout: {line}", err=True)
        context.exit(error.exit_code)


def _answering(context: click.Context, where: Where) -> AbstractContextManager[Any]:
    if where.database:
        from checkout.operating.records import Records

        return nullcontext(Records(where.database))
    import httpx

    from checkout.operating.calling import open_service

    # Whoever embeds the command may hand over an httpx transport as the context's object, in place of the network.
    transport = context.obj if isinstance(context.obj, httpx.BaseTransport) else None
    return open_service(where.url, where.key, transport)


def _print(document: Any, text: Callable[[Any], str], *, as_json: bool) -> None:
    click.echo(json.dumps(document, ensure_ascii=False) if as_json else text(document))


@_operating("explain", "Tell the story of a checkout or an order.")
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
    found = _run(context, Where(**where), lambda service: service.story(name))
    _print(found, tell_story, as_json=as_json)


@_operating("review", "List what needs a person, with the evidence.")
def review_command(context: click.Context, /, as_json: bool, **where: Any) -> None:
    """List the attempts that need a person, with the evidence."""
    from checkout.operating.telling import tell_reviews

    asked = Where(**where)
    reviews = _run(context, asked, lambda service: service.reviews())
    _print(reviews, partial(tell_reviews, now=datetime.now(UTC), options=asked.options), as_json=as_json)


@_operating("settle", "Decide what became of an attempt in doubt.", reads=False)
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
    settled = _run(context, Where(**where), lambda service: service.settle(checkout_id, decision))
    _print(settled, tell_settled, as_json=as_json)


@_operating("holds", "List the holds on cards that may be open.")
def holds_command(context: click.Context, /, as_json: bool, **where: Any) -> None:
    """List the holds on shoppers' cards that may be open, with amount and expected release."""
    from checkout.operating.telling import tell_holds

    _print(_run(context, Where(**where), lambda service: service.holds()), tell_holds, as_json=as_json)


commands = (explain_command, review_command, settle_command, holds_command)
