"""The command line. Settings are read here and nowhere else.

Each command imports what it runs, so that help and `checkout try` do not wait for the service's libraries.
"""

import gc
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from checkout import __version__, operating
from checkout.errors import SettingsFault
from checkout.trying import try_command

if TYPE_CHECKING:
    from checkout.database import Migration

_CONFIGURATION = 2  # The exit status for settings that must be mended.
_PORT = click.IntRange(0, 65535)


@contextmanager
def _importing() -> Iterator[None]:
    """No garbage is looked for meanwhile: what is imported stays, and going over it again and again takes long."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="checkout")
def main() -> None:
    """A headless checkout: carts of a brand's site become orders at local stores."""


main.add_command(try_command)
for operating_command in operating.commands:
    main.add_command(operating_command)


@main.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=8000, type=_PORT, show_default=True, help="Where to listen; 0 takes a free port.")
def serve_command(host: str, port: int) -> None:
    """Run the service alone.

    Its settings come from the environment and from a file .env in this folder; .env.example explains each.
    """
    with _importing():
        from checkout.app import create_app
        from checkout.serving import CannotServe, open_socket, serve, set_up_logging, url_of
        from checkout.settings import load_settings

    try:
        settings = load_settings()
        set_up_logging(settings.log_level)
        with open_socket(host, port) as listener:
            url = url_of(listener)
            if "public_url" not in settings.model_fields_set:
                settings = settings.model_copy(update={"public_url": url})
            serve(
                create_app(settings),
                settings,
                listener,
                on_ready=lambda: click.echo(f"Serving on {url} (Ctrl-C ends)", err=True),
            )
    except (SettingsFault, CannotServe) as error:
        _give_up(error)


@main.command("demo", short_help="Run service and sandbox, with everything filled in.")
@click.option("--port", default=8000, type=_PORT, show_default=True, help="The service's port; 0 takes a free one.")
@click.option(
    "--sandbox-port", default=9000, type=_PORT, show_default=True, help="The sandbox's port; 0 takes a free one."
)
@click.option(
    "--brand-port",
    default=8001,
    type=_PORT,
    show_default=True,
    help="The brand's site's port, or the next one that is free; 0 takes any.",
)
@click.option(
    "--database",
    default=".demo/checkout.db",
    show_default=True,
    metavar="FILE",
    help="The service's SQLite file; the sandbox keeps its own beside it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print URLs and keys as one line of JSON once it serves.")
def demo_command(port: int, sandbox_port: int, brand_port: int, database: str, as_json: bool) -> None:
    """Run service, sandbox and a brand's site with everything filled in: no account needed.

    Everything in it is made up: stores, cards, money. Two demos run side by side with ports and databases of their own.
    """
    with _importing():
        from checkout import demo
        from checkout.app import create_app
        from checkout.serving import CannotServe, open_socket, serve, set_up_logging, url_of

    try:
        path = demo.claim_files(database)
        listener = open_socket("127.0.0.1", port)
        url = url_of(listener)
        with (
            listener,
            demo.running_sandbox(sandbox_port, demo.sandbox_state(path)) as sandbox_url,
            demo.running_brand_site(brand_port, url) as brand_url,
        ):
            settings = demo.demo_settings(url, sandbox_url, brand_url, path)
            set_up_logging(settings.log_level)
            facts = demo.facts_of(settings, url, sandbox_url, brand_url)
            text = demo.as_json(facts) if as_json else demo.as_text(facts)
            serve(create_app(settings), settings, listener, on_ready=lambda: click.echo(text))
    except (SettingsFault, CannotServe, demo.SandboxFailed) as error:
        _give_up(error)
    except OSError as error:
        _give_up(f"cannot keep the demo's files beside {database}: {error.strerror}; choose another with --database")


@main.command("sandbox", short_help="Run a stand-in for Locally and Stripe.")
@click.option("--port", default=9000, type=_PORT, show_default=True, help="Where to listen; 0 takes a free port.")
@click.option("--mail-port", default=0, type=_PORT, help="Where to take mail; else on a free port.")
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path), help="Keep the state in this file; else in memory."
)
@click.option("--json", "as_json", is_flag=True, help="Print the URL and the tokens as one line of JSON.")
@click.option("--until-stdin-ends", is_flag=True, hidden=True)
def sandbox_command(port: int, mail_port: int, state: Path | None, as_json: bool, until_stdin_ends: bool) -> None:
    """Run a stand-in for Locally and Stripe, for people without keys.

    It plays a made-up brand with stores, stock, prices, cards and faults, and forgets what was done unless --state is
    given.
    """
    with _importing():
        from checkout import sandbox
        from checkout.serving import CannotServe, open_socket

    try:
        for wanted in (port, mail_port):
            open_socket("127.0.0.1", wanted).close()
    except CannotServe as error:
        _give_up(error)
    if until_stdin_ends:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    sandbox.run(
        port=port, mail_port=mail_port, state=state, on_ready=lambda bound: _tell_sandbox(bound, as_json=as_json)
    )


@main.command("migrate", short_help="Bring the database to this version's schema.")
@click.option(
    "--database", metavar="URL-OR-FILE", help="Which database; else CHECKOUT_DATABASE_URL, else checkout.db here."
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON instead.")
def migrate_command(database: str | None, as_json: bool) -> None:
    """Bring the database to the schema of this version, all or nothing.

    Stop the service and take a copy of the database first. An empty database gets its tables; a present one is left
    alone. No other setting is needed.
    """
    import asyncio

    from checkout.database import migrate_database
    from checkout.settings import load_database_url

    plans: list[Migration] = []

    def tell(plan: "Migration") -> None:
        plans.append(plan)
        for version, says in () if as_json else plan.steps:
            click.echo(f"Step {version}: {says}")

    try:
        asyncio.run(migrate_database(load_database_url(database), tell))
    except SettingsFault as error:
        _give_up(error)
    _tell_migration(plans[0], as_json=as_json)


def _tell_migration(done: "Migration", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"before": done.before, "after": done.after, "steps": [step for step, _ in done.steps]}))
    elif not done.steps:
        click.echo(f"The database has schema {done.after} already; nothing was changed.")
    else:
        click.echo(f"The database went from {done.before or 'empty'} to schema {done.after}.")


def _tell_sandbox(port: int, *, as_json: bool) -> None:
    from checkout import sandbox

    url = f"http://127.0.0.1:{port}"
    if as_json:
        tokens = {"brand_token": sandbox.BRAND_TOKEN, "retailer_token": sandbox.RETAILER_TOKEN}
        click.echo(json.dumps({"url": url, **tokens}))
        return
    click.echo(f"The sandbox is running on {url} (Ctrl-C ends).")
    click.echo(f"Locally's token: {sandbox.BRAND_TOKEN}; Stripe's keys: any sk_test_... and pk_test_...")


def _end_with_stdin() -> None:
    """End when the process that started us does, however it ends."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _give_up(error: Exception | str) -> None:
    for line in str(error).splitlines():
        click.echo(f"checkout: {line}", err=True)
    sys.exit(_CONFIGURATION)


if __name__ == "__main__":
    main()
