"""From an order to the message that is sent: text and HTML, in the shopper's language."""

import hashlib
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, NamedTuple

from email_validator import EmailNotValidError, validate_email

from checkout.mailing.choosing import MailKind
from checkout.mailing.words import Wording, offers_rescue, says_where, what_to_bring, word_links, word_mail
from checkout.orders import Order, zone_of
from checkout.settings import Settings
from checkout.wording.hours import describe_week
from checkout.wording.items import describe_item, name_item
from checkout.wording.languages import Language
from checkout.wording.reaching import address_lines, map_url, read_phone
from checkout.wording.templates import load_templates

_TEXTS = load_templates(lambda name: name.startswith("mail/") and name.endswith(".txt"), escape=False)
_PAGES = load_templates(lambda name: name.startswith("mail/") and name.endswith(".html"))
# Where the page of an order offers other stores for what was declined.
_RESCUE = "#rescue"


class Letter(NamedTuple):
    """A mail as it is read."""

    subject: str
    text: str
    html: str


def write_letter(kind: MailKind, order: Order, link: str, settings: Settings, language: Language) -> Letter:
    """The mail of a kind about an order as it is now; `link` is the address of its page."""
    wording = word_mail(kind, order, settings.shown_brand, language)
    url = link + _RESCUE if offers_rescue(kind, order) else link
    values = {
        "order": order,
        "url": url,
        "items": [
            (item, describe_item(item.status, order.path_to_purchase, language), item.total) for item in order.items
        ],
        "name_item": name_item,
        "money_rows": _money_rows(order, language),
        "placed_at": language.moment(order.placed_at, zone_of(order.store) or UTC),
        "bring": what_to_bring(order, language),
        "where": _where(order, language) if says_where(kind, order) else None,
    }
    return _render("order", wording, values, settings, language)


def write_links(orders: list[tuple[Order, str]], settings: Settings, language: Language) -> Letter:
    """The mail with the links to orders, newest first."""
    listed = [
        {
            "order": order,
            "url": link,
            "placed_at": language.moment(order.placed_at, zone_of(order.store) or UTC),
        }
        for order, link in orders
    ]
    return _render("links", word_links(language), {"listed": listed}, settings, language)


def _render(name: str, wording: Wording, values: dict[str, Any], settings: Settings, language: Language) -> Letter:
    values = {
        **values,
        "wording": wording,
        "brand": settings.shown_brand,
        "support": settings.support_url,
        "language": language,
        "logo": settings.logo if settings.logo and settings.logo.startswith("https://") else None,
        "light": settings.theme.light_colours,
        "dark": settings.theme.dark_colours,
        "theme": settings.theme,
    }
    text = _TEXTS[f"mail/{name}.txt"].render(values)
    return Letter(wording.subject, text, _PAGES[f"mail/{name}.html"].render(values))


def _where(order: Order, language: Language) -> dict[str, Any]:
    """Where the store is, when it is open and how to reach it."""
    store = order.store
    phone = read_phone(store)
    return {
        "name": store.name,
        "address": address_lines(store.address),
        "phone": phone,
        "map_url": map_url(store.location) if store.location else None,
        "week": describe_week(store, language),
    }


def _money_rows(order: Order, language: Language) -> list[tuple[str, str]]:
    """The total and what became of the money; a part that is nothing is left out."""
    totals = order.totals
    is_held = order.status == "open" and not totals.charged.amount
    rows = [
        (language.say("Total"), totals.total, True),
        (language.say("Held on your card"), totals.authorized, is_held and totals.authorized.amount > 0),
        (language.say("Charged to your card"), totals.charged, totals.charged.amount > 0),
        (language.say("Refunded"), totals.refunded, totals.refunded.amount > 0),
    ]
    return [(name, language.money(money)) for name, money, is_shown in rows if is_shown]


def write_message(
    letter: Letter, email: str, settings: Settings, *, name: str, at: datetime, language: Language
) -> EmailMessage:
    """The message as it is sent; `name` names the mail, so that a repeated one has the same Message-ID.

    Raises ValueError for an address that no header can hold.
    """
    sender = settings.mail_from or ""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = Address(addr_spec=_on_the_wire(email))
    if settings.mail_reply_to:
        message["Reply-To"] = settings.mail_reply_to
    # A store's name may hold anything; a header may hold no line break.
    message["Subject"] = " ".join(letter.subject.split())
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{hashlib.sha256(name.encode()).hexdigest()[:40]}@{_domain_of(message)}>"
    # No machine answers this with a notice of absence.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    message["Content-Language"] = language.tag  # After the content, which takes all Content- headers away.
    return message


def _on_the_wire(email: str) -> str:
    """The address with its domain in ASCII, which every server takes."""
    try:
        found = validate_email(email, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValueError("not an address") from None
    return found.ascii_email or found.normalized


def _domain_of(message: EmailMessage) -> str:
    domain: str = message["From"].addresses[0].domain
    return domain
