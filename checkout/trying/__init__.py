"""`checkout try`: buys something over the public HTTP API of a running service, step by step, and tells what it does.

It is a client like any other: it knows the published API and imports nothing of the service. What it runs on is
imported when it runs, so that help does not wait for it.
"""

import asyncio
import json
from typing import Any

import click

from checkout.terminal import check_url

__all__ = ["DEMO_KEY", "DEMO_UPC", "try_command"]

DEMO_KEY = "cpk_test_demo"
DEMO_UPC = "068648100001"


def check_upcs(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    return value or (DEMO_UPC,)


@click.command(
    "try",
    short_help="Buy something over the public API.",
    epilog="Exit codes: 0 an order, 1 refused, 2 wrong usage, 3 service unreachable or outcome not settled in time.",
    context_settings={"show_default": True},
)
@click.option("--url", default="http://127.0.0.1:8000", callback=check_url, help="Where the service is.")
@click.option("--key", default=DEMO_KEY, envvar="CHECKOUT_TRY_KEY", show_envvar=True, help="A publishable key.")
@click.option("--card", default="pm_card_visa", help="A test PaymentMethod of Stripe's.")
@click.option(
    "--upc",
    "upcs",
    multiple=True,
    callback=check_upcs,
    envvar="CHECKOUT_TRY_UPC",
    show_envvar=True,
    show_default=False,
    help=f"What to buy; repeatable.  [default: {DEMO_UPC}]",
)
@click.option("--quantity", type=click.IntRange(min=1), default=1, help="How many of each.")
@click.option("--near", default="60605", help="A place by name or postal code, or LAT,LNG.")
@click.option("--path", type=click.Choice(["bopis", "ropis", "sts"]), default="bopis", help="The path to purchase.")
@click.option("--store", type=int, default=None, help="A store's id; else the first that holds the whole cart.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=60.0, help="Seconds for placing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the story.")
@click.pass_context
def try_command(context: click.Context, /, as_json: bool, **options: Any) -> None:
    """Buy something over the public HTTP API of a running service.

    It tells step by step what is sent and what is answered, as a brand's page would do it: find a place and a store,
    ask the price, open a checkout, set up a card, place the order, read it.
    """
    import httpx

    from checkout.trying.buying import buy
    from checkout.trying.calling import Case
    from checkout.trying.telling import Narrator

    # Whoever embeds the command may hand over an httpx transport as the context's object, in place of the network.
    transport = context.obj if isinstance(context.obj, httpx.AsyncBaseTransport) else None
    result, exit_code = asyncio.run(buy(Case(**options), Narrator(quiet=as_json), transport))
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
    context.exit(exit_code)
