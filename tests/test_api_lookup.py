"""Lost links: a new one comes by mail, and who asks learns nothing."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

import checkout.mailing
from checkout.mailing.sending import NotDelivered
from tests.mail_world import text_of
from tests.service import SECRET_KEY, SHOPPER, Service, running_service

LINK = re.compile(r"http://service\.test(/o/ol_[A-Za-z0-9_-]{43})")
MAIL: dict[str, Any] = {"smtp_url": "smtp://127.0.0.1:2525", "mail_from": "orders@acme.example", "languages": "en"}


class Postman:
    """Takes the mail in place of a server."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []

    async def __call__(self, _: Any, message: EmailMessage) -> None:
        self.sent.append(message)

    async def number(self, count: int) -> EmailMessage:
        """The mail of this number, counted from 1, once it came."""
        ends = time.monotonic() + 20
        while len(self.sent) < count:
            assert time.monotonic() < ends, self.sent
            await asyncio.sleep(0.01)
        return self.sent[count - 1]


@pytest.fixture
def postman(monkeypatch: pytest.MonkeyPatch) -> Postman:
    taking = Postman()
    monkeypatch.setattr(checkout.mailing, "send_message", taking)
    return taking


@pytest_asyncio.fixture
async def service(postman: Postman) -> AsyncIterator[Service]:
    async with running_service(**MAIL) as running:
        yield running


async def buy(service: Service, **changes: Any) -> dict[str, Any]:
    """An order as its checkout shows it."""
    checkout = await service.create(**changes)
    placed = await service.place(checkout, await service.take_card(checkout))
    assert placed.status_code == 200, placed.text
    return dict(placed.json()["order"])


async def ask(service: Service, email: str = SHOPPER["email"], **how: Any) -> Any:
    return await service.call("POST", "/v1/orders/lookup", {"email": email}, **how)


async def opens(service: Service, path: str) -> bool:
    return (await service.client.get(path)).status_code == 200


async def test_lost_link_comes_by_mail(service: Service, postman: Postman) -> None:
    order = await buy(service)
    assert (await ask(service)).json() == {"status": "accepted"}
    message = await postman.number(1)
    (link,) = LINK.findall(text_of(message))
    assert message["To"] == SHOPPER["email"]
    assert not order["url"].endswith(link)
    assert await opens(service, link)
    assert await opens(service, order["url"].removeprefix("http://service.test"))


async def test_hit_and_miss_are_answered_alike(service: Service, postman: Postman) -> None:
    await buy(service)
    hit, miss = await ask(service), await ask(service, "nobody@example.com")
    assert (hit.status_code, hit.content) == (miss.status_code, miss.content) == (202, b'{"status":"accepted"}')
    assert hit.headers.keys() == miss.headers.keys()
    await postman.number(1)
    assert {message["To"] for message in postman.sent} == {SHOPPER["email"]}


async def test_address_is_found_however_it_is_written(service: Service, postman: Postman) -> None:
    await buy(service)
    await ask(service, SHOPPER["email"].upper())
    assert (await postman.number(1))["To"] == SHOPPER["email"]


async def test_every_order_of_the_address_is_linked(service: Service, postman: Postman) -> None:
    await buy(service)
    await buy(service)
    await ask(service)
    links = LINK.findall(text_of(await postman.number(1)))
    assert len(set(links)) == 2
    assert all([await opens(service, link) for link in links])


async def test_address_gets_few_mails_an_hour(service: Service, postman: Postman) -> None:
    await buy(service)
    answers = [await ask(service) for _ in range(8)]
    assert {answer.status_code for answer in answers} == {202}
    await postman.number(5)
    service.clock.advance(hours=2)
    await ask(service)
    await postman.number(6)
    assert len(postman.sent) == 6


async def test_caller_may_ask_for_few_addresses_an_hour(service: Service, postman: Postman) -> None:
    await buy(service)
    for number in range(30):
        assert (await ask(service, f"guess{number}@example.com")).status_code == 202
    assert (await ask(service)).status_code == 202
    service.clock.advance(hours=2)
    await ask(service)
    await postman.number(1)
    assert len(postman.sent) == 1


async def test_order_has_ten_links_at_most(service: Service, postman: Postman) -> None:
    await buy(service)
    for number in range(1, 13):
        service.clock.advance(hours=2)
        await ask(service)
        await postman.number(number)
    links = [LINK.findall(text_of(message))[0] for message in postman.sent]
    assert len(set(links)) == 9
    assert len(set(links[8:])) == 1
    assert all([await opens(service, link) for link in set(links)])


async def test_links_end_ninety_days_after_the_order(service: Service, postman: Postman) -> None:
    order = await buy(service)
    await ask(service)
    (link,) = LINK.findall(text_of(await postman.number(1)))
    first = order["url"].removeprefix("http://service.test")
    service.clock.advance(days=89)
    assert [await opens(service, each) for each in (first, link)] == [True, True]
    service.clock.advance(days=2)
    assert [await opens(service, each) for each in (first, link)] == [False, False]
    await ask(service)
    await asyncio.sleep(0.05)
    assert len(postman.sent) == 1


async def test_nothing_personal_reaches_the_log(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await buy(service)
    tried = asyncio.Event()

    async def fail(_: Any, __: EmailMessage) -> None:
        tried.set()
        raise NotDelivered("timeout")

    with capture_logs() as logs:
        monkeypatch.setattr(checkout.mailing, "send_message", fail)
        async with running_service(**MAIL, mute_comms="true") as other:
            await buy(other)
            await asyncio.wait_for(tried.wait(), 20)
            await ask(service)
    assert "mail_postponed" in {entry["event"] for entry in logs}
    assert SHOPPER["email"] not in str(logs)


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ({"email": "jane"}, 422), ({"email": "a@b.example", "order": "ord_1"}, 422), ([], 422)],
)
async def test_wrong_questions_are_refused(service: Service, body: Any, status: int) -> None:
    assert (await service.call("POST", "/v1/orders/lookup", body)).status_code == status


async def test_only_the_publishable_key_asks(service: Service) -> None:
    assert (await ask(service, with_=SECRET_KEY)).status_code == 403
    assert (await service.client.post("/v1/orders/lookup", json={"email": SHOPPER["email"]})).status_code == 401


async def test_without_mail_there_is_no_lookup() -> None:
    async with running_service() as service:
        assert (await ask(service)).status_code == 404


async def test_order_tells_the_shopper_when_locally_is_silent(postman: Postman) -> None:
    async with running_service(**MAIL, mute_comms="true") as service:
        order = await buy(service, locale="en-US")
        message = await postman.number(1)
        assert message["Subject"].startswith("Your order at ")
        assert order["url"] in text_of(message)
