"""The languages of the pages: which one a shopper gets, and that nothing in it is left in another."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from jinja2 import Environment

from checkout.money import Money
from checkout.orders import Address, OpeningHours, Store
from checkout.settings.forms import LANGUAGES
from checkout.wording.hours import describe_opening
from checkout.wording.languages import TRANSLATIONS, choose_language, language_of, read_tag
from tests.markup import Markup
from tests.service import STORE_ID, UPC, Service, running_service

ROOT = Path(__file__).parent.parent
TEMPLATES = [ROOT / "templates" / name for name in ("checkout", "mail")]
TALKERS = [ROOT / "checkout" / name for name in ("pages", "wording", "mailing")]
TEMPLATE_FILES = sorted(path for folder in TEMPLATES for path in folder.glob("*.*"))
KEYWORDS: dict[str, Any] = {"_": None, "mark": None, "say": None, "say_many": (1, 2)}
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
NOON = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)  # A Sunday in Chicago.


def texts_in_code() -> set[Any]:
    """What pages and mail say, in English; a pair where it has a plural."""
    code = [extract_from_dir(folder, [("**.py", "python")], keywords=KEYWORDS) for folder in TALKERS]
    templates = [extract_from_dir(folder, [("**.*", "jinja2")], keywords=KEYWORDS) for folder in TEMPLATES]
    return {message for texts in (*code, *templates) for _, _, message, _, _ in texts}


def catalogue(code: str) -> dict[Any, Any]:
    with (TRANSLATIONS / f"{code}.po").open("rb") as file:
        return {message.id: message for message in read_po(file, locale=code) if message.id}


def forms(text: Any) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


# The catalogues


@pytest.mark.parametrize("code", LANGUAGES[1:])
def test_catalogue_holds_exactly_what_is_said(code: str) -> None:
    assert catalogue(code).keys() == texts_in_code()


@pytest.mark.parametrize("code", LANGUAGES[1:])
def test_every_text_is_translated(code: str) -> None:
    for text, message in catalogue(code).items():
        assert all(forms(message.string)), text
        assert not message.fuzzy, text


@pytest.mark.parametrize("code", LANGUAGES[1:])
def test_translations_keep_what_is_filled_in(code: str) -> None:
    for text, message in catalogue(code).items():
        wanted = sorted(PLACEHOLDER.findall(forms(text)[-1]))
        for form in forms(message.string):
            assert sorted(PLACEHOLDER.findall(form)) == wanted, form


def _own_words(path: Path) -> Iterator[str]:
    """The words of a template that stand in it as they are, outside of tags and expressions."""
    data = "".join(
        value if kind == "data" else "\0"
        for _, kind, value in Environment(autoescape=True).lex(path.read_text(encoding="utf-8"))
    )
    data = re.sub(r"<style>.*?</style>", "", data, flags=re.DOTALL)
    yield from re.findall(r"[A-Za-z]{2,}", re.sub(r"<[^<>]*>|&\w+;", "", data))


@pytest.mark.parametrize("path", TEMPLATE_FILES, ids=lambda path: path.name)
def test_templates_hold_no_words_of_their_own(path: Path) -> None:
    assert not list(_own_words(path))


# Which language


@pytest.mark.parametrize(
    ("lang", "accepted", "tag"),
    [
        (None, "", "en-US"),
        (None, "fr-FR,fr;q=0.9,en;q=0.8", "fr-FR"),
        (None, "de-DE, es-MX;q=0.7, fr;q=0.8", "fr-CA"),
        (None, "de, ja;q=0.5", "en-US"),
        (None, "fr;q=0, es;q=0.1", "es-US"),
        (None, "*;q=0.5, ;;;, q=1, fr;q=x", "en-US"),
        ("es", "fr", "es-US"),
        ("fr-CH", "", "fr-CH"),
        ("fr_ca", "", "fr-CA"),
        ("en-XX", "", "en-US"),
        ("zh-Hant-TW", "es-419", "es-419"),
        ("fr-Latn-CA-x-private", "", "fr-CA"),
        ("x" * 5000, "fr", "fr-CA"),
    ],
)
def test_language_is_asked_for_or_the_browsers(lang: str | None, accepted: str, tag: str) -> None:
    assert choose_language(lang, accepted, LANGUAGES).tag == tag


def test_brand_says_which_languages_there_are() -> None:
    assert choose_language("fr", "fr", ("es", "en")).tag == "es-US"
    assert read_tag("fr", ("en",)) is None


async def test_page_is_in_the_language_asked_for(service: Service) -> None:
    for tag, title in (("fr-CA", "Choisissez un magasin"), ("es", "Elija una tienda"), ("en-GB", "Choose a store")):
        answer = await service.client.get(f"/checkout?items={UPC}:1&lang={tag}")
        page = Markup(answer.text)
        assert title in page.one(id="store-title").text
        assert page.one("html").attributes["lang"].startswith(tag)
        assert "Accept-Language" in answer.headers["Vary"].split(", ")


async def test_browser_chooses_where_nobody_asks(service: Service) -> None:
    answer = await service.client.get(f"/checkout/stores?items={UPC}:1&q=60605", headers={"Accept-Language": "fr"})
    assert "magasins près de Chicago" in answer.text
    assert "En stock" in answer.text


async def test_brand_of_one_language_speaks_it() -> None:
    async with running_service(languages="fr") as service:
        page = await service.client.get("/checkout", headers={"Accept-Language": "en"})
    assert "rien à acheter ici." in page.text


# Numbers and times


@pytest.mark.parametrize(
    ("tag", "price", "moment", "distance"),
    [
        ("en-US", "$1,234.50", "Sunday, November 22, 2026, 12:00 PM CST", "2.4 mi"),
        ("fr-CA", "1 234,50 $ US", "dimanche 22 novembre 2026, 12 h 00 HNC", "2,4 mi"),
        ("fr-FR", "1 234,50 $US", "dimanche 22 novembre 2026, 12:00 HNC", "2,4 mi"),
        ("es-US", "$1,234.50", "domingo, 22 de noviembre de 2026, 12:00 p.m. CST", "2.4 mi"),
        ("en-GB", "US$1,234.50", "Sunday, 22 November 2026, 12:00 Central Standard Time", "2.4 mi"),
    ],
)
def test_amounts_times_and_distances_follow_the_region(tag: str, price: str, moment: str, distance: str) -> None:
    language = read_tag(tag, LANGUAGES)
    assert language is not None
    written = (
        language.money(Money(amount=123450, currency="USD")),
        language.moment(NOON, ZoneInfo("America/Chicago")),
        language.distance(2.44, "mi"),
    )
    assert tuple(" ".join(text.split()) for text in written) == (price, moment, distance)


@pytest.mark.parametrize(("region", "unit"), [("US", "mi"), ("GB", "mi"), ("CA", "km"), ("FR", "km")])
def test_distances_are_told_as_people_there_do(region: str, unit: str) -> None:
    assert language_of("en", region).unit == unit


# Whether a store is open


WEEK = (
    *(OpeningHours(day=day, opens="10:00", closes="19:00") for day in range(6)),
    OpeningHours(day=6, opens=None, closes=None),
)


def store(**facts: Any) -> Store:
    return Store(id=1, name="Store", address=Address(), **{"time_zone": "America/Chicago", "hours": WEEK, **facts})


def opening(of: Store, moment: datetime, code: str = "en") -> str | None:
    words = describe_opening(of, moment, language_of(code))
    return " ".join(words.words.split()) if words else None


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment in Chicago's week, which begins with day 0, a Monday."""
    return datetime(2026, 11, 16 + day, hour, minute, tzinfo=ZoneInfo("America/Chicago"))


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (at(0, 10), "Open until 7:00 PM"),
        (at(0, 18, 59), "Open until 7:00 PM"),
        (at(0, 19), "Closed, opens Tuesday at 10:00 AM"),
        (at(0, 9, 59), "Closed, opens at 10:00 AM"),
        (at(5, 20), "Closed, opens Monday at 10:00 AM"),
        (at(6, 12), "Closed, opens Monday at 10:00 AM"),
    ],
)
def test_opening_is_told_in_the_stores_time(moment: datetime, words: str) -> None:
    assert opening(store(), moment.astimezone(UTC)) == words


