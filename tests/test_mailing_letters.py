"""What mail says, in every language; nothing that a store or a shopper wrote gets out of its place."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest

from checkout.mailing.choosing import MailKind
from checkout.mailing.letters import Letter, write_letter, write_links, write_message
from checkout.orders import ItemStatus, Order, PathToPurchase
from checkout.settings.forms import LANGUAGES
from checkout.wording.languages import Language, language_of
from tests.mail_world import FROM, MAIL, STORE, order_of
from tests.service import make_settings

SETTINGS = make_settings(**MAIL, brand_name="Acme & Sons", support_url="mailto:help@acme.example")
ENGLISH = language_of("en")
LINK = "https://checkout.example/o/ol_" + "a" * 43
STRANGE = '<b>O\'Neill</b> & "Söhne" %s {{ 7 * 7 }} \N{RIGHT-TO-LEFT MARK}'
AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

# Every kind, with orders in which it is sent.
ORDERS: dict[MailKind, list[Order]] = {
    MailKind.PLACED: [
        order_of(),
        order_of(path=PathToPurchase.ROPIS),
        order_of("pending_brand", path=PathToPurchase.STS, answer_by=None),
        order_of("confirmed", charged=10000),
    ],
    MailKind.CONFIRMED: [
        order_of("confirmed", charged=10000),
        order_of("confirmed", "ordered", charged=10000),
        order_of("confirmed", path=PathToPurchase.ROPIS),
        order_of("processing", path=PathToPurchase.STS, charged=10000),
        order_of("confirmed", "pending_brand", path=PathToPurchase.STS, charged=10000),
    ],
    MailKind.DECLINED: [
        order_of("declined"),
        order_of("auto_canceled", "confirmed", charged=10000),
        order_of("declined", path=PathToPurchase.ROPIS),
        order_of("rejected", path=PathToPurchase.STS),
        order_of("rejected", "confirmed", path=PathToPurchase.STS),
    ],
    MailKind.RESCUE: [order_of("declined"), order_of("declined", "confirmed")],
    MailKind.CANCELED: [order_of("canceled"), order_of("canceled", "confirmed")],
    MailKind.CHARGE_FAILED: [order_of("charge_failed"), order_of("charge_failed", "ordered")],
    MailKind.SHIPPED: [order_of("shipped", path=PathToPurchase.STS, charged=10000)],
    MailKind.READY_FOR_PICKUP: [order_of("ready_for_pickup", "shipped", path=PathToPurchase.STS, charged=20000)],
    MailKind.PICKED_UP: [order_of("picked_up", charged=10000), order_of("picked_up", "confirmed", charged=20000)],
    MailKind.REFUNDED: [
        order_of("refunded", charged=10000, refunded=10000),
        order_of("picked_up", charged=10000, refunded=2500),
        order_of("partially_refunded", charged=10000),
    ],
}
CASES = [(kind, order) for kind, orders in ORDERS.items() for order in orders]
each_language = pytest.mark.parametrize("language", [language_of(code) for code in LANGUAGES], ids=LANGUAGES)


def written(kind: MailKind, order: Order, language: Language = ENGLISH) -> Letter:
    return write_letter(kind, order, LINK, SETTINGS, language)


def strangely_named(order: Order) -> Order:
    """The order with the strangest that its store, items and reasons may hold."""
    items = tuple(item.changed(name=STRANGE, reason=STRANGE) for item in order.items)
    return order.changed(items=items, store=STORE.changed(name=STRANGE, phone=STRANGE))


class _Reader(HTMLParser):
    """What a person reads, the elements, and where links lead."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in_style = tag == "style"
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    return reader


def said(letter: Letter) -> str:
    """The text with its lines joined."""
    return " ".join(letter.text.split())


def test_every_kind_is_written_here() -> None:
    assert ORDERS.keys() | {MailKind.LINKS} == set(MailKind)


