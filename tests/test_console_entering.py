"""Into the console and out of it: links that work once, and browsers that nobody else can act for."""

import asyncio
import re
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.routing import Route
from structlog.testing import capture_logs

from checkout import console
from checkout.console.guarding import Visit
from checkout.database.tables import console_logins
from tests.console_world import COOKIE, Visitor, form_of, forms_of, make_link, words_of
from tests.placing_world import World
from tests.service import PUBLISHABLE_KEY, SECRET_KEY, Service, running_service

PAGES = sorted(route.path for route in console.routes if isinstance(route, Route) and "GET" in (route.methods or ()))
ACTIONS = sorted(route.path for route in console.routes if isinstance(route, Route) and "POST" in (route.methods or ()))
IDS = {
    "order_id": f"ord_{'0' * 32}",
    "checkout_id": f"chk_{'0' * 32}",
    "delivery_id": "dlv_1",
    "upc": "068648100001",
    "action": "confirm",
}


def filled(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda found: IDS.get(found[1], f"cl_{'0' * 43}"), path)


async def test_link_opens_the_console_once(world: World) -> None:
    link = await make_link(world.service)
    first = await Visitor(world.service).enter(link)
    assert (await first.get("/console")).status_code == 200
    again = await Visitor(world.service).post(link)
    assert (again.status_code, "set-cookie" in again.headers) == (403, False)
    assert (await first.get("/console")).status_code == 200


async def test_looking_at_a_link_uses_nothing_up(service: Service) -> None:
    link = await make_link(service)
    for _ in range(3):
        page = await Visitor(service).page(link)
        assert page.one("button").text == "Enter"
    await Visitor(service).enter(link)
    assert "You are not inside" in words_of(await Visitor(service).page(link, 403))


