"""The mailbox: takes every mail that is sent to it, whoever it is for, and shows it."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, Envelope, Session
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

MOST = 200
_MOST_BYTES = 1_000_000
_PAGES = Path(__file__).with_name("screen_pages")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}
# What a mail holds is as strange here as in any mail program: no script, no form, no address of ours.
_MAIL_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src https: data:; base-uri 'none'; frame-ancestors 'self'",
}


class Received(NamedTuple):
    """One mail, as a reader sees it."""

    id: int
    at: datetime
    sender: str
    recipients: list[str]
    subject: str
    message_id: str
    text: str
    html: str

    def as_document(self) -> dict[str, Any]:
        return {**self._asdict(), "at": self.at.strftime("%Y-%m-%dT%H:%M:%SZ")}


class Mailbox:
    """Keeps the last mails in memory. `port` is where it listens, None before `listen`."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._mails: deque[Received] = deque(maxlen=MOST)
        self._received = 0
        self._server: asyncio.Server | None = None
        self._host = ""
        self.port: int | None = None
        self._pages = Environment(
            loader=FileSystemLoader(_PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )

    async def listen(self, host: str, port: int) -> None:
        """Take mail on this port; 0 takes a free one. Raises OSError."""
        loop = asyncio.get_running_loop()

        def protocol() -> SMTP:
            return SMTP(
                self, loop=loop, hostname="sandbox", ident="sandbox", enable_SMTPUTF8=True, data_size_limit=_MOST_BYTES
            )

        self._server = await loop.create_server(protocol, host, port)
        self._host, self.port = host, self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    def clear(self) -> None:
        self._mails.clear()

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802  aiosmtpd's name.
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        message = message_from_bytes(content, policy=policy.default)
        self._received += 1
        self._mails.appendleft(
            Received(
                id=self._received,
                at=self._now(),
                sender=str(message["From"] or envelope.mail_from or ""),
                recipients=[str(each) for each in envelope.rcpt_tos],
                subject=str(message["Subject"] or ""),
                message_id=str(message["Message-ID"] or ""),
                text=_part(message, "plain"),
                html=_part(message, "html"),
            )
        )
        return "250 OK"

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/_sandbox/mails", self.show_all, methods=["GET"]),
            Route("/_sandbox/mails.json", self.tell_all, methods=["GET"]),
            Route("/_sandbox/mails/{mail_id:int}", self.show, methods=["GET"]),
            Route("/_sandbox/mails/{mail_id:int}/html", self.show_html, methods=["GET"]),
        ]

    async def tell_all(self, _: Request) -> Response:
        url = f"smtp://{self._host}:{self.port}" if self.port else None
        return JSONResponse({"smtp_url": url, "mails": [mail.as_document() for mail in self._mails]})

    async def show_all(self, _: Request) -> Response:
        return self._page("mails.html", mails=list(self._mails), port=self.port, most=MOST)

    async def show(self, request: Request) -> Response:
        mail = self._find(request)
        return _no_mail() if mail is None else self._page("mail.html", mail=mail)

    async def show_html(self, request: Request) -> Response:
        """The HTML of a mail in its frame; its links open beside it."""
        mail = self._find(request)
        if mail is None:
            return _no_mail()
        return HTMLResponse(mail.html.replace("<head>", '<head><base target="_blank">', 1), headers=_MAIL_HEADERS)

    def _find(self, request: Request) -> Received | None:
        return next((mail for mail in self._mails if mail.id == request.path_params["mail_id"]), None)

    def _page(self, name: str, **facts: Any) -> Response:
        return HTMLResponse(self._pages.get_template(name).render(facts), headers=_HEADERS)


def _no_mail() -> Response:
    return PlainTextResponse("There is no such mail (any more).", 404)


def _part(message: EmailMessage, kind: str) -> str:
    """The text or the HTML of a mail, "" where it has none or says it in no way that can be read."""
    part = message.get_body((kind,))
    try:
        return str(part.get_content()) if part is not None else ""
    except (LookupError, KeyError, ValueError):
        return ""
