"""What all operators' commands share: their options, and how the service, or the records of a stopped one, is asked."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import click

from checkout.terminal import check_url

DEMO_SECRET_KEY = "csk_test_demo"  # noqa: S105  The demo's key, which opens nothing but the demo.

_URL = "http://127.0.0.1:8000"
_EPILOG = "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 service unreachable."


def _key_of_this_folder() -> str:
    """The secret key where `checkout serve` finds it too, so that it need not be typed."""
    from dotenv import dotenv_values

    return dotenv_values(".env").get("CHECKOUT_SECRET_KEY") or DEMO_SECRET_KEY


def operator_command(
    name: str, short_help: str, *, reads: bool = True
) -> Callable[[Callable[..., None]], click.Command]:
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


def ask_service(context: click.Context, where: Where, ask: Callable[[Any], Any]) -> Any:
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


def show_answer(document: Any, text: Callable[[Any], str], *, as_json: bool) -> None:
    click.echo(json.dumps(document, ensure_ascii=False) if as_json else text(document))