async def test_rivals_with_one_link_are_one_visit(world: World) -> None:
    link = await make_link(world.service)
    answers = await asyncio.gather(*(Visitor(world.service).post(link) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [303, *[403] * 7]


async def test_link_ends_after_ten_minutes(service: Service) -> None:
    late, in_time = await make_link(service), await make_link(service)
    service.clock.advance(minutes=9)
    await Visitor(service).enter(in_time)
    service.clock.advance(minutes=1)
    assert (await Visitor(service).post(late)).status_code == 403


async def test_visit_ends_after_eight_hours(service: Service) -> None:
    visitor = await Visitor(service).enter()
    service.clock.advance(hours=7, minutes=59)
    assert (await visitor.get("/console")).status_code == 200
    service.clock.advance(minutes=1)
    assert (await visitor.get("/console")).status_code == 403


async def test_whoever_leaves_is_out_everywhere(service: Service) -> None:
    visitor = await Visitor(service).enter()
    copy = Visitor(service, visitor.token)
    left = await visitor.submit(await visitor.page("/console"), "/console/leave")
    assert left.status_code == 200
    assert "Max-Age=0" in left.headers["set-cookie"]
    assert (await copy.get("/console")).status_code == 403


async def test_tokens_are_kept_as_hashes_alone(world: World) -> None:
    link = await make_link(world.service)
    visitor = await Visitor(world.service).enter(link)
    kept = str(await world.rows(console_logins))
    assert visitor.token not in kept
    assert link.rpartition("/")[2] not in kept


async def test_log_tells_neither_link_nor_visit(service: Service) -> None:
    with capture_logs() as logged:
        link = await make_link(service)
        visitor = await Visitor(service).enter(link)
        await visitor.get(link)
    assert {line["path"] for line in logged if "enter" in line.get("path", "")} == {"/console/enter/cl_..."}
    assert visitor.token not in str(logged)


async def test_other_brands_know_nothing_of_a_visit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    async with running_service(database_url=url) as service:
        visitor, link = await Visitor(service).enter(), await make_link(service)
    async with running_service(database_url=url, brand="other") as other:
        assert (await Visitor(other, visitor.token).get("/console")).status_code == 403
        assert (await Visitor(other).post(link)).status_code == 403


def cookie_of(header: str) -> tuple[str, dict[str, str]]:
    ((name, morsel),) = SimpleCookie(header).items()
    return name, {key: str(value) for key, value in morsel.items() if value}


async def test_cookie_is_bound_to_host_and_https() -> None:
    async with running_service(public_url="https://checkout.example.com") as service:
        visitor = Visitor(service, origin="https://checkout.example.com")
        answer = await visitor.post(await make_link(service))
        name, marks = cookie_of(answer.headers["set-cookie"])
        assert name == "__Host-console"
        assert marks == {"path": "/", "max-age": "28800", "secure": "True", "httponly": "True", "samesite": "strict"}


async def test_cookie_on_this_machine_tells_services_apart() -> None:
    async with running_service(public_url="http://127.0.0.1:8100") as service:
        answer = await Visitor(service, origin="http://127.0.0.1:8100").post(await make_link(service))
        name, marks = cookie_of(answer.headers["set-cookie"])
        assert (name, "secure" in marks, marks["samesite"]) == ("console-8100", False, "strict")


@pytest.mark.parametrize("path", PAGES)
async def test_nobody_else_sees_a_page(service: Service, path: str) -> None:
    for token in ("", f"cb_{'0' * 43}", "cb_short", "\x7f"):
        answer = await Visitor(service, token).get(filled(path))
        assert (answer.status_code, "You are not inside" in answer.text) == (403, True)


@pytest.mark.parametrize("path", ACTIONS)
async def test_nobody_else_acts(service: Service, path: str) -> None:
    answer = await Visitor(service, f"cb_{'0' * 43}").post(filled(path))
    assert (answer.status_code, "You are not inside" in answer.text) == (403, True)


@pytest.mark.parametrize("path", [path for path in ACTIONS if "enter" not in path])
async def test_forms_of_other_pages_do_nothing(service: Service, path: str) -> None:
    visitor = await Visitor(service).enter()
    right = Visit(visitor.token, 0).form_key(filled(path))
    wrong = [
        (Visitor(service, visitor.token, origin), {"form_key": right})
        for origin in ("https://evil.example", "null", "http://service.test:81", None)
    ]
    other = (await Visitor(service).enter()).token
    keys = ["", Visit(visitor.token, 0).form_key("/console/leave2"), Visit(other, 0).form_key(filled(path))]
    for sender, fields in [*wrong, *((visitor, {"form_key": key}) for key in keys), (visitor, {})]:
        answer = await sender.post(filled(path), fields)
        assert (answer.status_code, "no longer good" in answer.text) == (403, True)
    assert (await visitor.get("/console")).status_code == 200


async def test_other_origins_cannot_use_a_link_up(service: Service) -> None:
    link = await make_link(service)
    for origin in ("https://evil.example", "null", None):
        assert (await Visitor(service, origin=origin).post(link)).status_code == 403
    await Visitor(service).enter(link)


@pytest.mark.parametrize("body", ["form_key", "a=1&" * 60, "form_key=%ff", "\x00"])
async def test_bodies_that_are_no_forms_do_nothing(service: Service, body: str) -> None:
    visitor = await Visitor(service).enter()
    answer = await visitor._send("POST", "/console/leave", body)
    assert answer.status_code == 403


async def test_every_page_keeps_to_itself(service: Service) -> None:
    visitor = await Visitor(service).enter()
    for path in ("/console", "/console/reviews", await make_link(service), "/console/orders/none"):
        headers = (await visitor.get(path)).headers
        policy = dict(rule.split(" ", 1) for rule in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        assert "script-src" not in policy
        assert "http" not in headers["content-security-policy"]
        assert (headers["cache-control"], headers["x-robots-tag"]) == ("no-store", "noindex")
        assert headers["referrer-policy"] == "same-origin"


async def test_pages_need_no_script_and_no_other_host(service: Service) -> None:
    visitor = await Visitor(service).enter()
    for path in (path for path in PAGES if "{" not in path and path not in ACTIONS):
        page = await visitor.page(path)
        assert page.all("script") == []
        fetched = [each.attributes.get("src") or each.attributes["href"] for each in page.all("link") + page.all("img")]
        assert all(address.startswith("/static/") for address in fetched)
        for address in fetched:
            assert (await visitor.get(address)).status_code == 200
        assert not any("style" in element.attributes for element in page.elements)


async def test_every_form_carries_its_own_key(service: Service) -> None:
    visitor = await Visitor(service).enter()
    page = await visitor.page("/console")
    posts = [path for path in forms_of(page) if path != "/console"]
    assert sorted(posts) == ["/console/find", "/console/leave"]
    keys = {form_of(page, path).fields["form_key"] for path in posts}
    assert len(keys) == 2


async def test_reader_who_comes_back_to_a_form_is_led_on(service: Service) -> None:
    visitor = await Visitor(service).enter()
    for path in (path for path in ACTIONS if not path.endswith(("{link}", "/settle"))):
        answer = await visitor.get(filled(path))
        assert (answer.status_code, answer.headers["location"]) == (303, "/console")


def test_document_names_every_page() -> None:
    text = (Path(__file__).parent.parent / "docs" / "console.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(/console[^`]*)`", text))
    ways_only = {"/console/leave", "/console/find", "/console/enter/{id}"}
    pages = {re.sub(r"{\w+}", "{id}", path) for path in PAGES if path not in ACTIONS or path.endswith("/settle")}
    assert told == pages - ways_only


async def test_link_is_made_with_the_secret_key_alone(service: Service) -> None:
    for credential, headers in ((PUBLISHABLE_KEY, {}), (SECRET_KEY, {"Origin": "https://www.brand.example"})):
        answer = await service.call("POST", "/v1/console-links", with_=credential, **headers)
        assert answer.status_code == 403
    made = await service.call("POST", "/v1/console-links", with_=SECRET_KEY)
    assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
    assert urlsplit(made.json()["url"]).path.startswith("/console/enter/cl_")
    assert COOKIE not in made.text
