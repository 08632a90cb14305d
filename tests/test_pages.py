"""The pages for people: what each shows, to whom, and under which headers."""

import gzip
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from checkout.orders import (
    Store,
)
from checkout.pages.problem import EXPLANATIONS
from checkout.problems import TABLE, problem_document
from checkout.settings import load_settings
from checkout.wording.hours import describe_today, find_zone
from checkout.wording.languages import ENGLISH
from checkout.wording.reaching import read_phone
from checkout.wording.templates import find_folder
from tests.order_pages import ENVIRONMENT, LIVE, NOW, SANDBOX, STORE, Pages, Shown, make_order, open_pages, text_of


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    async with open_pages(load_settings({**ENVIRONMENT, **SANDBOX})) as opened:
        yield opened


@pytest.fixture
def reader(pages: Pages) -> httpx.AsyncClient:
    """A client of the pages that need no record."""
    return pages.client


# Every page


@pytest.fixture(params=["/", "/problems/card-declined", "/problems/nothing", "/o/ol_nothing", "order"])
async def page(request: pytest.FixtureRequest, pages: Pages) -> httpx.Response:
    return await (pages.show(make_order()) if request.param == "order" else pages.client.get(request.param))


async def test_pages_carry_a_strict_policy(page: httpx.Response) -> None:
    policy = page.headers["Content-Security-Policy"]
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy.split("; "))
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"


async def test_pages_need_nothing_that_the_policy_forbids(page: httpx.Response) -> None:
    links = Shown(page.text)
    assert "style" not in links.elements
    assert "<script>" not in page.text
    assert not [name for name in links.attributes if name == "style" or name.startswith("on")]


async def test_pages_are_html_in_english(page: httpx.Response) -> None:
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.text.startswith('<!doctype html>\n<html lang="en')
    assert page.text.count("<h1>") == 1
    assert "<main" in page.text


async def test_files_that_pages_name_are_served(page: httpx.Response, reader: httpx.AsyncClient) -> None:
    files = [address for address in Shown(page.text).addresses if re.match(r"/static/|/theme\.css", address)]
    assert {"/static/checkout.css", "/static/checkout-page.css"} & set(files)
    assert {(await reader.get(file)).status_code for file in files} == {200}


# The guide


async def test_guide_fills_in_address_and_key(reader: httpx.AsyncClient) -> None:
    words = text_of(await reader.get("/"))
    assert "URL=http://checkout.test:8123 KEY=cpk_test_brand_made_up" in words


async def test_guide_names_every_call_of_a_purchase(reader: httpx.AsyncClient) -> None:
    words = text_of(await reader.get("/"))
    assert re.findall(r"/v1/[\w/$-]*", words) == [
        "/v1/places",
        "/v1/stores",
        "/v1/quotes",
        "/v1/checkouts",
        "/v1/checkouts/$ID/setup-intent",
        "/v1/setup_intents/$INTENT/confirm",
        "/v1/checkouts/$ID/place",
        "/v1/orders/$",
    ]


