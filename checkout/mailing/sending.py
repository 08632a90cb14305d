"""One message to the mail server, and what its refusals mean."""

import asyncio
from contextlib import suppress
from email.message import EmailMessage

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPTimeoutError,
)

from checkout.settings import MailServer

_ANSWER_SECONDS = 20  # For each answer of the server; some look at a message for a while before they take it.
_IN_ALL_SECONDS = 60
_GOODBYE_SECONDS = 2


class Undeliverable(Exception):
    """The server refused this mail for good; the text is a word or a code, and holds no address."""


class NotDelivered(Exception):
    """The mail was not taken, or nobody knows; it may be tried again. The text is as above."""


async def send_message(server: MailServer, message: EmailMessage) -> None:
    """Hand a message to the server. Raises Undeliverable or NotDelivered.

    Not safe to repeat when NotDelivered is raised: the server may have taken the message and its answer got lost. The
    message's own id stays the same, so that a mailbox may show the two as one.
    """
    client = SMTP(
        hostname=server.host,
        port=server.port,
        username=server.username,
        password=server.password.get_secret_value() if server.password else None,
        use_tls=server.is_tls,
        start_tls=server.starts_tls,
        local_hostname="localhost",  # Else the machine's own name is looked up, which may block.
        timeout=_ANSWER_SECONDS,
    )
    try:
        async with asyncio.timeout(_IN_ALL_SECONDS):
            await client.connect()
            await client.send_message(message)
        with suppress(SMTPException, OSError):
            await client.quit(timeout=_GOODBYE_SECONDS)
    except (SMTPException, OSError, ValueError) as error:
        raise _read(error) from None  # Its text may hold the address.
    finally:
        client.close()


def _read(error: Exception) -> Exception:
    """What a failure means. A server's 5xx is final where it is about this mail, not about who sends it."""
    if isinstance(error, SMTPRecipientsRefused):
        code = min(each.code for each in error.recipients)
        return (Undeliverable if code >= 500 else NotDelivered)(f"recipient refused {code}")
    if isinstance(error, SMTPDataError):
        return (Undeliverable if error.code >= 500 else NotDelivered)(f"message refused {error.code}")
    if isinstance(error, SMTPNotSupported | ValueError):
        return Undeliverable("address not supported")
    if isinstance(error, SMTPResponseException):
        return NotDelivered(f"{type(error).__name__} {error.code}")
    if isinstance(error, TimeoutError | SMTPTimeoutError):
        return NotDelivered("timeout")
    return NotDelivered(type(error).__name__)
