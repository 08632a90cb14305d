"""`checkout feed` and `checkout inventory`: what can be shipped to stores, and what a store has on its shelves."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from checkout.operating.common import Where, ask_service, operator_command, show_answer

_PIECE = 1 << 16
_NO_FILE = "Exit codes: 0 done, 1 refused or stale, 2 wrong usage."
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")


@click.group("feed", short_help="The feed of what the warehouse can ship to stores.")
def feed_commands() -> None:
    """The available-to-sell feed: what the warehouse can ship to stores, which Locally reads every hour."""


@operator_command("import", "Check a file of CSV, and serve it to Locally.", reads=False)
@click.argument("file", type=click.File("rb"), help="The file of CSV; - is the standard input.")
@click.option("--force", is_flag=True, help="Also if it has less than half of the rows or pieces that are served.")
@click.option("--check", is_flag=True, help="Only check it, here: no service is asked.")
def import_command(
    context: click.Context, /, file: BinaryIO, force: bool, check: bool, as_json: bool, **where: Any
) -> None:
    """Check a file of CSV (- is the standard input) and serve it to Locally, if every row of it is sound.

    Columns: upc, qty, then percent or split_flat, shipping and country, which may be left out.
    """
    from checkout.operating.feed_telling import tell_import

    if check:
        _check(context, file, as_json=as_json)
        return
    _require_service(where)
    done = ask_service(context, Where(**where), lambda service: _send(service, file, force=force, as_json=as_json))
    show_answer(done, tell_import, as_json=as_json)


@operator_command("status", "Tell how fresh the feed is, and who read it last.", reads=False)
def status_command(context: click.Context, /, as_json: bool, **where: Any) -> None:
    """Tell how fresh the served feed is, and who read it last. The exit code is 1 where it is stale."""
    from checkout.operating.feed_telling import tell_standing

    _require_service(where)
    standing = ask_service(context, Where(**where), lambda service: service.feed())
    show_answer(standing, tell_standing, as_json=as_json)
    context.exit(1 if standing["stale"] else 0)


@click.group("inventory", short_help="The file of what a store has on its shelves.")
def inventory_commands() -> None:
    """The inventory of a store, as Locally reads it for PushCart. No service is needed."""


@inventory_commands.command("export", short_help="Write the documented file from any CSV.", epilog=_NO_FILE)
@click.argument(
    "source", metavar="IN.csv", type=click.File("rb"), help="What the till exports; - is the standard input."
)
@click.argument(
    "target", metavar="OUT.csv", type=click.Path(dir_okay=False, path_type=Path), help="What Locally is to read."
)
@click.option("--currency", default="USD", show_default=True, help="That of the prices, which says their decimals.")
@click.option("--force", is_flag=True, help="Also if it is empty, or has less than half of the rows of OUT.csv.")
@_as_json
@click.pass_context
def export_command(
    context: click.Context, source: BinaryIO, target: Path, currency: str, force: bool, as_json: bool
) -> None:
    """Write UPC, quantity and price as Locally documents them, if every row of IN.csv is sound.

    OUT.csv is replaced as a whole or not at all: whoever sends it to Locally never finds half a file.
    """
    from checkout.operating.inventory import export_inventory

    _finish(context, export_inventory(source, target, currency.upper(), force=force), as_json=as_json)


@inventory_commands.command("status", short_help="Tell how old a file is.", epilog=_NO_FILE)
@click.argument(
    "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="What Locally reads."
)
@click.option(
    "--limit",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HOURS",
    help="After how many it is stale: Locally's documents say 24 and 72. Else CHECKOUT_FEED_STALE_AFTER, else 24.",
)
@_as_json
@click.pass_context
def age_command(context: click.Context, file: Path, limit: float | None, as_json: bool) -> None:
    """Tell how old a store's file is. Beyond the limit Locally turns PushCart off, and the exit code is 1."""
    from checkout.operating.inventory import tell_age_of

    _finish(context, tell_age_of(file, limit), as_json=as_json)


def _check(context: click.Context, file: BinaryIO, *, as_json: bool) -> None:
    from checkout.operating.inventory import check_feed

    _finish(context, check_feed(file), as_json=as_json)


def _finish(context: click.Context, found: tuple[dict[str, Any], list[str], bool], *, as_json: bool) -> None:
    """Print a document or its lines; where it is not well, to the other output and with exit code 1."""
    document, lines, is_well = found
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
    for line in () if as_json else lines:
        click.echo(line, err=not is_well)
    context.exit(0 if is_well else 1)


def _send(service: Any, file: BinaryIO, *, force: bool, as_json: bool) -> Any:
    """What the service makes of the file; with --json, also its no is told as a document."""
    from checkout.operating.calling import Refused

    try:
        return service.import_feed(_pieces(file), forced=force)
    except Refused as refusal:
        if as_json and refusal.problem is not None:
            click.echo(json.dumps(refusal.problem, ensure_ascii=False))
        raise


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of the file, with a bar on the terminal where its length is known."""
    path = Path(str(getattr(file, "name", "")))
    if not path.is_file():
        while piece := file.read(_PIECE):
            yield piece
        return
    with click.progressbar(
        length=path.stat().st_size, label="Sending", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        while piece := file.read(_PIECE):
            yield piece
            bar.update(len(piece))


def _require_service(where: dict[str, Any]) -> None:
    if where["database"]:
        raise click.UsageError("This needs the running service: name it with --url.")


feed_commands.add_command(import_command)
feed_commands.add_command(status_command)
