"""The sandbox's mailbox: takes mail for everybody, shows it, and forgets it."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import httpx
import pytest_asyncio
from aiosmtpd.smtp import Envelope

from checkout.sandbox import create_sandbox
from checkout.sandbox.mailbox import MOST, Mailbox

EMPTY = Envelope()
STRANGE = "<script>alert(1)</script>"


class Post:
    """A sandbox that takes mail, and its pages."""

    def __init__(self, mailbox: Mailbox, client: httpx.AsyncClient) -> None:
        self.mailbox = mailbox
        self.client = client

    async def send(self, subject: str = "Your order", html: str = "<head></head><p>Hello</p>") -> None:
        message = EmailMessage()
        message["From"] = "orders@acme.example"
        message["To"] = "june@example.com"
        message["Subject"] = subject
        message.set_content("Hello in text")
        if html:
            message.add_alternative(html, subtype="html")
        await aiosmtplib.send(message, hostname="127.0.0.1", port=self.mailbox.port, start_tls=False)

    async def read(self, path: str) -> httpx.Response:
        return await self.client.get(f"/_sandbox/{path}")

    async def subjects(self) -> list[str]:
        return [mail["subject"] for mail in (await self.read("mails.json")).json()["mails"]]


@pytest_asyncio.fixture
async def post() -> AsyncIterator[Post]:
    app = create_sandbox()
    mailbox = app.state.parts.mailbox
    await mailbox.listen("127.0.0.1", 0)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox.test") as client:
        yield Post(mailbox, client)
    mailbox.close()


async def test_mail_is_kept_with_text_and_html(post: Post) -> None:
    await post.send("Grüße — your order")
    told = (await post.read("mails.json")).json()
    (mail,) = told["mails"]
    assert told["smtp_url"] == f"smtp://127.0.0.1:{post.mailbox.port}"
    assert (mail["subject"], mail["recipients"]) == ("Grüße — your order", ["june@example.com"])
    assert (mail["text"].strip(), mail["html"].strip()) == ("Hello in text", "<head></head><p>Hello</p>")


async def test_newest_mail_stands_first(post: Post) -> None:
    await post.send("one")
    await post.send("two")
    assert await post.subjects() == ["two", "one"]
    page = (await post.read("mails")).text
    assert page.index("two") < page.index("one")


async def test_mail_is_shown_as_it_looks(post: Post) -> None:
    await post.send()
    assert 'src="/_sandbox/mails/1/html"' in (await post.read("mails/1")).text
    framed = await post.read("mails/1/html")
    assert '<base target="_blank">' in framed.text
    assert framed.headers["content-security-policy"].startswith("sandbox allow-popups")


async def test_strange_mail_stays_in_its_frame(post: Post) -> None:
    await post.send(STRANGE, html=STRANGE)
    for path in ("mails", "mails/1"):
        assert STRANGE not in (await post.read(path)).text
    assert "script-src" not in (await post.read("mails/1/html")).headers["content-security-policy"]


async def test_mail_without_html_is_shown_as_text(post: Post) -> None:
    await post.send(html="")
    page = (await post.read("mails/1")).text
    assert "Hello in text" in page
    assert "<iframe" not in page


async def test_only_the_last_mails_are_kept(post: Post) -> None:
    nobody: Any = None
    await post.send("first")
    for _ in range(MOST):
        await post.mailbox.handle_DATA(nobody, nobody, EMPTY)
    assert len(await post.subjects()) == MOST
    assert "first" not in await post.subjects()


async def test_start_afresh_empties_the_mailbox(post: Post) -> None:
    await post.send()
    await post.client.delete("/_sandbox")
    assert await post.subjects() == []
    assert (await post.read("mails/1")).status_code == 404
    await post.send("again")
    assert [mail["id"] for mail in (await post.read("mails.json")).json()["mails"]] == [2]


async def test_sandbox_without_a_mail_port_says_so() -> None:
    transport = httpx.ASGITransport(create_sandbox())
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox.test") as client:
        assert (await client.get("/_sandbox/mails.json")).json() == {"smtp_url": None, "mails": []}
