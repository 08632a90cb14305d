"""One message and the server that takes it, refuses it, is slow or is not there; over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from pydantic import SecretStr

from checkout.mailing import sending
from checkout.mailing.sending import NotDelivered, Undeliverable, send_message
from checkout.settings import MailServer


@dataclass
class Receiver:
    """What a mail server answers, and what it took."""

    to_recipient: str = "250 OK"
    to_message: str = "250 OK"
    to_sender: str = "250 OK"
    utf8: bool = True
    taken: list[bytes] = field(default_factory=list)
    is_known: list[bool] = field(default_factory=list)
    stall: asyncio.Event | None = None

    async def handle_MAIL(self, _: SMTP, __: Any, envelope: Envelope, address: str, ___: list[str]) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.to_sender

    async def handle_RCPT(self, _: SMTP, __: Any, envelope: Envelope, address: str, ___: list[str]) -> str:  # noqa: N802
        if self.to_recipient.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.stall is not None:
            await self.stall.wait()
        assert isinstance(envelope.content, bytes)
        self.taken.append(envelope.content)
        self.is_known.append(bool(session.authenticated))
        return self.to_message


@asynccontextmanager
async def serving(receiver: Receiver, **options: Any) -> AsyncIterator[MailServer]:
    loop = asyncio.get_running_loop()
    made: list[SMTP] = []

    def protocol() -> SMTP:
        made.append(SMTP(receiver, loop=loop, hostname="test", enable_SMTPUTF8=receiver.utf8, **options))
        return made[-1]

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    try:
        yield MailServer(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for each in made:
            if each.transport is not None:
                each.transport.close()
        await asyncio.sleep(0)


def message_to(address: str = "jane@example.com") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Acme <orders@acme.example>"
    message["To"] = address
    message["Subject"] = "Grüße"
    message.set_content("Your order — received.")
    return message


async def test_message_arrives_whole() -> None:
    receiver = Receiver()
    async with serving(receiver) as server:
        await send_message(server, message_to())
    (content,) = receiver.taken
    assert b"To: jane@example.com" in content


@pytest.mark.parametrize(
    ("answers", "outcome", "said"),
    [
        ({"to_recipient": "550 jane@example.com is unknown"}, Undeliverable, "recipient refused 550"),
        ({"to_recipient": "451 jane@example.com: later"}, NotDelivered, "recipient refused 451"),
        ({"to_message": "554 spam for jane@example.com"}, Undeliverable, "message refused 554"),
        ({"to_message": "452 full"}, NotDelivered, "message refused 452"),
        ({"to_sender": "550 orders@acme.example may not send"}, NotDelivered, "SMTPSenderRefused 550"),
    ],
)
async def test_refusals_are_told_apart(answers: dict[str, str], outcome: type[Exception], said: str) -> None:
    async with serving(Receiver(**answers)) as server:  # type: ignore[arg-type]  # Answers are texts.
        with pytest.raises(outcome) as refused:
            await send_message(server, message_to())
    assert str(refused.value) == said


async def test_server_that_is_down_is_tried_again() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server = MailServer(host="127.0.0.1", port=unused.getsockname()[1])
        with pytest.raises(NotDelivered, match="SMTPConnectError"):
            await send_message(server, message_to())


async def test_slow_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_IN_ALL_SECONDS", 0.2)
    receiver = Receiver(stall=asyncio.Event())
    async with serving(receiver) as server:
        with pytest.raises(NotDelivered, match="timeout"):
            await send_message(server, message_to())
        assert receiver.taken == []


async def test_silent_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_ANSWER_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(NotDelivered, match="timeout"):
            await send_message(MailServer(host="127.0.0.1", port=silent.getsockname()[1]), message_to())


async def test_mail_never_leaves_this_machine_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server elsewhere has to speak TLS; one that does not gets neither password nor mail."""
    monkeypatch.setattr(MailServer, "starts_tls", True)
    receiver = Receiver()
    async with serving(receiver) as server:
        with pytest.raises(NotDelivered):
            await send_message(server, message_to())
    assert receiver.taken == []


@pytest.mark.parametrize(
    ("host", "is_tls", "starts"),
    [
        ("mail.example.com", False, True),
        ("10.0.0.5", False, True),
        ("mail.example.com", True, False),
        ("127.0.0.1", False, False),
        ("localhost", False, False),
        ("::1", False, False),
    ],
)
def test_only_this_machine_may_do_without_tls(host: str, is_tls: bool, starts: bool) -> None:
    assert MailServer(host=host, port=587, is_tls=is_tls).starts_tls is starts


@pytest.mark.parametrize(("password", "outcome"), [("right", None), ("wrong", NotDelivered)])
async def test_name_and_password_are_given(password: str, outcome: type[Exception] | None) -> None:
    def judge(_: Any, __: Any, ___: Any, ____: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"shop", b"right"), handled=False)

    receiver = Receiver()
    async with serving(receiver, auth_require_tls=False, authenticator=judge) as plain:
        server = plain.model_copy(update={"username": "shop", "password": SecretStr(password)})
        if outcome is None:
            await send_message(server, message_to())
        else:
            with pytest.raises(outcome, match="SMTPAuthenticationError 535"):
                await send_message(server, message_to())
    assert receiver.is_known == ([True] if outcome is None else [])


async def test_address_that_the_server_cannot_take_is_final() -> None:
    async with serving(Receiver(utf8=False)) as server:
        with pytest.raises(Undeliverable, match="address not supported"):
            await send_message(server, message_to("jörg@example.com"))
