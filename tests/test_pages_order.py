"""The order page: what it shows of an order, to whom, and what can be done on it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from checkout.availability import StoreOffer, StoreOfferItem
from checkout.errors import UpstreamUnavailable
from checkout.orders import Address, ItemStatus, OpeningHours, Order, OrderMessage, PathToPurchase, Shopper, Store
from checkout.settings import load_settings
from checkout.wording.items import describe_item
from checkout.wording.languages import ENGLISH
from tests.order_pages import (
    BOPIS,
    ENVIRONMENT,
    KEYRING,
    NOW,
    ROPIS,
    SANDBOX,
    STORE,
    STS,
    Pages,
    Shown,
    keep_order,
    make_order,
    open_pages,
    text_of,
)

WEEK = tuple(OpeningHours(day=day, opens="09:00", closes="17:00") for day in range(7))
MAIL = {"CHECKOUT_SMTP_URL": "smtp://127.0.0.1:2525", "CHECKOUT_MAIL_FROM": "orders@acme.example"}
OTHER = {"id": "ord_2", "checkout_id": "chk_2", "cart_hash": "OTHER1"}
FOREIGN = {"Sec-Fetch-Site": "cross-site"}


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    async with open_pages(load_settings({**ENVIRONMENT, **SANDBOX, **MAIL})) as opened:
        yield opened


def offer(store_id: int, *paths: PathToPurchase, missing: int = 0) -> StoreOffer:
    """Another store that has two of everything, or lacks some of the second item."""
    items = (
        StoreOfferItem("686487455940", 2, in_stock=True, quantity_on_hand=9, missing=0),
        StoreOfferItem("686487455941", 2, in_stock=not missing, quantity_on_hand=2 - missing, missing=missing),
    )
    store = STORE.changed(id=store_id, name=f"Store <{store_id}>")
    return StoreOffer(store, 2.4, paths or (BOPIS, ROPIS), has_all=not missing, items=items)


# What it shows


async def test_order_page_tells_store_and_order(pages: Pages) -> None:
    page = await pages.show(make_order())
    words = text_of(page)
    assert page.status_code == 200
    for fact in (
        "Wicker Park <Cyclery>",
        "1728 N Damen Ave Chicago, IL 60647",
        "Today: Sunday, 11:00 AM to 5:00 PM",
        "Call +1 312-555-0101",
        "Order number QE3QL6",
        "Sunday, November 22, 2026, 9:30 AM CST",
        "by Sunday, November 22, 2026, 1:30 PM CST",
        "Trail Shoe 0 Waiting for the store's answer 2 $248.06",
        "Total $248.06",
        "Held on your card $248.06",
        "$248.06 is held on your card, not charged",
    ):
        assert fact in words


async def test_order_page_links_to_phone_and_map(pages: Pages) -> None:
    addresses = Shown((await pages.show(make_order())).text).addresses
    assert "tel:+13125550101" in addresses
    assert "https://www.openstreetmap.org/?mlat=41.9137&mlon=-87.6776#map=17/41.9137/-87.6776" in addresses


async def test_order_page_masks_the_shopper(pages: Pages) -> None:
    page = await pages.show(make_order())
    assert "June H. j***@e***.com ***42" in text_of(page)
    private = ("Harper", "june.harper", "5550142", "1104 S Wabash", "60605", "bearer-link")
    assert not [fact for fact in private if fact in page.text]


async def test_order_page_escapes_what_upstreams_say(pages: Pages) -> None:
    message = OrderMessage(sender="<b>", text="<script>1</script>", created_at=None)
    page = await pages.show(make_order().changed(messages=(message,)))
    assert "Wicker Park &lt;Cyclery&gt;" in page.text
    assert "&lt;script&gt;1&lt;/script&gt;" in page.text
    assert not [raw for raw in ("<Cyclery>", "<b>", "<script>") if raw in page.text]


async def test_order_page_does_without_unknown_facts(pages: Pages) -> None:
    bare = make_order("packed").changed(
        store=Store(id=1, name="Store", address=Address()), shopper=Shopper(), answer_by=None
    )
    bare = bare.changed(items=(bare.items[0].changed(name=None, total=None, reason="Damaged"),))
    words = text_of(await pages.show(bare))
    assert "UPC 686487455940 packed The reason given: Damaged 2 not known" in words
    assert "3:30 PM UTC" in words
    assert "None" not in words


@pytest.mark.parametrize("path", PathToPurchase)
async def test_order_page_knows_every_status(path: PathToPurchase, pages: Pages) -> None:
    statuses = [*ItemStatus, "something_new"]
    words = text_of(await pages.show(make_order(*statuses, path=path)))
    assert not [status for status in statuses if describe_item(status, path, ENGLISH) not in words]


async def test_messages_name_who_wrote_them(pages: Pages) -> None:
    senders = ("retailer", "customer", "locally", "brand")
    messages = tuple(OrderMessage(sender=each, text=f"from {each}", created_at=NOW) for each in senders)
    words = text_of(await pages.show(make_order().changed(messages=messages)))
    at = "Sunday, November 22, 2026, 9:30 AM CST"
    for sender, name in zip(senders, ("Wicker Park <Cyclery>", "You", "Locally", "brand"), strict=True):
        assert f"{name} {at} from {sender}" in words


@pytest.mark.parametrize(("url", "is_shown"), [("https://locally.example/i/1", True), ("javascript:alert(1)", False)])
async def test_invoice_is_linked_if_it_is_a_page(url: str, is_shown: bool, pages: Pages) -> None:
    page = await pages.show(make_order("confirmed").changed(invoice_url=url))
    assert (url in Shown(page.text).addresses) is is_shown


async def test_order_page_reckons_when_the_store_answers(pages: Pages) -> None:
    words = text_of(await pages.show(make_order().changed(answer_by=NOW + timedelta(days=1))))
    assert "The store answers by Monday, November 23, 2026, 9:30 AM CST" in words
    assert "You get an answer by Monday, November 23, 2026, 9:30 AM CST at the latest." in words


@pytest.mark.parametrize(
    "order",
    [
        make_order().changed(answer_by=NOW - timedelta(minutes=1)),
        make_order("confirmed").changed(answer_by=NOW + timedelta(hours=1)),
        make_order("pending_brand", path=STS).changed(answer_by=None, store=STORE.changed(hours=WEEK)),
        make_order().changed(answer_by=None, store=STORE.changed(hours=())),
    ],
    ids=["past", "answered", "brand", "unknown hours"],
)
async def test_no_answer_is_promised_without_reason(order: Order, pages: Pages) -> None:
    assert "at the latest. Order received" not in text_of(await pages.show(order))


async def test_timeline_tells_what_concerns_the_shopper(pages: Pages) -> None:
    confirmed = {"upc": "686487455940", "status": "confirmed", "source": "webhook"}
    page = await pages.show(
        make_order("confirmed", "ordered"),
        ("attempt.validated", {}),
        ("order.placed", {}),
        ("item.confirmed", confirmed),
        ("mail.sent", {"kind": "confirmed"}),
        ("order.cancel_requested", {"source": "shopper"}),
    )
    words = text_of(page)
    story = words[words.index("What happened so far") :]
    told = ["The order was placed.", "Trail Shoe 0: Held for you at the store", "You asked to cancel the order."]
    assert [story.index(each) for each in told] == sorted(story.index(each) for each in told)
    assert story.count("2026") == len(told)


# Links that open nothing, or nothing more


@pytest.mark.parametrize(
    "link", ["ol_nothing", "ol_" + "A" * 43, "ot_" + "A" * 43, KEYRING.token("ot", "ord_1"), "ord_1", "QE3QL6", "%00"]
)
async def test_every_other_link_finds_the_same_nothing(link: str, pages: Pages) -> None:
    await keep_order(pages.database, make_order())
    page = await pages.client.get(f"/o/{link}")
    assert page.status_code == 404
    assert page.text == (await pages.client.get("/o/ol_other")).text
    assert "Nothing is here" in text_of(page)


@pytest.mark.parametrize(("days", "status"), [(89, 200), (91, 404)])
async def test_link_ends_90_days_after_the_order(days: int, status: int, pages: Pages) -> None:
    page = await pages.show(make_order().changed(placed_at=NOW - timedelta(days=days)))
    assert page.status_code == status
    assert ("Lost the link to your order?" in page.text) is (status == 404)


@pytest.mark.parametrize("exists", [True, False])
async def test_order_links_neither_leak_nor_last(exists: bool, pages: Pages) -> None:
    path = await keep_order(pages.database, make_order())
    page = await pages.client.get(path if exists else "/o/ol_nothing")
    assert page.status_code == (200 if exists else 404)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"


# Following


async def test_unchanged_page_is_not_sent_again(pages: Pages) -> None:
    path = await keep_order(pages.database, make_order())
    etag = (await pages.client.get(path)).headers["ETag"]
    again = await pages.client.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == "no-store"
    await pages.client.post(f"{path}/cancel-request")
    assert (await pages.client.get(path, headers={"If-None-Match": etag})).status_code == 200


async def test_waiting_order_renews_itself_without_scripts(pages: Pages) -> None:
    page = await pages.show(make_order())
    assert '<noscript><meta http-equiv="refresh" content="60"></noscript>' in page.text
    assert "Check again" in page.text
    assert "http-equiv" not in (await pages.show(make_order("picked_up").changed(**OTHER))).text


# The wish to cancel


async def test_cancel_wish_is_shown_as_asked(pages: Pages) -> None:
    path = await keep_order(pages.database, make_order())
    assert f'action="{path}/cancel-request?lang=en-US"' in (await pages.client.get(path)).text
    asked = await pages.client.post(f"{path}/cancel-request?lang=fr-CA")
    assert (asked.status_code, asked.headers["Location"]) == (303, f"{path}?lang=fr-CA")
    page = await pages.client.get(path)
    words = text_of(page)
    assert "You asked to cancel Nobody has answered yet" in words
    assert "Waiting for the store's answer" in words
    assert "cancel-request" not in page.text
    assert "https://www.locally.com/order/QE3QL6/bearer-link" in Shown(page.text).addresses


@pytest.mark.parametrize("status", ["picked_up", "declined", "refunded"])
async def test_ended_order_cannot_be_asked_to_cancel(status: str, pages: Pages) -> None:
    path = await keep_order(pages.database, make_order(status))
    assert "cancel-request" not in (await pages.client.get(path)).text
    assert (await pages.client.post(f"{path}/cancel-request")).headers["Location"] == path
    assert "You asked to cancel" not in (await pages.client.get(path)).text


@pytest.mark.parametrize("call", ["cancel-request", "rescues"])
async def test_other_sites_can_do_nothing(call: str, pages: Pages) -> None:
    path = await keep_order(pages.database, make_order("ordered"))
    with pytest.raises(Exception, match="origin"):
        await pages.client.post(f"{path}/{call}", headers=FOREIGN)
    assert "You asked to cancel" not in (await pages.client.get(path)).text


async def test_lost_link_cancels_nothing(pages: Pages) -> None:
    assert (await pages.client.post("/o/ol_nothing/cancel-request")).status_code == 404


# Other stores


async def test_declined_order_offers_other_stores(pages: Pages) -> None:
    pages.rescues.stores = tuple(offer(number) for number in range(1, 8))
    page = await pages.show(make_order("declined", "auto_canceled"))
    words = text_of(page)
    assert "Get Trail Shoe 0 and Trail Shoe 1 at another store" in words
    assert "Store <1> 2.4 mi" in words
    assert page.text.count("data-store=") == 5
    assert 'id="rescue"' in page.text
    assert 'data-path="bopis" data-upcs="686487455940,686487455941"' in page.text
    assert "/checkout?items=686487455940:2,686487455941:2&without=37175&lang=en-US" in Shown(page.text).addresses


async def test_store_sells_what_it_has_in_the_way_it_can(pages: Pages) -> None:
    pages.rescues.stores = (offer(1, ROPIS, missing=1),)
    page = await pages.show(make_order("declined", "declined"))
    assert 'data-path="ropis" data-upcs="686487455940"' in page.text
    assert "Has 1 of 2 items" in text_of(page)
    assert "Reserve, pay there Trail Shoe 0 Call" in text_of(page)
    assert "card once more" not in text_of(page)


async def test_page_stands_without_the_stores(pages: Pages) -> None:
    pages.rescues.error = UpstreamUnavailable()
    page = await pages.show(make_order("declined"))
    assert page.status_code == 200
    assert "We cannot look for other stores right now." in text_of(page)
    assert "data-store=" not in page.text


@pytest.mark.parametrize("order", [make_order(), make_order("canceled"), make_order("rejected", path=STS)])
async def test_other_stores_are_for_what_a_store_declined(order: Order, pages: Pages) -> None:
    pages.rescues.stores = (offer(1),)
    assert 'id="rescue"' not in (await pages.show(order)).text


async def test_order_and_its_rescue_lead_to_each_other(pages: Pages) -> None:
    old = make_order("declined")
    old = old.changed(items=(old.items[0].changed(rescued_by="ord_2"),), rescued_by="ord_2")
    new = make_order().changed(**OTHER, rescues="ord_1", store=STORE.changed(name="Loop Cycles"))
    paths = [await keep_order(pages.database, order) for order in (old, new)]
    was, now = [await pages.client.get(path) for path in paths]
    assert "You ordered it at Loop Cycles instead." in text_of(was)
    assert paths[1] in Shown(was.text).addresses
    assert "You ordered here what Wicker Park <Cyclery> could not provide." in text_of(now)
    assert paths[0] in Shown(now.text).addresses
    assert "/checkout?" not in was.text
