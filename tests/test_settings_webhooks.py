"""CHECKOUT_WEBHOOKS: what is taken, one clear line for each fault, and nothing of it shown."""

import json
from typing import Any

import pytest

from checkout.settings import TOPICS, load_settings
from tests.notifying_world import OLD_SECRET, SECRET
from tests.service import make_settings
from tests.test_settings import LIVE, TEST, faults

URL = "https://www.example.com/hooks?key=a-secret-too"


def line_of(*endpoints: Any) -> str:
    (line,) = faults({**TEST, "CHECKOUT_WEBHOOKS": json.dumps(endpoints)})
    return line


def test_endpoints_take_several_secrets_and_events() -> None:
    both = [
        {"url": URL, "secrets": [SECRET, OLD_SECRET], "events": ["order.updated", "order.updated"]},
        {"url": "http://127.0.0.1:4000/", "secret": SECRET},
    ]
    first, second = make_settings(webhooks=json.dumps(both)).webhooks
    assert [secret.get_secret_value() for secret in first.secrets] == [SECRET, OLD_SECRET]
    assert (first.host, first.events) == ("www.example.com", ("order.updated",))
    assert [secret.get_secret_value() for secret in second.secrets] == [SECRET]
    assert second.events == TOPICS


@pytest.mark.parametrize("value", ["", "[]"])
def test_no_endpoint_is_fine(value: str) -> None:
    assert make_settings(webhooks=value).webhooks == ()


def test_neither_address_nor_secret_is_shown() -> None:
    settings = make_settings(webhooks=json.dumps([{"url": URL, "secret": SECRET}]))
    for shown in (repr(settings), str(settings), repr(settings.webhooks)):
        assert "a-secret-too" not in shown
        assert SECRET not in shown


@pytest.mark.parametrize(
    "url",
    ["http://www.example.com/", "http://127.0.0.1.example.com/", "http://localhost.example.com/", "http://10.0.0.1/"],
)
def test_plain_http_is_for_this_machine(url: str) -> None:
    assert line_of({"url": url, "secret": SECRET}) == (
        "CHECKOUT_WEBHOOKS[0][url] must begin with https:// (http:// only for this machine)"
    )


@pytest.mark.parametrize("url", ["http://localhost:1/", "http://[::1]:1/", "http://127.0.0.9/", "http://a.localhost/"])
def test_this_machine_is_for_test_keys(url: str) -> None:
    webhooks = json.dumps([{"url": URL, "secret": SECRET}, {"url": url, "secret": SECRET}])
    assert len(load_settings({**TEST, "CHECKOUT_WEBHOOKS": webhooks}).webhooks) == 2
    assert faults({**LIVE, "CHECKOUT_WEBHOOKS": webhooks}) == (
        "CHECKOUT_WEBHOOKS[1][url] must begin with https:// with live keys",
    )


@pytest.mark.parametrize(
    "url", ["www.example.com", "https://u:p@example.com/", "https://a/#b", "ftp://a/", "https:///x"]
)
def test_what_is_no_address_is_told(url: str) -> None:
    assert line_of({"url": url, "secret": SECRET}).startswith("CHECKOUT_WEBHOOKS[0][url] must be an address such as")


@pytest.mark.parametrize(
    "secret", ["secret", "whsec_", "whsec_c2hvcnQ=", SECRET[6:], "whsec_!!!" + SECRET[6:], f"{SECRET}A"]
)
def test_what_is_no_secret_is_told_without_it(secret: str) -> None:
    line = line_of({"url": URL, "secrets": [SECRET, secret]})
    assert line.startswith("CHECKOUT_WEBHOOKS[0][secrets][1] must be whsec_ and 24 to 64 bytes in base64")
    assert "openssl rand" in line
    assert secret == "secret" or secret not in line.replace("whsec_ and", "").replace("whsec_$", "")


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({}, "CHECKOUT_WEBHOOKS[0][secrets] is missing"),
        ({"secrets": []}, "CHECKOUT_WEBHOOKS[0][secrets] must be a list of 1 to 5 secrets, the new one first"),
        (
            {"secrets": [SECRET] * 6},
            "CHECKOUT_WEBHOOKS[0][secrets] must be a list of 1 to 5 secrets, the new one first",
        ),
        ({"secret": SECRET, "secrets": [SECRET]}, "CHECKOUT_WEBHOOKS[0] takes either secret or secrets"),
        ({"secret": SECRET, "events": []}, f"CHECKOUT_WEBHOOKS[0][events] must be a list of {', '.join(TOPICS)}"),
        ({"secret": SECRET, "events": ["x"]}, f"CHECKOUT_WEBHOOKS[0][events] must be a list of {', '.join(TOPICS)}"),
        ({"secret": SECRET, "name": "x"}, "CHECKOUT_WEBHOOKS[0][name]: Extra inputs are not permitted"),
    ],
)
def test_each_fault_of_an_endpoint_has_its_line(endpoint: dict[str, Any], said: str) -> None:
    assert line_of({"url": URL, **endpoint}) == said


def test_address_stands_once() -> None:
    twice = {"url": URL, "secret": SECRET}
    assert line_of(twice, twice).startswith("CHECKOUT_WEBHOOKS must name each address once")


@pytest.mark.parametrize("value", ['{"url": "https://a/"}', '"https://a/"', "3"])
def test_another_form_is_told(value: str) -> None:
    (line,) = faults({**TEST, "CHECKOUT_WEBHOOKS": value})
    assert line.startswith("CHECKOUT_WEBHOOKS must be a list such as [{")


def test_what_is_no_json_is_told() -> None:
    (line,) = faults({**TEST, "CHECKOUT_WEBHOOKS": "https://a/"})
    assert line.startswith("CHECKOUT_WEBHOOKS: not JSON")
