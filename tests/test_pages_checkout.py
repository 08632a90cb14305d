"""The checkout page as the server writes it: what it lets be bought, in which frame, and what it tells its script."""

import gzip
import json
import re
from pathlib import Path

import httpx
import pytest

from checkout.orders import REQUIRED_OF_SHOPPER
from checkout.pages.policies import checkout_headers
from checkout.pages.words import CONVERSATIONS, WORDS
from checkout.problems import TABLE
from checkout.settings.forms import LANGUAGES
from checkout.wording.templates import find_folder
from tests.markup import Markup
from tests.service import STORE_ID, UPC, Service, make_settings, running_service

OTHER_UPC = "068648110178"
DECISIONS = ("new_card", "accept_total", "choose_store", "restart")
HERE = f"/checkout?items={UPC}:1&q=60605"
LIVE = {
    "locally_api_token": "live_locally_token",
    "locally_base_url": "https://www.locally.com",
    "stripe_secret_key": "sk_live_tests",
    "stripe_publishable_key": "pk_live_tests",
    "stripe_api_base": "https://api.stripe.com",
    "publishable_key": "cpk_live_tests",
    "secret_key": "csk_live_tests",
    "public_url": "https://checkout.example.com",
}


async def read(service: Service, path: str, **headers: str) -> Markup:
    answer = await service.client.get(path, headers={name.replace("_", "-"): text for name, text in headers.items()})
    assert answer.status_code == 200, answer.text
    return Markup(answer.text)


def policy_of(answer: httpx.Response) -> dict[str, str]:
    rules = [rule.partition(" ") for rule in answer.headers["Content-Security-Policy"].split("; ")]
    return {name: value for name, _, value in rules}


# What is bought


async def test_page_shows_the_cart_of_its_address(service: Service) -> None:
    page = await read(service, f"/checkout?items={UPC}:2,{OTHER_UPC}:1")
    assert [line.attributes["data-upc"] for line in page.all("li") if "data-upc" in line.attributes] == [UPC, OTHER_UPC]
    assert page.one("body").attributes["data-items"] == f"{UPC}:2,{OTHER_UPC}:1"
    assert "Quantity: 2" in page.one("ul", id="lines").text


async def test_upc_and_quantity_are_a_cart(service: Service) -> None:
    for address, items in ((f"upc={UPC}", f"{UPC}:1"), (f"upc={UPC}&quantity=3", f"{UPC}:3")):
        assert (await read(service, f"/checkout?{address}")).one("body").attributes["data-items"] == items


