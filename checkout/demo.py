"""`checkout demo`: the service, a brand's site and, as a process of its own, the sandbox, with everything filled in."""

import base64
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx

from checkout.database import require_unused
from checkout.demo_site import PICTURED, running_site
from checkout.sandbox import BRAND_TOKEN, WEBHOOK_TOKEN
from checkout.serving import CannotServe, open_socket
from checkout.settings import Settings, load_settings

PUBLISHABLE_KEY = "cpk_test_demo"
SECRET_KEY = "csk_test_demo"  # noqa: S105  The demo serves made-up stores on this machine only.
_LOCALLYS_ACCOUNT = "acct_demo_locally"  # Locally stands on the statement of what is shipped to a store.
_SANDBOX_START_SECONDS = 30
_PORTS_TO_TRY = 20

# Reading back takes minutes in earnest; whoever plays with faults wants to see the outcome.
_QUICK_SPANS = {
    "CHECKOUT_READBACK_DELAYS": "0.5,1,2,3,5",
    "CHECKOUT_READBACK_INTERVAL": "5",
    "CHECKOUT_READBACK_UNTIL": "60",
    "CHECKOUT_NOT_PLACED_AFTER": "15",
    "CHECKOUT_NOT_PLACED_AFTER_REFUSAL": "5",
    "CHECKOUT_LATE_LOOKS": "30,120,600",
    "CHECKOUT_RECOVERY_INTERVAL": "2",
    "CHECKOUT_DRAIN_NOTICE": "0",
}


@dataclass(frozen=True)
class Facts:
    """What whoever runs the demo needs to know; printed as one line of JSON with `--json`."""

    url: str
    sandbox_url: str
    brand_url: str
    publishable_key: str
    secret_key: str
    webhook_token: str
    locally_token: str


class SandboxFailed(Exception):
    """The sandbox did not start; the message says why."""


def claim_files(database: str) -> Path:
    """The database's full path, in a folder that exists. Raises SettingsFault where another demo runs on it, OSError.

    A second demo must not get as far as writing the catalogue or sharing the first one's sandbox.
    """
    path = Path(database.removeprefix("sqlite:///")).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    require_unused(path)
    return path


def sandbox_state(database: Path) -> Path:
    """The sandbox's own file, beside the database."""
    return database.with_name(f"{database.name}.sandbox")