async def test_guide_shows_no_secret(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/")).text
    names = ("LOCALLY_API_TOKEN", "STRIPE_SECRET_KEY", "SECRET_KEY", "ENCRYPTION_KEY")
    assert not [name for name in names if ENVIRONMENT[f"CHECKOUT_{name}"] in page]


async def test_guide_links_to_the_local_ledger(reader: httpx.AsyncClient) -> None:
    links = Shown((await reader.get("/")).text)
    assert {"/openapi.json", "/healthz", "http://127.0.0.1:9000/_sandbox/ledger"} <= set(links.addresses)


@pytest.mark.parametrize("elsewhere", [{}, {"CHECKOUT_LOCALLY_BASE_URL": "http://sandbox:9000"}])
async def test_guide_links_to_no_other_ledger(elsewhere: dict[str, str]) -> None:
    async with open_pages(load_settings({**ENVIRONMENT, **elsewhere})) as pages:
        assert "_sandbox" not in (await pages.client.get("/")).text


async def test_guide_keeps_a_live_key_to_itself() -> None:
    async with open_pages(load_settings(LIVE)) as pages:
        page = (await pages.client.get("/")).text
    assert "cpk_live_brand_made_up" not in page
    assert "KEY=cpk_live_..." in page
    assert "pm_card_visa" not in page


# Times and phones


def chicago(moment: datetime) -> datetime:
    return moment.astimezone(find_zone(STORE))


def today(there: datetime, store: Store = STORE) -> str | None:
    words = describe_today(store, there, ENGLISH, told_on=NOW)
    return " ".join(words.split()) if words else None


def test_today_is_the_stores_own_day() -> None:
    late_on_sunday = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    assert today(chicago(late_on_sunday)) == "Sunday, 11:00 AM to 5:00 PM"


def test_closed_day_is_told() -> None:
    assert today(chicago(NOW + timedelta(days=1))) == "Monday, closed"


def test_day_without_hours_is_not_guessed() -> None:
    assert today(chicago(NOW + timedelta(days=2))) is None


def test_todays_hours_are_of_the_day_they_were_told() -> None:
    store = STORE.changed(hours=(), today_hours="11am-5pm")
    assert today(chicago(NOW), store) == "Sunday, 11am-5pm"
    assert today(chicago(NOW + timedelta(days=1)), store) is None


@pytest.mark.parametrize("name", [None, "Mars/Olympus", "../etc"])
def test_unknown_time_zone_is_utc(name: str | None) -> None:
    assert find_zone(STORE.changed(time_zone=name)) is UTC


def test_phone_is_read_by_the_stores_country() -> None:
    assert read_phone(STORE.changed(phone="(312) 555-0101")) == ("+1 312-555-0101", "+13125550101")


def test_phone_that_is_none_is_not_dialled() -> None:
    assert read_phone(STORE.changed(phone="ask inside")) == ("ask inside", None)
    assert read_phone(STORE.changed(phone=None)) is None


# Problems


@pytest.mark.parametrize("error", TABLE)
async def test_problem_type_is_a_page(error: type[Exception], reader: httpx.AsyncClient) -> None:
    document = problem_document(error(()) if error.__name__ == "SettingsFault" else error(), request_id="req_1")
    page = await reader.get(document.type)
    assert page.status_code == 200
    assert document.code in page.text
    assert str(document.status) in page.text


async def test_problem_page_says_what_to_do(reader: httpx.AsyncClient) -> None:
    words = text_of(await reader.get("/problems/card-declined"))
    assert "The card was declined card_declined, told with HTTP status 402" in words
    assert "What to do next Ask the shopper for the card again" in words


def test_code_of_two_facts_tells_both() -> None:
    assert EXPLANATIONS["path-unavailable"].statuses == (409, 422)
    assert len(EXPLANATIONS["upstream-unavailable"].advice) == 2


def test_only_bugs_are_explained_as_bugs() -> None:
    meanings = [each.code for each in EXPLANATIONS.values() if each.meaning == "Something went wrong on our side."]
    assert meanings == ["internal_error"]


@pytest.mark.parametrize("code", ["nothing", "settings-fault", "CardDeclined"])
async def test_unknown_problem_is_not_found(code: str, reader: httpx.AsyncClient) -> None:
    assert (await reader.get(f"/problems/{code}")).status_code == 404


# Files


async def test_static_files_are_kept_and_asked_for_again(reader: httpx.AsyncClient) -> None:
    first = await reader.get("/static/checkout.css")
    assert first.headers["Content-Type"].startswith("text/css")
    assert "max-age=300" in first.headers["Cache-Control"]
    again = await reader.get("/static/checkout.css", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert "max-age=300" in again.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["nothing.css", "", "..%2Fpyproject.toml", "../templates/base.html"])
async def test_nothing_else_is_served_as_static(name: str, reader: httpx.AsyncClient) -> None:
    assert (await reader.get(f"/static/{name}")).status_code == 404


def test_stylesheet_stays_small() -> None:
    assert len(gzip.compress((find_folder("static") / "checkout.css").read_bytes())) < 6 * 1024


def test_folders_of_the_wheel_come_first(tmp_path: Path) -> None:
    package = tmp_path / "checkout"
    package.mkdir()
    assert find_folder("static", package) == tmp_path / "static"
    (package / "static").mkdir()
    assert find_folder("static", package) == package / "static"