@each_language
@pytest.mark.parametrize(("kind", "order"), CASES)
def test_every_mail_is_whole_in_every_language(kind: MailKind, order: Order, language: Language) -> None:
    letter = written(kind, order, language)
    page = read(letter.html)
    assert order.store.name in letter.subject or "Acme & Sons" in letter.subject or kind is MailKind.RESCUE
    for told in (said(letter), page.text):
        assert letter.subject in told
        assert order.cart_hash in told
        assert all(item.name is not None and item.name in told for item in order.items)
        assert not re.search(r"%\(|\{\{|\{%|None|Undefined", told)
    assert LINK in letter.text
    assert any(link.startswith(LINK) for link in page.links)
    assert "\n\n\n" not in letter.text


@each_language
@pytest.mark.parametrize(("kind", "order"), CASES)
def test_nothing_strange_leaves_its_place(kind: MailKind, order: Order, language: Language) -> None:
    plain, strange = written(kind, order, language), written(kind, strangely_named(order), language)
    assert STRANGE in strange.text
    assert STRANGE in " ".join(read(strange.html).words)
    elements = [tag for tag in read(strange.html).tags if tag != "p"]  # A reason is a paragraph more.
    same = [tag for tag in read(plain.html).tags if tag != "p"]
    assert sorted(set(elements)) == sorted(set(same) - ({"a"} if "a" not in elements else set()))
    assert "b" not in elements


@pytest.mark.parametrize(("kind", "order"), CASES)
def test_html_loads_nothing_and_follows_nobody(kind: MailKind, order: Order) -> None:
    page = read(written(kind, order).html)
    assert not {"img", "link", "script", "iframe", "form", "object"} & set(page.tags)
    assert all(link.startswith((LINK, "tel:", "mailto:", "https://www.openstreetmap.org/")) for link in page.links)


def test_logo_is_shown_only_over_https() -> None:
    for logo, images in (("https://acme.example/logo.png", 1), ("http://acme.example/logo.png", 0)):
        settings = make_settings(**MAIL, logo=logo)
        letter = write_letter(MailKind.PLACED, order_of(), LINK, settings, ENGLISH)
        assert read(letter.html).tags.count("img") == images


def test_colours_are_the_brands_in_light_and_dark() -> None:
    settings = make_settings(**MAIL, theme='{"primary": "#7a1f3d", "dark": {"background": "#101010"}}')
    html = write_letter(MailKind.PLACED, order_of(), LINK, settings, ENGLISH).html
    assert "#7a1f3d" in html
    assert "#101010" in html.partition("prefers-color-scheme: dark")[2]


@pytest.mark.parametrize(
    ("kind", "order", "told"),
    [
        (MailKind.PLACED, order_of(), "Your card is held, not charged."),
        (MailKind.PLACED, order_of(), "You get an answer by Monday, May 4, 2026, 11:00 AM CDT at the latest."),
        (MailKind.PLACED, order_of(path=PathToPurchase.ROPIS), "You pay in the store: nothing is charged online."),
        (MailKind.CONFIRMED, order_of("confirmed", charged=10000), "Your card was charged $100.00."),
        (MailKind.CONFIRMED, order_of("confirmed"), "An ID with your name on it"),
        (MailKind.CONFIRMED, order_of("confirmed", path=PathToPurchase.ROPIS), "What you want to pay with"),
        (MailKind.CONFIRMED, order_of("confirmed"), "Monday to Friday: 9:00 AM to 7:00 PM"),
        (MailKind.DECLINED, order_of("declined"), "Your card was not charged."),
        (MailKind.DECLINED, order_of("declined", "confirmed", charged=10000), "You do not pay for it"),
        (MailKind.DECLINED, order_of("declined"), "Other stores may have it."),
        (MailKind.DECLINED, order_of("auto_canceled"), "The store did not answer in time."),
        (MailKind.CHARGE_FAILED, order_of("charge_failed"), "Please pay in the store when you pick it up."),
        (MailKind.REFUNDED, order_of("refunded", charged=9, refunded=9), "All that you paid, $0.09, goes back"),
        (
            MailKind.REFUNDED,
            order_of("picked_up", charged=10000, refunded=2500),
            "Of the $100.00 that you paid, $25.00 goes back to your card.",
        ),
    ],
)
def test_mail_tells_what_matters_now(kind: MailKind, order: Order, told: str) -> None:
    letter = written(kind, order)
    assert told in said(letter).replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert told in read(letter.html).text.replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("kind", "order", "untold"),
    [
        (MailKind.DECLINED, order_of("rejected", path=PathToPurchase.STS), "Other stores"),
        (MailKind.DECLINED, order_of("declined", path=PathToPurchase.ROPIS), "a card"),
        (MailKind.PICKED_UP, order_of("picked_up", charged=10000), "What to bring"),
        (MailKind.CONFIRMED, order_of("confirmed", path=PathToPurchase.STS, charged=10000), "What to bring"),
        (MailKind.PLACED, order_of("confirmed", charged=10000), "at the latest"),
    ],
)
def test_mail_says_nothing_that_is_not_so(kind: MailKind, order: Order, untold: str) -> None:
    assert untold not in written(kind, order).text


