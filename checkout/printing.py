"""Pages to print, and to keep as one file: the monthly statement of ship-to-store."""

import base64
import hashlib
import re

from checkout.money import Balance
from checkout.schemas import StatementBody
from checkout.wording.languages import ENGLISH
from checkout.wording.templates import load_templates

_PAGE = "statement/statement.html"
_TEMPLATE = load_templates(lambda name: name == _PAGE)[_PAGE]
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def printed_statement(body: StatementBody, brand: str) -> tuple[str, str]:
    """The page, and the Content-Security-Policy under which it is shown."""
    page = _TEMPLATE.render(language=ENGLISH, statement=body, brand=brand, shown=_shown)
    return page, _policy(page)


def _shown(balance: Balance) -> str:
    """-1,234.50 USD"""
    return f"{balance.to_decimal():,f} {balance.currency}"


def _policy(page: str) -> str:
    """Nothing but the page's own styles, which stand in it so that it can be kept as one file."""
    found = _STYLE.search(page)
    digest = base64.b64encode(hashlib.sha256(found[1].encode() if found else b"").digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