def test_holiday_that_locally_knows_of_wins() -> None:
    assert opening(store(open_now=False), at(0, 12)) == "Closed, opens Tuesday at 10:00 AM"
    assert opening(store(open_now=True), at(6, 12)) == "Open now"


def test_unknown_hours_are_not_guessed() -> None:
    assert opening(store(hours=()), at(0, 12)) is None
    assert opening(store(hours=(), today_hours="10am-7pm"), at(0, 12)) == "10am-7pm"
    assert opening(store(time_zone=None), at(0, 12)) is None
    assert opening(store(hours=(), open_now=False), at(0, 12)) == "Closed now"
    assert opening(store(hours=WEEK[6:]), at(6, 12)) == "Closed now"


def test_opening_is_told_in_other_languages() -> None:
    assert opening(store(), at(5, 20), "fr") == "Fermé, ouvre lundi à 10 h 00"
    assert opening(store(), at(0, 12), "es") == "Abierta hasta las 7:00 p.m."


# The order page


async def order_path(service: Service, locale: str | None) -> str:
    """The address of the page of an order that was bought in a language."""
    checkout = await service.create(**({"locale": locale} if locale else {}))
    placed = await service.place(checkout, await service.take_card(checkout))
    assert placed.status_code == 200, placed.text
    return str(placed.json()["order"]["url"]).removeprefix("http://service.test")


async def test_order_page_keeps_the_language_of_the_purchase(service: Service) -> None:
    path = await order_path(service, "fr-CA")
    page = Markup((await service.client.get(path, headers={"Accept-Language": "es"})).text)
    assert page.one("html").attributes["lang"] == "fr-CA"
    assert "En attente de la réponse du magasin" in page.one("p", class_="status").text
    assert "Commande reçue" in page.one("ol", class_="progress").text
    assert "À apporter" in page.one(id="bring").text
    other = Markup((await service.client.get(f"{path}?lang=es")).text)
    assert "Pedido recibido" in other.one("ol", class_="progress").text


async def test_order_page_falls_back_to_the_browser(service: Service) -> None:
    path = await order_path(service, None)
    page = Markup((await service.client.get(path, headers={"Accept-Language": "es-MX"})).text)
    assert page.one("html").attributes["lang"] == "es-MX"


async def test_lost_link_is_told_in_the_browsers_language(service: Service) -> None:
    page = await service.client.get("/o/ol_lost", headers={"Accept-Language": "fr"})
    assert page.status_code == 404
    assert "rien ici" in page.text


async def test_store_that_is_wanted_names_itself(service: Service) -> None:
    page = await service.client.get(f"/checkout/stores?items={UPC}:1&store={STORE_ID}&lang=es")
    assert "tiendas cerca de Wicker Park Cyclery" in page.text
