"""The worker that sends mail: every fact once, tried again while it may help, and nothing personal in a log."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from checkout.database import claim_mails, read_timeline
from checkout.errors import DatabaseUnavailable
from checkout.mailing import Mailing, MailKind
from checkout.mailing.sending import NotDelivered, Undeliverable
from tests.databases import KINDS, database_url, running_database
from tests.mail_world import KEYRING, MAIL, MailWorld, order_of, text_of
from tests.service import make_settings


@pytest_asyncio.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MailWorld]:
    async with database_url(request.param, tmp_path) as url, running_database(url) as database:
        yield MailWorld(database)


async def test_change_reaches_the_shopper_once(world: MailWorld) -> None:
    was = await world.keep(order_of("ordered"))
    order = order_of("confirmed", charged=10000)
    await world.change(was, order)
    await world.change(was, order)  # Somebody who lost a race repeats it.
    async with world.running():
        assert await world.ended() == ["sent"]
    (message,) = world.sent
    assert message["To"] == "jane@example.com"
    assert message["Subject"] == "Your order is held for you at Kirkwood Outfitters"
    assert f"http://service.test/o/{KEYRING.token('ol', 'ord_1')}" in text_of(message)


async def test_mail_is_in_the_language_of_the_purchase(world: MailWorld) -> None:
    await world.keep(order_of(), locale="fr-CA")
    await world.put(MailKind.PLACED, order_of())
    async with world.running():
        await world.ended()
    assert world.sent[0]["Content-Language"] == "fr-CA"


async def test_nothing_is_queued_without_a_mail_server(world: MailWorld) -> None:
    was = await world.keep(order_of("ordered"))
    await world.change(was, order_of("confirmed"), smtp_url="")
    assert await world.rows() == []


async def test_what_locally_says_is_not_said_again(world: MailWorld) -> None:
    was = await world.keep(order_of("ordered"))
    await world.change(was, order_of("confirmed"), mute_comms="false")
    assert await world.rows() == []


async def test_shopper_without_an_address_gets_nothing(world: MailWorld) -> None:
    was = await world.keep(order_of("ordered", shopper=order_of().shopper.changed(email=None)))
    await world.change(was, was.changed(items=order_of("confirmed").items))
    assert await world.rows() == []


async def test_untrue_mail_is_not_sent(world: MailWorld) -> None:
    was = await world.keep(order_of("ordered"))
    confirmed = order_of("confirmed")
    await world.change(was, confirmed)
    await world.change(confirmed, order_of("declined"))
    async with world.running():
        assert await world.ended() == ["superseded", "sent"]
    assert [message["Subject"] for message in world.sent] == ["Kirkwood Outfitters cannot provide your order"]


async def test_sent_mail_is_noted_without_the_address(world: MailWorld) -> None:
    await world.keep(order_of())
    await world.put(MailKind.PLACED, order_of())
    async with world.running():
        await world.ended()
    entries = await world.database.read(lambda tx: read_timeline(tx, "chk_1"))
    assert [(entry.event, entry.facts) for entry in entries] == [("mail.sent", {"kind": "placed"})]


async def test_mail_is_tried_again_later(world: MailWorld) -> None:
    await world.keep(order_of())
    await world.put(MailKind.PLACED, order_of())
    world.faults = [NotDelivered("timeout")]
    async with world.running():
        (row,) = await world.until(lambda rows: rows[0]["tries"] == 1)
        assert row["next_try_at"] - row["created_at"] >= timedelta(seconds=59)
        assert world.sent == []
        world.clock.advance(minutes=1)
        assert await world.ended() == ["sent"]


def has_moved_on(tries: int, rows: list[dict[str, Any]]) -> bool:
    return bool(rows[0]["tries"] > tries or rows[0]["ended_at"])


async def test_mail_is_given_up_after_two_days(world: MailWorld) -> None:
    await world.keep(order_of())
    await world.put(MailKind.PLACED, order_of())
    world.faults = [NotDelivered("SMTPConnectError")] * 100
    waits = []
    with capture_logs() as logs:
        async with world.running():
            while not (row := (await world.rows())[0])["ended_at"]:
                (row,) = await world.until(partial(has_moved_on, row["tries"]))
                waits.append((row["next_try_at"] - world.clock()).total_seconds())
                world.clock.advance(seconds=max(waits[-1], 0) + 1)
    assert row["state"] == "failed"
    assert 10 <= len(waits) <= 20
    assert sorted(waits[:8]) == waits[:8]
    assert 2 * 86400 <= (row["ended_at"] - row["created_at"]).total_seconds() <= 2.5 * 86400
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["mail_failed"]


async def test_refused_mail_is_not_tried_again(world: MailWorld) -> None:
    await world.keep(order_of())
    await world.put(MailKind.PLACED, order_of())
    world.faults = [Undeliverable("recipient refused 550")]
    with capture_logs() as logs:
        async with world.running():
            assert await world.ended() == ["failed"]
    (row,) = await world.rows()
    assert row["fault"] == "recipient refused 550"
    assert [(entry["event"], entry["fault"]) for entry in logs] == [("mail_failed", "recipient refused 550")]
    assert "jane" not in str(logs)


async def test_failed_mail_holds_up_no_other(world: MailWorld) -> None:
    for name in "123":
        order = await world.keep(order_of(name=name))
        await world.put(MailKind.PLACED, order)
    stuck = asyncio.Event()

    async def send(message: EmailMessage) -> None:
        if "HASH1" in text_of(message):
            await stuck.wait()
            raise NotDelivered("timeout")
        await world.send(message)

    async with world.running(send):
        await world.until(lambda _: len(world.sent) == 2)
        stuck.set()
        await world.until(lambda rows: sum(row["state"] == "sent" for row in rows) == 2 and rows[0]["tries"] == 1)


async def test_bug_in_a_mail_is_told_and_tried_again(world: MailWorld) -> None:
    await world.keep(order_of())
    await world.put(MailKind.PLACED, order_of())
    world.faults = [RuntimeError("a bug")]
    with capture_logs() as logs:
        async with world.running():
            (row,) = await world.until(lambda rows: rows[0]["tries"] == 1)
    assert row["fault"] == "RuntimeError"
    assert [entry["event"] for entry in logs] == ["mail_paused", "mail_postponed"]


async def test_mail_of_a_crash_is_sent_with_the_same_id(world: MailWorld) -> None:
    """The process ends when the server has the mail, and nobody has noted it."""
    await world.keep(order_of())
    await world.put(MailKind.PLACED, order_of())

    class Gone(Mailing):
        async def _end(self, *_: Any) -> None:
            await asyncio.Event().wait()

    dead = Gone(world.database, KEYRING, make_settings(**MAIL), clock=world.clock, send=world.send)
    await dead.start()
    await world.until(lambda _: world.sent)
    assert dead._worker is not None
    dead._worker.cancel()
    world.clock.advance(minutes=4)  # Its lease has run out.
    async with world.running():
        assert await world.ended() == ["sent"]
    assert len(world.sent) == 2
    assert len({message["Message-ID"] for message in world.sent}) == 1


async def test_mail_on_its_way_is_nobody_elses(world: MailWorld) -> None:
    await world.keep(order_of())
    await world.put(MailKind.PLACED, order_of())
    now = world.clock()

    def claim(owner: str) -> Any:
        return lambda tx: claim_mails(tx, owner, now, now + timedelta(minutes=3), 10)

    assert len(await world.database.write(claim("one"))) == 1
    assert await world.database.write(claim("two")) == []


async def test_instances_share_the_mail(world: MailWorld) -> None:
    async with world.running(), world.running(), world.running():
        for number in range(12):
            order = await world.keep(order_of(name=str(number)))
            await world.put(MailKind.PLACED, order)
        assert await world.ended() == ["sent"] * 12
    assert len({message["Message-ID"] for message in world.sent}) == len(world.sent) == 12


async def test_stop_lets_what_is_under_way_end(world: MailWorld) -> None:
    await world.keep(order_of())
    await world.put(MailKind.PLACED, order_of())
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def send(message: EmailMessage) -> None:
        begun.set()
        await go_on.wait()
        await world.send(message)

    mailing = world.made(send)
    await mailing.start()
    await begun.wait()
    stopping = asyncio.create_task(mailing.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    assert [row["state"] for row in await world.rows()] == ["sent"]


async def test_nudge_wakes_the_worker(world: MailWorld) -> None:
    order = await world.keep(order_of())
    async with world.running(recovery_interval="3600") as mailing:
        await asyncio.sleep(0.05)  # It has looked once, and would look again in an hour.
        await world.put(MailKind.PLACED, order)
        mailing.nudge()
        assert await world.ended() == ["sent"]


async def test_database_that_fails_is_waited_for(world: MailWorld) -> None:
    order = await world.keep(order_of())
    await world.put(MailKind.PLACED, order)

    class Failing:
        is_exclusive = False
        failures = 3

        async def write(self, work: Any) -> Any:
            if self.failures:
                self.failures -= 1
                raise DatabaseUnavailable
            return await world.database.write(work)

        def __getattr__(self, name: str) -> Any:
            return getattr(world.database, name)

    database: Any = Failing()
    with capture_logs() as logs:
        async with world.running(database=database):
            assert await world.ended() == ["sent"]
    assert {entry["event"] for entry in logs} == {"mail_paused"}


@pytest.mark.parametrize(("mute_comms", "level"), [("false", "info"), ("true", "warning")])
async def test_without_a_server_it_is_said_once(mute_comms: str, level: str) -> None:
    class Untouched:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(name)

    database: Any = Untouched()
    with capture_logs() as logs:
        mailing = Mailing(database, KEYRING, make_settings(mute_comms=mute_comms), clock=MailWorld(database).clock)
        await mailing.start()
        await mailing.stop()
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("mail_off", level)]


async def test_old_mail_is_forgotten(world: MailWorld) -> None:
    order = await world.keep(order_of())
    await world.put(MailKind.PLACED, order)
    async with world.running():
        await world.ended()
    world.clock.advance(days=181)
    async with world.running():
        await world.until(lambda rows: not rows)


async def test_links_bring_every_recent_order(world: MailWorld) -> None:
    for name, days in (("1", 0), ("2", 5), ("3", 200)):
        await world.keep(order_of(name=name, placed_at=world.clock() - timedelta(days=days)))
    await world.keep(order_of(name="4", shopper=order_of().shopper.changed(email="other@example.com")))
    await world.put(MailKind.LINKS, order_of())
    async with world.running():
        await world.ended()
    text = text_of(world.sent[0])
    assert [name for name in "1234" if f"HASH{name}" in text] == ["1", "2"]
    assert f"http://service.test/o/{KEYRING.token('ol', 'ord_2')}" in text
