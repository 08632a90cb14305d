"""A store's order screen in the sandbox, as HTML without scripts: its orders, buttons and forms."""

from collections.abc import AsyncIterator

import pytest

from tests.markup import Markup
from tests.sandbox_screens import SCREEN, STORES, look, money, offered, press, pressed, statuses, trouble
from tests.sandbox_shopper import OTHER_STORE, SHOPPER, Shopper, fresh_shopper


@pytest.fixture
async def shopper() -> AsyncIterator[Shopper]:
    async with fresh_shopper() as one:
        yield one


async def test_store_confirms_and_hands_over(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    assert money(await look(shopper)) == ["98.12 USD held on the card"]
    confirmed = await pressed(shopper, cart_hash, "confirm")
    assert (statuses(confirmed), money(confirmed)) == (["Confirmed"], ["98.12 USD charged"])
    handed_over = await pressed(shopper, cart_hash, "picked_up")
    assert (statuses(handed_over), "picked_up" in offered(handed_over)) == (["Fulfilled"], False)


async def test_store_declines_with_a_reason(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    declined = await pressed(shopper, cart_hash, "decline", form="decline", reason="Damaged", message="Sorry")
    assert (statuses(declined), money(declined)) == (["Canceled"], ["The hold of 98.12 USD was released"])
    assert declined.one("p", class_="message").text.startswith("Store")
    assert "Damaged" in (await shopper.item(cart_hash))["resolution_notes"]


async def test_store_refunds_in_part_and_in_full(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await pressed(shopper, cart_hash, "confirm")
    part = await pressed(shopper, cart_hash, "refund", form="refund", amount="12.50")
    assert (statuses(part), money(part)) == (["Partially Refunded"], ["98.12 USD charged, 12.50 of it refunded"])
    whole = await pressed(shopper, cart_hash, "refund", form="refund", amount="85.62")
    assert (statuses(whole), money(whole)) == (["Refunded"], ["98.12 USD charged, all of it refunded"])
    assert "refund" not in offered(whole)


async def test_store_and_shopper_write_to_each_other(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await pressed(shopper, cart_hash, "message", form="message", sender="customer", text="In blue?")
    screen = await pressed(shopper, cart_hash, "message", form="message", sender="retailer", text="Yes")
    told = [each.text for each in screen.all("p", class_="message")]
    assert [text.split()[0] for text in told] == ["Shopper", "Store"]
    assert [text.endswith(words) for text, words in zip(told, ("In blue?", "Yes"), strict=True)] == [True, True]


async def test_shopper_cancels(shopper: Shopper) -> None:
    screen = await pressed(shopper, await shopper.order(1), "cancel")
    assert (statuses(screen), money(screen)) == (["Canceled"], ["The hold of 98.12 USD was released"])


async def test_reservation_is_paid_at_the_counter(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="ropis")
    screen = await pressed(shopper, cart_hash, "confirm")
    assert (money(screen), "refund" in offered(screen)) == (["No card: 89.00 USD is to be paid here"], False)


async def test_charge_is_made_to_fail(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    for value in ("yes", "no", "yes"):
        assert (await look(shopper)).one("button", name="capture_fails").attributes["value"] == value
        answer = await shopper.client.post(f"{SCREEN}/orders/{cart_hash}", data={"capture_fails": value})
        assert answer.status_code == 303
    screen = await pressed(shopper, cart_hash, "confirm")
    assert (statuses(screen), money(screen)) == (
        ["Charge Failed"],
        ["The charge failed: 98.12 USD is to be paid here"],
    )


async def test_expired_hold_is_told(shopper: Shopper) -> None:
    await shopper.control("settings", {"auto_cancel": False})
    await shopper.order(1)
    await shopper.control("clock", {"advance": "P8D"})
    assert money(await look(shopper)) == ["The hold of 98.12 USD expired"]


async def test_ship_to_store_is_played_by_brand_and_store(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1, path="sts")
    desks = {}
    for action in ("confirm", "process", "ship", "ready", "picked_up"):
        screen = await look(shopper)
        assert offered(screen).count(action) == 1
        groups = [group.attributes["aria-label"].split(":")[0] for group in screen.all(role="group")]
        desks[action] = groups
        await pressed(shopper, cart_hash, action)
    assert desks["confirm"] == ["Store", "Brand", "Shopper"]
    assert desks["ready"] == ["Store", "Shopper"]
    assert statuses(await look(shopper)) == ["Fulfilled", "Picked Up"]


async def test_form_opens_and_stops_the_refresh(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    shut = await look(shopper)
    link = next(link for link in shut.all("a", class_="button") if "form=decline" in link.attributes["href"])
    opened = await look(shopper, link.attributes["href"])
    assert (len(shut.all("meta", http_equiv="refresh")), len(opened.all("meta", http_equiv="refresh"))) == (1, 0)
    assert shut.all("input", name="reason") == []
    assert opened.one("form", class_="asking").attributes["action"] == f"{SCREEN}/orders/{cart_hash}/{shopper.upcs[0]}"
    assert opened.one("input", name="reason").attributes["value"] == "Not in stock after all"


@pytest.mark.parametrize(
    ("action", "fields", "said"),
    [
        ("decline", {"form": "decline", "reason": " "}, "reason is required"),
        ("refund", {"form": "refund", "amount": "1.005"}, "amount must be money"),
        ("refund", {"form": "refund", "amount": "99"}, "which is 98.12"),
        ("message", {"form": "message", "sender": "customer"}, "text is required"),
    ],
)
async def test_bad_form_stays_open_with_its_trouble(
    shopper: Shopper, action: str, fields: dict[str, str], said: str
) -> None:
    cart_hash = await shopper.order(1)
    if action == "refund":
        await shopper.move(cart_hash, status="confirmed")
    answer = await press(shopper, cart_hash, action, **fields)
    assert (answer.status_code, said in trouble(answer)) == (400, True)
    assert Markup(answer.text).one("input", type="hidden", name="form").attributes["value"] == action


async def test_stale_button_says_why_and_renews_the_screen(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    await shopper.move(cart_hash, status="rejected", reason="None left")
    answer = await press(shopper, cart_hash, "confirm")
    assert (answer.status_code, "the item is Canceled" in trouble(answer)) == (409, True)
    assert Markup(answer.text).one("meta", http_equiv="refresh").attributes["content"] == f"10;url={SCREEN}"


async def test_links_work_on_the_page_of_a_trouble(shopper: Shopper) -> None:
    cart_hash = await shopper.order(1)
    answer = await press(shopper, cart_hash, "refund")
    links = [link.attributes["href"] for link in Markup(answer.text).all("a", class_="button")]
    assert links
    for link in links:
        assert (await look(shopper, link)).one("form", class_="asking")


async def test_orders_are_newest_first_with_their_shopper(shopper: Shopper) -> None:
    first, second = await shopper.order(1, 2), await shopper.order(1, path="ropis")
    await shopper.order(1, store_id=OTHER_STORE)
    screen = await look(shopper)
    assert [section.attributes["id"] for section in screen.all("section")] == [second, first]
    assert len(money(screen)) == 3
    assert all(f"{SHOPPER['first_name']} {SHOPPER['last_name']}" in each.text for each in screen.all("section"))


async def test_screen_stays_short_with_many_orders(shopper: Shopper) -> None:
    for _ in range(51):
        await shopper.order(1, path="ropis")
    screen = await look(shopper)
    assert len(screen.all("section")) == 50
    assert any(each.text == "1 older orders are not shown." for each in screen.all("p", class_="quiet"))


async def test_test_orders_are_marked() -> None:
    async with fresh_shopper(token="test_alpha") as shopper:
        await shopper.order(1)
        screen = await look(shopper)
    assert statuses(screen) == ["test", "Ordered"]
    assert "answer by" not in screen.one("section").text


async def test_what_people_write_is_shown_as_text(shopper: Shopper) -> None:
    evil = "<script>alert(1)</script>"
    cart_hash = await shopper.order(1, shopper=SHOPPER | {"first_name": evil})
    await shopper.control(f"orders/{cart_hash}/items/{shopper.upcs[0]}", {"action": "message", "text": evil})
    screen = await look(shopper)
    assert screen.all("script") == []
    assert screen.one("section").text.count("<script>") == 2


async def test_screens_name_no_third_host_and_no_script(shopper: Shopper) -> None:
    await shopper.order(1)
    for path in ("/", STORES, SCREEN):
        answer = await shopper.client.get(path, headers={"Accept": "text/html"})
        assert "//" not in answer.text.replace("<!doctype", "")
        assert Markup(answer.text).all("script") == []
    assert "script-src" not in (await shopper.client.get(SCREEN)).headers["content-security-policy"]


async def test_style_is_served(shopper: Shopper) -> None:
    (link,) = (await look(shopper)).all("link", rel="stylesheet")
    answer = await shopper.client.get(link.attributes["href"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css; charset=utf-8")
