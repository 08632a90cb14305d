"""What upstreams call our requests is kept with each call, so that their people can find it."""

import httpx
import pytest

from checkout.database.tables import upstream_calls
from tests.placing_world import World
from tests.service import SECRET_KEY
from tests.upstreams import Forward, Happening, changed, lost_answer


def named(request_id: str) -> Happening:
    """The upstream's own answer, under a name."""

    async def happening(_request: httpx.Request, forward: Forward) -> httpx.Response:
        answer = await forward()
        answer.headers["X-Request-Id"] = request_id
        return answer

    return happening


async def kept(world: World) -> dict[str, str | None]:
    return {row["call"]: row["request_id"] for row in await world.rows(upstream_calls)}


async def test_name_of_each_call_is_kept_and_told(world: World) -> None:
    checkout, card = await world.ready()
    for call in ("cart/validate", "cart/commit"):
        world.upstreams.on(call, named(f"at-locally-{call}"))
    assert (await world.place(checkout, card)).status_code == 200
    names = await kept(world)
    assert (names["cart/validate"], names["cart/commit"]) == ("at-locally-cart/validate", "at-locally-cart/commit")
    assert (names["stripe/setup_intents"] or "").startswith("req_")
    story = await world.service.call("GET", f"/v1/checkouts/{checkout['id']}/timeline", with_=SECRET_KEY)
    told = {entry["event"]: entry["facts"].get("request_id") for entry in story.json()["data"]}
    assert {call: told[f"call.{call}"] for call in names} == names


async def test_lost_answer_has_no_name_and_its_read_back_has(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", named("at-locally-1"))
    world.upstreams.on("cart/commit", lost_answer)
    world.upstreams.on("v2/cart", named("at-locally-2"))
    await world.place(checkout, card)
    assert (await world.settled(checkout))["status"] == "placed"
    names = await kept(world)
    assert (names["cart/validate"], names["cart/commit"], names["v2/cart"]) == ("at-locally-1", None, "at-locally-2")


async def test_name_of_a_refused_call_is_kept(world: World) -> None:
    checkout, card = await world.ready("pm_card_chargeCustomerFail")
    world.upstreams.on("cart/validate", named("at-locally-1"))
    assert (await world.place(checkout, card)).status_code == 402
    assert (await kept(world))["cart/validate"] == "at-locally-1"


@pytest.mark.parametrize(
    ("wrong", "showed"),
    [
        ({"metadata": {"checkout_id": "chk_other"}}, "not_ours"),
        ({"status": "requires_payment_method"}, "requires_payment_method"),
    ],
)
async def test_look_at_an_unusable_card_entry_is_told(world: World, wrong: dict[str, object], showed: str) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("stripe/setup_intents", changed(lambda intent: intent.update(wrong)))
    assert (await world.place(checkout, card)).json()["code"] == "setup_intent_invalid"
    assert [(row["call"], row["outcome"]) for row in await world.rows(upstream_calls)] == [
        ("stripe/setup_intents", showed)
    ]


async def test_name_that_no_database_takes_is_cut(world: World) -> None:
    checkout, card = await world.ready()
    world.upstreams.on("cart/validate", named("é" * 300))
    assert (await world.place(checkout, card)).status_code == 200
    assert len((await kept(world))["cart/validate"] or "") == 200
