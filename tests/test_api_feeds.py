"""The available-to-sell feed over the API: taken from the brand alone, handed to whoever has the token."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from checkout.edge import FEED_PATH, MOST_FEED_BODY
from checkout.errors import SettingsFault
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, UPC, Service, make_settings, running_service

TOKEN = "feed_token_of_the_tests_1234"
ADDRESS = f"/feeds/{TOKEN}/available-to-sell.csv"
FEED = f"upc,qty,percent,shipping,country\n{UPC},10,60,1.5,US\n"
SERVED = f"upc,qty,percent revenue retained,shipping cost,country\r\n{UPC},10,60,1.50,US\r\n"


@pytest_asyncio.fixture
async def brand() -> AsyncIterator[Service]:
    async with running_service(feed_token=TOKEN) as service:
        yield service


async def put(service: Service, feed: Any = FEED, query: str = "", **headers: str) -> httpx.Response:
    given = {"Authorization": f"Bearer {SECRET_KEY}", "Content-Type": "text/csv"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await service.client.put(f"{FEED_PATH}{query}", content=feed, headers=given)


async def standing(service: Service) -> dict[str, Any]:
    answer = await service.call("GET", FEED_PATH, with_=SECRET_KEY)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_feed_is_taken_told_and_handed_out(brand: Service) -> None:
    taken = (await put(brand)).json()
    assert {**taken, "as_of": None} == {
        "unchanged": False,
        "as_of": None,
        "rows": 1,
        "quantity": 10,
        "form": "percent",
        "ignored_columns": [],
    }
    handed = await brand.client.get(ADDRESS, headers={"User-Agent": "scanner/1"})
    assert (handed.text, handed.headers["Content-Type"]) == (SERVED, "text/csv; charset=utf-8")
    told = await standing(brand)
    assert (told["as_of"], told["rows"], told["stale"], told["served"]) == (taken["as_of"], 1, False, True)
    assert (told["last_fetch"]["by"], told["last_fetch"]["status"]) == ("scanner/1", 200)


async def test_same_feed_again_is_unchanged_but_newer(brand: Service) -> None:
    first = (await put(brand)).json()
    brand.clock.advance(hours=1)
    again = (await put(brand)).json()
    assert (again["unchanged"], again["rows"]) == (True, 1)
    assert again["as_of"] > first["as_of"]


async def test_bad_rows_are_pointed_at(brand: Service) -> None:
    answer = await put(brand, f"upc,qty,percent\n{UPC},x,60\n{UPC},1,101\n1,1,1\n")
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["next"]) == (422, "feed_unsound", "fix")
    assert [(fault["pointer"], fault["code"]) for fault in problem["errors"]] == [
        ("/rows/2/qty", "invalid"),
        ("/rows/3/percent", "invalid"),
        ("/rows/4/upc", "invalid"),
    ]
    assert problem["errors"][0]["detail"] == 'Line 2, qty: "x" is not a number.'
    assert "3 faults in 3 rows" in problem["detail"]


async def test_thousands_of_faults_are_counted(brand: Service) -> None:
    problem = (await put(brand, "upc,qty\n" + "1,1\n" * 3000)).json()
    assert len(problem["errors"]) == 1000
    assert "3,000 faults in 3,000 rows" in problem["detail"]
    assert "The first 1,000 are listed." in problem["detail"]


async def test_shrunken_feed_needs_force(brand: Service) -> None:
    await put(brand)
    smaller = FEED.replace(",10,", ",4,")
    refused = await put(brand, smaller)
    assert (refused.status_code, refused.json()["code"]) == (409, "feed_shrank")
    assert (await brand.client.get(ADDRESS)).text == SERVED
    assert (await put(brand, smaller, "?force=true")).json()["quantity"] == 4


@pytest.mark.parametrize(("query", "pointer"), [("?force=yes", "/query/force"), ("?x=1", "/query/x")])
async def test_unknown_parameters_are_refused(brand: Service, query: str, pointer: str) -> None:
    answer = await put(brand, FEED, query)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_other_media_types_are_refused(brand: Service) -> None:
    answer = await put(brand, FEED, Content_Type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert (await put(brand, FEED, Content_Type="Text/CSV; charset=utf-8")).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "GET"])
async def test_only_the_secret_key_opens_the_feed(brand: Service, method: str) -> None:
    for credential, status in (("", 401), (f"Bearer {PUBLISHABLE_KEY}", 403), ("Bearer csk_test_other", 401)):
        headers = {"Authorization": credential, "Content-Type": "text/csv"}
        answer = await brand.client.request(method, FEED_PATH, content=FEED, headers=headers)
        assert answer.status_code == status
    assert (await brand.client.get(ADDRESS)).status_code == 404


async def test_feed_may_be_larger_than_other_bodies(brand: Service) -> None:
    feed = "upc,qty\n" + "".join(f"{10**11 + number},1\n" for number in range(6000))
    assert len(feed) > 64 * 1024

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(feed), 10_000):
            yield feed[start : start + 10_000].encode()

    assert (await put(brand, pieces())).json()["rows"] == 6000
    handed = await brand.client.get(ADDRESS)
    assert len(handed.text.splitlines()) == 6001


async def test_too_large_a_feed_is_refused_before_it_comes(brand: Service) -> None:
    answer = await put(brand, b"", Content_Length=str(MOST_FEED_BODY + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    other = await brand.client.post(f"{FEED_PATH}/x", content=b" " * 70_000)
    assert other.status_code == 413


async def test_feed_that_is_known_is_not_sent_again(brand: Service) -> None:
    await put(brand)
    first = await brand.client.get(ADDRESS)
    etag = first.headers["ETag"]
    for known in (etag, etag.removeprefix("W/"), f'"x", {etag}', "*"):
        again = await brand.client.get(ADDRESS, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", etag)
    assert (await standing(brand))["last_fetch"]["status"] == 304
    assert (await brand.client.get(ADDRESS, headers={"If-None-Match": '"x"'})).status_code == 200


async def test_head_tells_without_sending(brand: Service) -> None:
    await put(brand)
    head, get = await brand.client.head(ADDRESS), await brand.client.get(ADDRESS)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Last-Modified", "Content-Type"):
        assert head.headers[name] == get.headers[name]
    assert "Content-Length" not in head.headers


async def test_feed_is_packed_where_that_is_asked(brand: Service) -> None:
    await put(brand)
    request = brand.client.build_request("GET", ADDRESS, headers={"Accept-Encoding": "gzip"})
    answer = await brand.client.send(request, stream=True)
    packed = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed).decode() == SERVED
    plain = await brand.client.get(ADDRESS, headers={"Accept-Encoding": "identity"})
    assert (plain.text, "Content-Encoding" in plain.headers) == (SERVED, False)


@pytest.mark.parametrize("token", ["x", TOKEN[:-1], f"{TOKEN}x", "%00", TOKEN.upper()])
async def test_wrong_token_finds_nothing(brand: Service, token: str) -> None:
    await put(brand)
    wrong = await brand.client.get(f"/feeds/{token}/available-to-sell.csv")
    assert (wrong.status_code, wrong.json()["code"]) == (404, "not_found")


async def test_without_a_token_nobody_is_served(service: Service) -> None:
    await put(service)
    assert (await standing(service))["served"] is False
    assert (await service.client.get(ADDRESS)).status_code == 404
    assert (await service.client.get("/feeds//available-to-sell.csv")).status_code == 404


async def test_feed_that_was_never_imported_is_missing(brand: Service) -> None:
    for answer in (await brand.client.get(ADDRESS), await brand.call("GET", FEED_PATH, with_=SECRET_KEY)):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "No feed was imported yet" in answer.json()["detail"]


@pytest.mark.parametrize("path", [ADDRESS, f"//feeds/{TOKEN}/x", f"/feeds/{TOKEN}", f"/FEEDS/a/{TOKEN}"])
async def test_log_does_not_tell_the_token(brand: Service, path: str) -> None:
    with capture_logs() as logged:
        await brand.client.get(f"http://service.test{path}")
    assert [line["path"].rpartition("/")[2] for line in logged if line["event"] == "request"] == ["..."]
    assert TOKEN not in str(logged)


@pytest.mark.parametrize(
    "changes",
    [
        {"feed_token": "short"},
        {"feed_token": "with/slash/and/enough/letters"},
        {"feed_stale_after": "0"},
        {"sts_default_percent": "100.5"},
        {"sts_default_percent": "-1"},
        {"sts_default_percent": "60.125"},
        {"sts_default_percent": "NaN"},
    ],
)
def test_wrong_settings_of_the_feed_stop_the_start(changes: dict[str, str]) -> None:
    with pytest.raises(SettingsFault, match=f"CHECKOUT_{next(iter(changes)).upper()}") as fault:
        make_settings(**changes)
    assert changes.get("feed_token", "no token") not in str(fault.value)


def test_feed_token_is_shown_nowhere() -> None:
    assert TOKEN not in repr(make_settings(feed_token=TOKEN))


async def test_old_feed_is_told_to_be_stale(brand: Service) -> None:
    await put(brand)
    brand.clock.advance(hours=25)
    told = await standing(brand)
    assert (told["stale"], told["stale_after"]) == (True, 86400)
    assert told["age"] >= 25 * 3600


async def test_fetch_by_somebody_without_a_name_is_noted(brand: Service) -> None:
    await put(brand)
    await brand.client.get(ADDRESS, headers={"User-Agent": ""})
    assert (await standing(brand))["last_fetch"]["by"] == "unknown"
    await brand.client.get(ADDRESS, headers={"User-Agent": "a" * 500})
    assert (await standing(brand))["last_fetch"]["by"] == "a" * 80


async def test_orders_are_taken_while_a_feed_comes_in(brand: Service) -> None:
    feed = "upc,qty\n" + "".join(f"{10**11 + number},1\n" for number in range(8000))
    importing = asyncio.create_task(put(brand, feed))
    checkout = await brand.create(path_to_purchase="ropis")
    assert (await brand.place(checkout, None)).status_code == 200
    assert (await importing).status_code == 200