@contextmanager
def running_sandbox(port: int, state: Path) -> Iterator[str]:
    """The sandbox as a child process; gives its URL. Raises SandboxFailed.

    It ends with us whatever happens: its standard input is a pipe that only we hold open. It runs in a session of its
    own, so that Ctrl-C stops the service first and no answer is lost on the way out.
    """
    command = [sys.executable, "-m", "checkout", "sandbox", "--port", str(port), "--state", str(state), "--json"]
    child = subprocess.Popen(  # noqa: S603  Our own program.
        [*command, "--until-stdin-ends"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        yield _url_of(child)
    finally:
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _url_of(child: "subprocess.Popen[bytes]") -> str:
    """What the child says once it serves; it ends without a word where it cannot."""
    line = child.stdout.readline() if child.stdout else b""
    if not line:
        raise SandboxFailed("the sandbox did not start; its own line above says why")
    return str(json.loads(line)["url"])


@contextmanager
def running_brand_site(port: int, service_url: str) -> Iterator[str]:
    """The brand's site, on that port or the next one that is free; gives its URL. Raises CannotServe."""
    with _open_next(port) as listener, running_site(listener, service_url) as url:
        yield url


def _open_next(port: int) -> socket.socket:
    for candidate in range(port, min(port + _PORTS_TO_TRY, 65536)):
        try:
            return open_socket("127.0.0.1", candidate)
        except CannotServe:
            continue
    raise CannotServe(f"no port from {port} on is free for the brand's site; choose another with --brand-port")


def demo_settings(url: str, sandbox_url: str, brand_url: str, database: Path) -> Settings:
    """The demo's settings; any CHECKOUT_... variable of the environment overrides them.

    Raises SettingsFault for those that do not fit.
    """
    catalogue = _write_catalogue(sandbox_url, brand_url, database)
    demo = {
        "CHECKOUT_LOCALLY_API_TOKEN": BRAND_TOKEN,
        "CHECKOUT_LOCALLY_COMPANY_ID": "1",
        "CHECKOUT_LOCALLY_WEBHOOK_TOKENS": WEBHOOK_TOKEN,
        "CHECKOUT_STRIPE_SECRET_KEY": "sk_test_demo",
        "CHECKOUT_STRIPE_PUBLISHABLE_KEY": "pk_test_demo",
        "CHECKOUT_STRIPE_WEBHOOK_SECRETS": "whsec_demo",
        "CHECKOUT_STRIPE_JS_URL": f"{sandbox_url}/stripe.js",
        "CHECKOUT_STRIPE_ACCOUNTS": json.dumps(
            {"sts": {"account": _LOCALLYS_ACCOUNT, "publishable_key": "pk_test_demo"}}
        ),
        "CHECKOUT_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
        "CHECKOUT_SECRET_KEY": SECRET_KEY,
        "CHECKOUT_ENCRYPTION_KEY": _encryption_key(database),
        "CHECKOUT_PATHS": "bopis,ropis,sts",
        "CHECKOUT_FEED_TOKEN": "demo_feed_token_0000",
        "CHECKOUT_BRAND": "demo",
        "CHECKOUT_BRAND_NAME": "Ridgeline",
        "CHECKOUT_THEME": '{"primary": "#1f5a41", "dark": {"link": "#8fd0af"}}',
        "CHECKOUT_CATALOGUE": str(catalogue),
        "CHECKOUT_MUTE_COMMS": "true",  # The sandbox writes to nobody; the service does, into its mailbox.
        "CHECKOUT_MAIL_FROM": "Ridgeline <orders@ridgeline.example>",
        "CHECKOUT_SMTP_URL": _mailbox_of(sandbox_url),
        "CHECKOUT_SANDBOX_CLOCK": "1",
        "CHECKOUT_LOG_LEVEL": "warning",
        "CHECKOUT_PUBLIC_URL": url,
        **_QUICK_SPANS,
    }
    ours = {
        "CHECKOUT_LOCALLY_BASE_URL": sandbox_url,
        "CHECKOUT_STRIPE_API_BASE": sandbox_url,
        "CHECKOUT_DATABASE_URL": f"sqlite:///{database}",
        "CHECKOUT_ORIGINS": ",".join(filter(None, (os.environ.get("CHECKOUT_ORIGINS"), brand_url))),
    }
    settings = load_settings({**demo, **os.environ, **ours})
    _send_webhooks(sandbox_url, url, settings)
    _set_up_shipping(sandbox_url, url, settings)
    return settings


def _mailbox_of(sandbox_url: str) -> str:
    """Where the sandbox takes mail; it listens by the time it says that it is ready."""
    answer = httpx.get(f"{sandbox_url}/_sandbox/mails.json", timeout=_SANDBOX_START_SECONDS, trust_env=False)
    return str(answer.json()["smtp_url"])


def facts_of(settings: Settings, url: str, sandbox_url: str, brand_url: str) -> Facts:
    tokens = settings.locally_webhook_tokens
    return Facts(
        url=url,
        sandbox_url=sandbox_url,
        brand_url=brand_url,
        publishable_key=settings.publishable_key,
        secret_key=settings.secret_key.get_secret_value(),
        webhook_token=tokens[0].get_secret_value() if tokens else "",
        locally_token=settings.locally_api_token.get_secret_value(),
    )


def as_json(facts: Facts) -> str:
    return json.dumps(asdict(facts))


def as_text(facts: Facts) -> str:
    """What stands on the terminal while the demo runs, 80 columns wide."""
    sandbox = f"{facts.sandbox_url}/_sandbox"
    width = len(f"{sandbox}/stores")
    return f"""
The demo is running. Everything in it is made up: stores, cards, money, mail.

  A brand's site   {facts.brand_url:<{width}}  buy here
  The stores       {sandbox}/stores  answer orders here
  The mailbox      {sandbox + "/mails":<{width}}  what the shopper gets
  The ledger       {sandbox + "/ledger":<{width}}  orders, holds, calls
  The service      {facts.url:<{width}}  a guide for people

  publishable key  {facts.publishable_key}
  secret key       {facts.secret_key}

Card 4242 4242 4242 4242 pays. Or buy in a second terminal:

  {_try_line(facts)}

Ctrl-C ends all of it.
"""


def _try_line(facts: Facts) -> str:
    """How to buy here: without what `checkout try` takes for granted."""
    url = "" if facts.url.endswith(":8000") else f" --url {facts.url}"
    key = "" if facts.publishable_key == PUBLISHABLE_KEY else f" --key {facts.publishable_key}"
    return f".venv/bin/checkout try{url}{key}"


def _encryption_key(database: Path) -> str:
    """A key kept beside the database, so that what it sealed can be opened after a restart."""
    path = database.with_name(f"{database.name}.key")
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
    return path.read_text()


def _send_webhooks(sandbox_url: str, url: str, settings: Settings) -> None:
    """Let the sandbox tell the service of its orders and cards, with secrets that both know."""
    wanted: dict[str, str] = {}
    for token in settings.locally_webhook_tokens[:1]:
        wanted |= {"locally_url": f"{url}/webhooks/locally", "locally_token": token.get_secret_value()}
    for secret in settings.stripe_webhook_secrets[:1]:
        wanted |= {"stripe_url": f"{url}/webhooks/stripe", "stripe_secret": secret.get_secret_value()}
    if wanted:
        _control(f"{sandbox_url}/_sandbox/webhooks", wanted)


def _set_up_shipping(sandbox_url: str, url: str, settings: Settings) -> None:
    """What Locally's panel knows of ship-to-store: its own Stripe account, and the address of the feed.

    Nobody has imported a feed yet, so that it is one for later.
    """
    own = settings.stripe_accounts.get("sts")
    _control(f"{sandbox_url}/_sandbox/settings", {"sts_account": own.account if own else ""})
    if settings.feed_token is not None:
        address = f"{url}/feeds/{settings.feed_token.get_secret_value()}/available-to-sell.csv"
        _control(f"{sandbox_url}/_sandbox/feed", {"url": address, "later": True})


def _control(address: str, wanted: dict[str, Any]) -> None:
    httpx.post(address, json=wanted, timeout=_SANDBOX_START_SECONDS, trust_env=False).raise_for_status()


def _write_catalogue(sandbox_url: str, brand_url: str, database: Path) -> Path:
    """The brand's catalogue, as the service reads it from a file, from what the sandbox sells."""
    path = database.with_name(f"{database.name}.catalogue.json")
    answer = httpx.get(f"{sandbox_url}/_sandbox/catalogue", timeout=_SANDBOX_START_SECONDS, trust_env=False)
    rows = [_catalogue_row(product, sandbox_url, brand_url) for product in answer.json()["products"]]
    path.write_text(json.dumps({"products": rows}, indent=1))
    return path


def _catalogue_row(product: dict[str, Any], sandbox_url: str, brand_url: str) -> dict[str, Any]:
    upc = product["upc"]
    pictured = f"{brand_url}/pictures/{upc}.svg" if upc in PICTURED else f"{sandbox_url}{product['image_url']}"
    return {
        "upc": upc,
        "name": product["name"],
        "image_url": pictured,
        "price": f"{product['price'] / 100:.2f}",
        "currency": product["currency"],
        "style": product["style"],
        "attributes": product["attributes"],
    }
