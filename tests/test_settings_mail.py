"""The settings of mail: how they are read, what is refused, and that the password stays unsaid."""

import pytest

from checkout.errors import SettingsFault
from checkout.settings import MailServer
from tests.service import make_settings

SENDER = "orders@acme.example"


def server_of(url: str) -> MailServer:
    found = make_settings(smtp_url=url, mail_from=SENDER).smtp_url
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("url", "host", "port", "is_tls"),
    [
        ("smtp://mail.example.com", "mail.example.com", 587, False),
        ("smtp://mail.example.com:25", "mail.example.com", 25, False),
        ("smtps://mail.example.com", "mail.example.com", 465, True),
        ("smtp://[::1]:2525/", "::1", 2525, False),
    ],
)
def test_server_is_read_from_its_url(url: str, host: str, port: int, is_tls: bool) -> None:
    found = server_of(url)
    assert (found.host, found.port, found.is_tls, found.username) == (host, port, is_tls, None)


def test_signs_in_name_and_password_are_encoded() -> None:
    found = server_of("smtp://shop%40acme.example:p%2Fw%3A@mail.example.com")
    assert found.password is not None
    assert (found.username, found.password.get_secret_value()) == ("shop@acme.example", "p/w:")


def test_password_is_shown_nowhere() -> None:
    settings = make_settings(smtp_url="smtp://shop:hush-hush@mail.example.com", mail_from=SENDER)
    assert "hush-hush" not in f"{settings!r} {settings} {settings.smtp_url!r} {settings.smtp_url}"


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:0",
        "smtp://mail.example.com:many",
        "smtp://mail.example.com/path",
        "smtp://mail.example.com?x=hush-hush",
        "smtp://shop@mail.example.com",
        "smtp://[::1",
    ],
)
def test_server_that_cannot_be_one_stops_the_start(url: str) -> None:
    with pytest.raises(SettingsFault) as stopped:
        server_of(url)
    assert str(stopped.value).startswith("CHECKOUT_SMTP_URL must ")
    assert "hush-hush" not in str(stopped.value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("orders@acme.example", "orders@acme.example"),
        ("Acme <orders@acme.example>", "Acme <orders@acme.example>"),
        ("Acme, Inc. <orders@acme.example>", None),
        ('"Acme, Inc." <orders@acme.example>', '"Acme, Inc." <orders@acme.example>'),
        ("Söhne <orders@söhne.example>", "Söhne <orders@xn--shne-5qa.example>"),
        ("acme", None),
        ("a@acme.example, b@acme.example", None),
        ("sön@acme.example", None),
    ],
)
def test_sender_is_one_address_with_or_without_a_name(given: str, kept: str | None) -> None:
    if kept is not None:
        assert make_settings(smtp_url="smtp://mail.example.com", mail_from=given).mail_from == kept
        return
    with pytest.raises(SettingsFault, match="CHECKOUT_MAIL_FROM must be an address"):
        make_settings(smtp_url="smtp://mail.example.com", mail_from=given)


def test_server_without_a_sender_stops_the_start() -> None:
    with pytest.raises(SettingsFault, match="CHECKOUT_MAIL_FROM is missing"):
        make_settings(smtp_url="smtp://mail.example.com")
