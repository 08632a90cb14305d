"""`checkout statement`: what a month of ship-to-store became payable to whom."""

import re
from typing import Any

import click

from checkout.operating.common import Where, ask_service, operator_command, show_answer


@operator_command("statement", "Tell what a month of ship-to-store made payable, and to whom.", reads=False)
@click.argument("month", metavar="MONTH", help="Which month, in UTC, such as 2026-11.")
@click.option("--csv", "form", flag_value="text/csv", help="Every line, for a spreadsheet.")
@click.option("--html", "form", flag_value="text/html", help="A page to print.")
def statement_command(context: click.Context, /, month: str, form: str | None, as_json: bool, **where: Any) -> None:
    """Tell what a month (2026-11, in UTC) of ship-to-store made payable to the brand and to each store.

    Locally audits a month on days 1 to 7 of the next one, and pays on days 8 to 12.
    """
    from checkout.operating.sts_telling import tell_statement

    if not re.fullmatch("20[0-9]{2}-(0[1-9]|1[0-2])", month):
        raise click.UsageError("MONTH must be a month such as 2026-11.")
    if form is not None and as_json:
        raise click.UsageError("Give one of --csv, --html and --json.")
    if form is not None:
        text = ask_service(context, Where(**where), lambda service: service.statement_text(month, form))
        click.echo(text, nl=False)
        return
    found = ask_service(context, Where(**where), lambda service: service.statement(month))
    show_answer(found, tell_statement, as_json=as_json)