def test_declined_leads_to_the_other_stores() -> None:
    assert f"{LINK}#rescue" in written(MailKind.DECLINED, order_of("declined")).text
    assert f"{LINK}#" not in written(MailKind.DECLINED, order_of("rejected", path=PathToPurchase.STS)).text


@each_language
def test_links_are_listed_by_order(language: Language) -> None:
    first, second = strangely_named(order_of(name="1")), order_of(name="2")
    letter = write_links([(first, f"{LINK}1"), (second, f"{LINK}2")], SETTINGS, language)
    page = read(letter.html)
    assert [link for link in page.links if link.startswith(LINK)] == [f"{LINK}1", f"{LINK}2"]
    assert letter.text.index(f"{LINK}1") < letter.text.index("HASH2") < letter.text.index(f"{LINK}2")
    assert "b" not in page.tags


# The message


def message_of(letter: Letter, email: str = "jane@example.com", name: str = "ord_1 placed one") -> EmailMessage:
    """A message as it arrives."""
    made = write_message(letter, email, SETTINGS, name=name, at=AT, language=language_of("fr"))
    found = message_from_bytes(made.as_bytes(policy=policy.SMTP), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_message_has_text_and_html() -> None:
    letter = written(MailKind.PLACED, order_of())
    message = message_of(letter)
    parts = [message.get_body((kind,)) for kind in ("plain", "html")]
    assert [part.get_content().splitlines() for part in parts if part] == [
        letter.text.splitlines(),
        letter.html.splitlines(),
    ]


def test_message_says_that_no_person_wrote_it() -> None:
    message = message_of(written(MailKind.PLACED, order_of()))
    assert (message["From"], message["To"]) == (FROM, "jane@example.com")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "fr-CA"
    assert message["Date"].datetime == AT


def test_answers_go_where_the_brand_says() -> None:
    settings = make_settings(**MAIL, mail_reply_to="help@acme.example")
    letter = written(MailKind.PLACED, order_of())
    message = write_message(letter, "jane@example.com", settings, name="one", at=AT, language=ENGLISH)
    assert message["Reply-To"] == "help@acme.example"
    assert message_of(letter)["Reply-To"] is None


def test_same_mail_has_the_same_id() -> None:
    letter = written(MailKind.PLACED, order_of())
    first, again, other = (message_of(letter, name=name)["Message-ID"] for name in ("one", "one", "two"))
    assert first == again != other
    assert first.endswith("@acme.example>")


@pytest.mark.parametrize("breaks", ["\r\n", "\n", "\r", "\N{LINE SEPARATOR}", "\x85"])
def test_headers_cannot_be_added_by_names(breaks: str) -> None:
    store = STORE.changed(name=f"Kirkwood{breaks}Bcc: eve@example.com{breaks}{breaks}Hello")
    message = message_of(written(MailKind.PLACED, order_of(store=store)))
    assert message["Bcc"] is None
    assert message.get_content_type() == "multipart/alternative"


@pytest.mark.parametrize(
    "email", ["jane@example.com\r\nBcc: eve@example.com", "jane", "a@b@c.example", "<x>@y.example"]
)
def test_address_that_is_none_is_refused(email: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        message_of(written(MailKind.PLACED, order_of()), email)


def test_domain_goes_out_in_ascii() -> None:
    assert message_of(written(MailKind.PLACED, order_of()), "jane@bücher.example")["To"] == "jane@xn--bcher-kva.example"


def test_status_words_cover_every_status() -> None:
    for status in ItemStatus:
        assert f"    {status}\n" not in written(MailKind.PLACED, order_of(status)).text