async def test_catalogue_names_and_prices_the_cart(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.csv"
    catalogue.write_text(f"upc,name,price,image_url\n{UPC},Helmet <S>,89.00,https://images.example.com/helmet.png\n")
    async with running_service(catalogue=str(catalogue)) as service:
        answer = await service.client.get(f"/checkout?items={UPC}:2&q=60605")
    page = Markup(answer.text)
    assert "Helmet <S> Quantity: 2 from $178.00" in page.one("ul", id="lines").text
    assert {price.text for price in page.all("span", class_="price")} == {"from $178.00"}
    assert "https://images.example.com" in policy_of(answer)["img-src"].split()


def test_picture_hosts_cannot_break_the_policy() -> None:
    hosts = ["https://bücher.example", "https://a.example; script-src *", "https://x y", "http://[::1]:9000"]
    headers = checkout_headers(make_settings(), [*hosts, "https://" + "a" * 70 + ".é"], is_framed=False)
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy["img-src"] == "'self' data: http://[::1]:9000 https://xn--bcher-kva.example https://*.stripe.com"


def test_many_picture_hosts_are_told_as_all() -> None:
    hosts = [f"https://images-{number}.example" for number in range(11)]
    policy = checkout_headers(make_settings(), hosts, is_framed=False)["Content-Security-Policy"]
    assert "img-src 'self' data: https: https://*.stripe.com;" in policy


async def test_item_without_a_name_is_its_upc(service: Service) -> None:
    page = await read(service, HERE)
    assert f"UPC {UPC}" in page.one("ul", id="lines").text
    assert not page.all("span", class_="price")


NO_CARTS = (
    "",
    "items=",
    "upc=",
    "upc=nonsense",
    f"items={UPC}",
    f"items={UPC}:0",
    f"items={UPC}:100",
    f"items={UPC}:1,{UPC}:2",
    "items=%00:1",
    f"upc={UPC}&quantity=many",
    "items=" + ",".join(f"{68648100000 + n}:1" for n in range(21)),
)
ODD_PARAMETERS = (
    "q=%3Cscript%3Ealert(1)%3C/script%3E",
    "q=" + "x" * 5000,
    "q=%00%E2%80%AE",
    "near=nowhere",
    "near=91,0",
    "radius=-1&store=abc&shown=0&path=teleport&lang=xx-&appearance=pink&ec_version=",
    "radius=99999999&shown=99999999&q=60605",
    f"items={UPC}:1&q=a&q=b",
    "store=999999",
)


async def test_address_without_a_cart_never_fails(service: Service) -> None:
    for address in NO_CARTS:
        page = await service.client.get(f"/checkout?{address}&q=60605")
        assert page.status_code == 400, address
        assert "nothing to buy" in page.text
        stores = await service.client.get(f"/checkout/stores?{address}&q=60605")
        assert (stores.status_code, stores.text.strip()) == (200, ""), address


async def test_odd_parameters_are_passed_over(service: Service) -> None:
    for more in ODD_PARAMETERS:
        answer = await service.client.get(f"/checkout?items={UPC}:1&{more}")
        assert answer.status_code == 200, more
        assert "<script>alert" not in answer.text
        Markup(answer.text).one("form", id="search")


# Stores, without any script


async def test_postal_code_finds_stores_without_scripts(service: Service) -> None:
    page = await read(service, HERE)
    form, field = page.one("form", id="search"), page.one("input", id="q")
    assert (form.attributes["method"], form.attributes["action"], field.attributes["value"]) == (
        "get",
        "/checkout",
        "60605",
    )
    assert "stores near Chicago, IL 60605" in page.one(id="stores-heading").text
    first = page.all("li", class_="store")[0]
    for fact in ("South Loop Spokes", "0.1 mi", "1145 S Wabash Ave, Chicago, IL 60605", "In stock", "Directions"):
        assert fact in first.text
    assert page.all("a", href="tel:+13125550103")


async def test_cards_say_what_the_store_offers(service: Service) -> None:
    page = await read(service, HERE)
    ways = {box.attributes["value"]: box.attributes["data-path"] for box in page.all("input", name="store")}
    assert ways[str(STORE_ID)] == "bopis ropis"
    assert ways["37181"] == "ropis"
    assert [path.text for path in page.all("span", class_="path")][:2] == ["Pay now, pick up", "Reserve, pay there"]


@pytest.mark.parametrize(
    ("paths", "asked", "first"),
    [
        ("bopis,ropis", "ropis", "ropis"),
        ("bopis,ropis", "sts", "bopis"),
        ("ropis,bopis", "", "ropis"),
        ("sdd", "sdd", ""),
    ],
)
async def test_page_begins_with_a_path_of_the_brand(paths: str, asked: str, first: str) -> None:
    async with running_service(paths=paths) as service:
        page = await read(service, f"{HERE}&path={asked}")
    assert page.one("body").attributes["data-path"] == first
    assert [box.attributes["value"] for box in page.all("input", name="path") if "checked" in box.attributes] == (
        [first] if first else []
    )


async def test_fragment_is_the_same_part_of_the_page(service: Service) -> None:
    page = (await service.client.get(HERE)).text
    fragment = (await service.client.get(HERE.replace("/checkout?", "/checkout/stores?"))).text
    assert fragment.strip() in page
    assert fragment.startswith("<p class=")


async def test_more_stores_are_a_link_away(service: Service) -> None:
    page = await read(service, HERE)
    assert len(page.all("li", class_="store")) == 5
    more = await read(service, page.one("a", data_search="").attributes["href"])
    assert len(more.all("li", class_="store")) == 7
    assert not more.all("a", data_search="")


async def test_wanted_store_is_chosen(service: Service) -> None:
    page = await read(service, f"/checkout?items={UPC}:1&store={STORE_ID}")
    assert [box.attributes["value"] for box in page.all("input", name="store") if "checked" in box.attributes] == [
        str(STORE_ID)
    ]


async def test_own_position_is_not_named(service: Service) -> None:
    page = await read(service, f"/checkout?items={UPC}:1&near=41.88,-87.63")
    assert page.one(id="stores-heading").text.endswith("stores near you")


async def test_other_places_of_a_name_are_links(service: Service) -> None:
    page = await read(service, f"/checkout?items={UPC}:1&q=chicago&lang=fr")
    assert "près de Chicago, IL 60602" in page.one(id="stores-heading").text
    other = page.all("a", data_search="")[0]
    assert other.text == "Chicago, IL 60605, United States"
    there = await read(service, other.attributes["href"])
    assert "près de Chicago, IL 60605" in there.one(id="stores-heading").text
    assert there.all("span", class_="distance")[0].text == "0,1 mi"


async def test_few_are_told_while_the_count_is_fresh(service: Service) -> None:
    await service.stock(store_id=37177, quantity=2)
    first = (await read(service, HERE)).all("span", class_="stock")[0]
    assert (first.text, first.classes) == ("Only 2 left", {"stock", "stock-few"})
    service.clock.advance(seconds=121)
    stale = (await read(service, HERE)).all("span", class_="stock")[0]
    assert stale.text == "Call to check"


async def test_no_store_says_so_and_looks_wider(service: Service) -> None:
    page = await read(service, f"/checkout?items={UPC}:1&near=30.27,-97.74&radius=10")
    assert page.one(id="stores-notice").text == "No store within 10 mi has all of this right now."
    wider = page.one("a", data_search="")
    assert wider.text == "Look within 20 mi"
    assert f"items={UPC}:1&near=30.27,-97.74&radius=20&unit=mi" in wider.attributes["href"]


async def test_store_that_lacks_an_item_cannot_be_chosen(service: Service) -> None:
    for store in (37175, 37176, 37177, 37178, 37179, 37180, 37181, 37182):
        await service.stock(upc=OTHER_UPC, store_id=store, quantity=0)
    page = await read(service, f"/checkout?items={UPC}:1,{OTHER_UPC}:1&q=60605")
    boxes = page.all("input", name="store")
    assert boxes
    assert all("disabled" in box.attributes and box.attributes["data-path"] == "" for box in boxes)
    assert "Has 1 of 2 items" in page.all("span", class_="stock")[0].text
    assert page.all("a", href="tel:+13125550103")


async def test_unknown_place_asks_again(service: Service) -> None:
    page = await read(service, f"/checkout?items={UPC}:1&q=nowhereville")
    assert "We do not know this place." in page.one(id="stores-notice").text


@pytest.mark.parametrize("call", ["location/suggest", "conversion/store_data"])
async def test_upstream_that_is_down_is_told_in_words(call: str, service: Service) -> None:
    await service.fault(call, "status_500", times=50)
    page = await read(service, HERE)
    assert "We cannot look for stores right now." in page.one(id="stores-notice").text
    assert page.one("input", id="q").attributes["value"] == "60605"


async def test_search_keeps_what_the_page_was_asked_for(service: Service) -> None:
    page = await read(service, f"/checkout?items={UPC}:1&lang=fr&appearance=dark&ec_version=2026-08-25&q=60605")
    kept = {box.attributes["name"]: box.attributes["value"] for box in page.all("input", type="hidden")}
    assert kept == {"items": f"{UPC}:1", "lang": "fr", "appearance": "dark", "ec_version": "2026-08-25"}
    assert "lang=fr" in page.one("a", data_search="").attributes["href"]


# Frames and policies


async def test_hosted_page_is_shown_in_no_frame(service: Service) -> None:
    answer = await service.client.get(HERE)
    assert policy_of(answer)["frame-ancestors"] == "'none'"
    assert Markup(answer.text).one("body").attributes["data-embed-origins"] == ""


async def test_framed_page_is_shown_to_the_brand_alone(service: Service) -> None:
    answer = await service.client.get(f"{HERE}&ec_version=2026-08-25")
    assert policy_of(answer)["frame-ancestors"] == "https://www.brand.example"
    body = Markup(answer.text).one("body").attributes
    assert body["data-embed-origins"] == "https://www.brand.example"
    assert "data-framed" in body


async def test_brand_without_sites_frames_nothing() -> None:
    async with running_service(origins="") as service:
        assert policy_of(await service.client.get(f"{HERE}&ec_version=1"))["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("framed", ["", "&ec_version=2026-08-25"])
async def test_policy_allows_no_foreign_script(framed: str, service: Service) -> None:
    answer = await service.client.get(HERE + framed)
    policy = policy_of(answer)
    assert policy["default-src"] == policy["base-uri"] == "'none'"
    assert policy["style-src"] == policy["form-action"] == "'self'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "set-cookie" not in answer.headers


async def test_policy_names_stripe_and_nobody_else() -> None:
    async with running_service(None, None, **LIVE) as service:
        policy = policy_of(await service.client.get(f"/checkout?items={UPC}:1"))
    assert policy["script-src"] == "'self' https://js.stripe.com https://*.js.stripe.com"
    assert policy["frame-src"] == "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com"
    assert policy["connect-src"] == "'self' https://api.stripe.com"
    assert policy["img-src"] == "'self' data: https://*.stripe.com"


async def test_policy_moves_with_the_stand_in_only() -> None:
    async with running_service(stripe_js_url="http://sandbox.test/stripe.js") as service:
        answer = await service.client.get(f"/checkout?items={UPC}:1")
    policy = policy_of(answer)
    assert policy["script-src"] == "'self' http://sandbox.test"
    assert policy["frame-src"] == "http://sandbox.test"
    assert policy["connect-src"] == "'self' http://sandbox.test"
    assert Markup(answer.text).one("body").attributes["data-stripe-js"] == "http://sandbox.test/stripe.js"


# What the page's script finds


@pytest.fixture
async def page(service: Service) -> Markup:
    return await read(service, f"{HERE}&shown=50")


async def test_page_is_well_formed_and_small_in_every_language(service: Service) -> None:
    for language in LANGUAGES:
        answer = await service.client.get(f"/checkout?items={UPC}:1,{OTHER_UPC}:2&q=60605&shown=50&lang={language}")
        assert len(gzip.compress(answer.content, 9)) <= 15 * 1024
        assert_well_formed(Markup(answer.text))


def assert_well_formed(page: Markup) -> None:
    ids = page.ids()
    assert sorted(ids) == sorted(set(ids))
    for element in page.elements:
        named = [element.attributes.get(name, "") for name in ("for", "aria-describedby", "aria-labelledby", "form")]
        assert set(" ".join(named).split()) <= set(ids), element
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]


async def test_every_field_has_a_label_and_a_place_for_its_error(page: Markup) -> None:
    labelled = {label.attributes["for"] for label in page.all("label")}
    for field in [*page.all("input"), *page.all("select")]:
        if field.attributes.get("type") != "hidden":
            assert field.attributes["id"] in labelled
    for name in (*REQUIRED_OF_SHOPPER, "address_2"):
        field = page.one(id=name)
        assert field.attributes["autocomplete"]
        assert f"{name}-error" in field.attributes["aria-describedby"].split()
        assert page.one("div", data_pointer=f"/shopper/{name}")


async def test_words_cover_every_field_and_conversation(page: Markup) -> None:
    words = json.loads(page.one("script", id="words").text)
    assert {*REQUIRED_OF_SHOPPER, "address_2", "message"} <= words["fields"].keys()
    assert all(part["title"] and part["text"] for part in words["conversations"].values())


def test_every_refusal_to_go_on_is_a_conversation_of_its_own() -> None:
    """What a shopper has to decide is told in its own words; the rest reads as "try again" or "it is our fault"."""
    decisions = {error.code for error, row in TABLE.items() if row.next in DECISIONS}
    assert len(decisions) == 10
    assert decisions <= CONVERSATIONS.keys()


def test_scripts_use_words_and_elements_that_are_there() -> None:
    static, templates = find_folder("static"), find_folder("templates") / "checkout"
    modules = ("talk", "page", "placing", "card", "embed")
    scripts = "".join((static / f"checkout-{name}.js").read_text(encoding="utf-8") for name in modules)
    pages = "".join((templates / name).read_text(encoding="utf-8") for name in ("page.html", "stores.html"))
    used = set(re.findall(r"\bwords\.(\w+)", scripts))
    assert len(used) > 10
    assert used <= WORDS.keys()
    said = set(re.findall(r"\bsay\(\(?(?:said = )?'(\w+)'", scripts))
    assert len(said) >= 5
    assert said <= CONVERSATIONS.keys()
    for name in set(re.findall(r"\$\('([\w-]+)'\)", scripts)):
        assert f'id="{name}"' in pages, name


async def test_words_cannot_end_their_script(service: Service) -> None:
    page = (await service.client.get(HERE)).text
    block = re.findall(r'<script type="application/json" id="words">(.*?)</script>', page, re.DOTALL)
    assert len(block) == 1
    assert not set("<>&") & set(block[0])
