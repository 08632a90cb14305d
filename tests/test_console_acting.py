"""What an operator does in the console: settle, send again, act on parcels; and that it is told as done there."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from checkout.console.guarding import Visit
from checkout.console.queues import _tell_left, _tell_span
from checkout.database.tables import holds, orders
from tests.console_world import Visitor, form_of, forms_of, links_of, words_of
from tests.databases import KINDS, NOW
from tests.pushcart_world import trading
from tests.service import SECRET_KEY, UPC, Service
from tests.sts_world import Parcel, buy, selling_world
from tests.test_api_deliveries import Told, all_are, told
from tests.test_api_operators import Doubt, in_doubt
from tests.upstreams import lost_answer, lost_request

__all__ = ["told"]  # A fixture.


@pytest_asyncio.fixture(params=KINDS)
async def review(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Doubt]:
    """An attempt in review whose order does exist."""
    async with in_doubt(request.param, tmp_path) as doubt:
        yield doubt


def settle_path(doubt: Doubt) -> str:
    return f"/console/checkouts/{doubt.checkout['id']}/settle"


async def test_review_is_counted_on_every_page_and_told_with_evidence(review: Doubt) -> None:
    visitor = await Visitor(review.world.service).enter()
    assert (await visitor.page("/console")).one("span", class_="count").text == "1"
    page = await visitor.page("/console/reviews")
    told = words_of(page)
    for fact in (review.checkout["id"], review.cart_hash, review.card, "its answer was lost", "no answer"):
        assert fact in told
    assert "june.harper@example.com" not in told
    assert settle_path(review) in forms_of(page)
    story = words_of(await visitor.page(f"/console/checkouts/{review.checkout['id']}"))
    assert "What became of cart/commit is not known" in story


async def test_order_is_settled_in_two_steps(review: Doubt) -> None:
    visitor, path = await Visitor(review.world.service).enter(), settle_path(review)
    page = await visitor.page(f"{path}?decision=placed")
    assert "There is an order: are you sure?" in words_of(page)
    review.world.upstreams.clear()
    done = await visitor.submit(page, path, cart_hash=review.cart_hash, looked="on")
    assert (done.status_code, done.headers["location"]) == (303, f"{path.removesuffix('/settle')}?done=settled")
    assert "It is settled" in words_of(await visitor.page(done.headers["location"]))
    (decision,) = await review.decisions()
    assert (decision["decision"], decision["source"]) == ("placed", "console")
    assert decision["by"].startswith("console ")
    assert len(await review.world.rows(orders)) == 1
    told = words_of(await visitor.page(f"/console/checkouts/{review.checkout['id']}"))
    assert f"A person decided in the console ({decision['by']}): placed (cart {review.cart_hash})." in told
    assert "Nothing needs a person" in words_of(await visitor.page("/console/reviews"))


async def test_no_order_is_settled_in_two_steps(tmp_path: Path) -> None:
    async with in_doubt("sqlite", tmp_path, lost_request) as doubt:
        visitor, path = await Visitor(doubt.world.service).enter(), settle_path(doubt)
        page = await visitor.page(f"{path}?decision=not_placed")
        done = await visitor.submit(page, path, looked="on")
        assert done.status_code == 303
        assert [each["decision"] for each in await doubt.decisions()] == ["not_placed"]
        assert (await doubt.world.service.read(doubt.checkout))["status"] == "expired"
        assert doubt.checkout["id"] in words_of(await visitor.page("/console/holds"))
        assert len(await doubt.world.rows(holds)) == 1
        again = await visitor.submit(page, path, looked="on")
        assert again.status_code == 303
        assert len(await doubt.decisions()) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"decision": "placed", "looked": "on"},
        {"decision": "placed", "cart_hash": "ABCDE", "looked": "on"},
        {"decision": "placed", "cart_hash": "right"},
        {"decision": "not_placed"},
        {"decision": "maybe", "looked": "on"},
        {"looked": "on"},
    ],
)
async def test_half_a_decision_decides_nothing(tmp_path: Path, fields: dict[str, str]) -> None:
    async with in_doubt("sqlite", tmp_path) as doubt:
        visitor, path = await Visitor(doubt.world.service).enter(), settle_path(doubt)
        key = form_of(await visitor.page(f"{path}?decision=placed"), path).fields["form_key"]
        given = {**fields, **({"cart_hash": doubt.cart_hash} if fields.get("cart_hash") == "right" else {})}
        answer = await visitor.post(path, {**given, "form_key": key})
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
        assert await doubt.decisions() == []
        assert (await doubt.world.service.read(doubt.checkout))["status"] == "placing"


async def test_checkout_without_doubt_is_not_settled(service: Service) -> None:
    checkout = await service.create()
    visitor = await Visitor(service).enter()
    path = f"/console/checkouts/{checkout['id']}/settle"
    assert "nothing to settle" in words_of(await visitor.page(f"{path}?decision=placed", 409))


async def test_message_is_sent_again_and_told(told: Told) -> None:
    visitor = await Visitor(told.service).enter()
    checkout_id = await told.place()
    (delivery,) = await told.until(all_are("delivered", 1))
    path = f"/console/deliveries/{delivery['id']}/redeliver"
    page = await visitor.page("/console/deliveries?state=delivered")
    assert "shop.example" in words_of(page)
    assert f"/console/checkouts/{checkout_id}" in links_of(page)
    done = await visitor.submit(page, path)
    assert (done.status_code, done.headers["location"]) == (303, "/console/deliveries?done=sent")
    await told.until(lambda found: [len(each["tries"]) for each in found] == [2])
    assert len(set(told.receivers.ids("shop"))) == 1
    story = await told.service.call("GET", f"/v1/checkouts/{checkout_id}/timeline", with_=SECRET_KEY)
    (entry,) = [each for each in story.json()["data"] if each["event"] == "delivery.sent_again"]
    assert (entry["facts"]["delivery"], entry["facts"]["source"]) == (delivery["id"], "console")
    assert "was sent again from the console" in words_of(await visitor.page(f"/console/checkouts/{checkout_id}"))


async def test_deliveries_are_told_by_state(told: Told) -> None:
    visitor = await Visitor(told.service).enter()
    await told.place()
    await told.until(all_are("delivered", 1))
    assert "There is no such delivery" in words_of(await visitor.page("/console/deliveries?state=failed"))
    assert "checkout.placed" in words_of(await visitor.page("/console/deliveries?state=nonsense&after=x"))


@pytest.mark.parametrize("name", ["dlv_999", "dlv_", "dlv_99999999999999999999", "none"])
async def test_unknown_delivery_is_not_found(told: Told, name: str) -> None:
    visitor = await Visitor(told.service).enter()
    path = f"/console/deliveries/{name}/redeliver"
    await told.place()
    await told.until(all_are("delivered", 1))
    answer = await visitor.post(path, {"form_key": Visit(visitor.token, 0).form_key(path)})
    assert answer.status_code == 404


async def operator_of(parcel: Parcel) -> "Operator":
    return Operator(parcel, await Visitor(parcel.world.service).enter())


class Operator:
    """Somebody who acts on a parcel with the forms that the pages offer."""

    def __init__(self, parcel: Parcel, visitor: Visitor) -> None:
        self.parcel = parcel
        self.visitor = visitor
        self.page = f"/console/orders/{parcel.order_id}"

    def path(self, action: str, upc: str = UPC) -> str:
        return f"{self.page}/items/{upc}/{action}"

    async def offered(self, page: str | None = None) -> list[str]:
        paths = forms_of(await self.visitor.page(page or self.page))
        return [path.rpartition("/")[2] for path in paths if "/items/" in path]

    async def do(self, action: str, **fields: str) -> Any:
        return await self.visitor.submit(await self.visitor.page(self.page), self.path(action), **fields)


async def test_parcel_goes_its_way_from_the_console(tmp_path: Path) -> None:
    async with selling_world("sqlite", tmp_path) as world:
        operator = await operator_of(await buy(world))
        parcel, visitor = operator.parcel, operator.visitor
        assert await operator.offered("/console/shipping") == ["confirm", "process", "reject"]
        done = await operator.do("confirm", sure="on")
        assert (done.status_code, done.headers["location"]) == (303, f"{operator.page}?done=action")
        assert "Locally has taken it" in words_of(await visitor.page(done.headers["location"]))
        assert await parcel.status() == "confirmed"
        assert await operator.offered() == ["process", "ship", "refund"]
        parts = {"tracking__carrier": "UPS", "tracking__number": "1Z999", "tracking__url": "https://ups.example/1Z999"}
        assert (await operator.do("ship", message="On its way", **parts)).status_code == 303
        assert await parcel.status() == "shipped"
        page = words_of(await visitor.page("/console/shipping"))
        assert page.index("On the way to the store 1") < page.index(parcel.cart_hash) < page.index("At the store 0")
        sent = str(world.upstreams.bodies("v2/update"))
        assert "On its way\\nUPS 1Z999 https://ups.example/1Z999" in sent
        story = (await parcel.read("/timeline"))["data"]
        sources = [each["facts"]["source"] for each in story if each["event"].startswith("action.")]
        assert sources == ["console", "console"]
        assert f"what was asked of the item {UPC}: ship (console)." in words_of(await visitor.page(operator.page))


async def test_rejection_takes_a_reason_and_a_tick(tmp_path: Path) -> None:
    async with selling_world("sqlite", tmp_path) as world:
        operator = await operator_of(await buy(world))
        for fields in ({"reason": "none left"}, {"sure": "on"}, {"reason": "  ", "sure": "on"}, {}):
            answer = await operator.do("reject", **fields)
            assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
        assert await operator.parcel.status() == "pending_brand"
        assert (await operator.do("reject", reason="none left", sure="on")).status_code == 303
        assert await operator.parcel.status() == "rejected"


async def test_packing_that_charges_takes_a_tick(tmp_path: Path) -> None:
    async with selling_world("sqlite", tmp_path) as world:
        operator = await operator_of(await buy(world))
        assert (await operator.do("process")).status_code == 422
        assert await operator.parcel.charges() == []
        assert (await operator.do("process", sure="on")).status_code == 303
        assert await operator.parcel.status() == "processing"


async def test_same_form_refunds_a_part_once(tmp_path: Path) -> None:
    async with selling_world("sqlite", tmp_path) as world:
        parcel = await buy(world)
        await parcel.do("confirm")
        operator = await operator_of(parcel)
        page = await operator.visitor.page(operator.page)
        for _ in range(2):
            done = await operator.visitor.submit(page, operator.path("refund"), refund_amount="12.50", sure="on")
            assert done.status_code == 303
        ((_, refunded),) = await parcel.charges()
        assert refunded == 1250
        await operator.do("refund", refund_amount="12.50", sure="on")  # A page that was loaded anew has a form anew.
        ((_, refunded),) = await parcel.charges()
        assert refunded == 2500


@pytest.mark.parametrize("amount", ["a lot", "-1", "12.345", "1e400", "99999999999999999999", "NaN"])
async def test_amounts_that_are_none_refund_nothing(tmp_path: Path, amount: str) -> None:
    async with selling_world("sqlite", tmp_path) as world:
        parcel = await buy(world)
        await parcel.do("confirm")
        operator = await operator_of(parcel)
        answer = await operator.do("refund", refund_amount=amount, sure="on")
        assert answer.status_code == 422
        ((_, refunded),) = await parcel.charges()
        assert refunded == 0


async def test_doubt_is_told_as_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkout.console.actions.PATIENCE", 0)
    async with selling_world("sqlite", tmp_path, readback_delays="60") as world:
        operator = await operator_of(await buy(world))
        world.upstreams.always("v2/update", lost_answer)
        done = await operator.do("confirm", sure="on")
        assert done.headers["location"].endswith("?done=doubt")
        assert "has not answered yet" in words_of(await operator.visitor.page(done.headers["location"]))
        page = await operator.visitor.page("/console/reviews")
        assert f"confirm, item {UPC}" in words_of(page)
        assert "Nothing needs a person" not in words_of(page)
        assert (await operator.visitor.page("/console")).one("span", class_="count").text == "1"


async def test_actions_that_are_not_offered_do_nothing(tmp_path: Path) -> None:
    async with selling_world("sqlite", tmp_path) as world:
        operator = await operator_of(await buy(world))
        cases = {
            operator.path("ship"): 409,
            operator.path("nonsense"): 404,
            operator.path("confirm", "068648100117"): 404,
        }
        for path, status in cases.items():
            form_key = Visit(operator.visitor.token, 0).form_key(path)
            answer = await operator.visitor.post(path, {"form_key": form_key, "sure": "on"})
            assert answer.status_code == status, path
        assert await operator.parcel.journal() == []


async def test_orders_to_pick_up_offer_the_brand_nothing(service: Service) -> None:
    checkout = await service.create()
    placed = await service.place(checkout, await service.take_card(checkout))
    page = await (await Visitor(service).enter()).page(f"/console/orders/{placed.json()['order']['id']}")
    assert [path for path in forms_of(page) if "/items/" in path] == []


async def test_retailer_answers_from_the_console() -> None:
    async with trading(before=1) as trade:
        await trade.intake_over()
        ((cart_hash, order),) = ((each["cart_hash"], each) for each in await trade.orders())
        visitor = await Visitor(trade.retailer).enter()
        page, path = await visitor.page("/console/answers"), f"/console/orders/{order['id']}/items/{UPC}/confirm"
        assert cart_hash in words_of(page)
        assert not {"/console/feed", "/console/holds", "/console/shipping"} & set(links_of(page))
        handed_over = "https://shop.example/orders/1"
        done = await visitor.submit(page, path, fulfillment_url=handed_over, sure="on")
        assert done.headers["location"] == f"/console/orders/{order['id']}?done=action"
        now = await trade.order(cart_hash)
        assert now["items"][0]["status"] == "confirmed"
        page = await visitor.page(f"/console/orders/{order['id']}")
        assert handed_over in links_of(page)
        assert "cancel-request" not in str(forms_of(page))
        assert "what was asked of the item" in words_of(page)
        assert "No answer is due" in words_of(await visitor.page("/console/answers"))


async def test_answers_due_stand_in_the_order_of_their_ends(service: Service) -> None:
    visitor = await Visitor(service).enter()
    assert "No answer is due" in words_of(await visitor.page("/console/answers"))
    made = []
    for _ in range(2):
        checkout = await service.create(path_to_purchase="ropis")
        made.append((await service.place(checkout, None)).json()["order"]["id"])
        service.clock.advance(hours=1)
    found = [path.rpartition("/")[2] for path in links_of(await visitor.page("/console/answers")) if "ord_" in path]
    assert found == made


async def test_statement_is_printed_from_the_console(tmp_path: Path) -> None:
    async with selling_world("sqlite", tmp_path) as world:
        parcel = await buy(world)
        for action in ("confirm", "ship"):
            await parcel.do(action)
        visitor = await Visitor(world.service).enter()
        (this, before, *_) = [
            path for path in links_of(await visitor.page("/console/shipping")) if "/console/statements/" in path
        ]
        assert parcel.order_id in (await visitor.get(this)).text
        assert parcel.order_id not in (await visitor.get(before)).text
        assert (await visitor.get("/console/statements/2026-13")).status_code == 404


async def test_feed_is_told_with_its_age(tmp_path: Path) -> None:
    async with selling_world("sqlite", tmp_path) as world:
        visitor = await Visitor(world.service).enter()
        assert "No feed was imported yet" in words_of(await visitor.page("/console/feed"))
        headers = {"Authorization": f"Bearer {SECRET_KEY}", "Content-Type": "text/csv"}
        feed = f"upc,quantity,percent,shipping_cost\n{UPC},7,20,5.00\n"
        taken = await world.service.client.put("/v1/feeds/available-to-sell", content=feed, headers=headers)
        assert taken.status_code == 200, taken.text
        assert "fresh" in words_of(await visitor.page("/console/feed"))
        world.service.clock.advance(hours=25)
        visitor = await Visitor(world.service).enter()
        assert "The feed is stale: it was imported 25 h 00 min ago" in words_of(await visitor.page("/console/feed"))


def test_spans_are_told_in_hours_and_minutes() -> None:
    assert _tell_span(timedelta(minutes=7, seconds=59)) == "7 min"
    assert _tell_span(timedelta(hours=3, minutes=5)) == "3 h 05 min"
    assert _tell_left(NOW + timedelta(hours=1), NOW) == "in 1 h 00 min"
    assert _tell_left(NOW - timedelta(minutes=1), NOW) == "1 min ago"
