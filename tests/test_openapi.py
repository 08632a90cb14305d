"""The OpenAPI document: whole, consistent in itself, and with examples that hold."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from checkout import schemas
from checkout.errors import CheckoutError
from checkout.openapi import OPERATIONS, Operation, build_document
from checkout.openapi.examples import EMPTY_BODY
from checkout.openapi.parts import PARAMETERS
from checkout.orders import Shopper
from checkout.problems import Problem
from checkout.settings import TOPICS

DOCUMENT = build_document("https://checkout.example.com", "1.2.3")
SCHEMAS = DOCUMENT["components"]["schemas"]
by_name = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


def described(operation: Operation) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method]
    return found


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in the document."""
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for child in children:
        yield from nodes(child)


def resolve(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_document_is_openapi_3_1_json() -> None:
    assert json.loads(json.dumps(DOCUMENT))["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["version"] == "1.2.3"
    assert DOCUMENT["servers"] == [{"url": "https://checkout.example.com"}]


def test_document_names_every_call() -> None:
    calls = {f"{operation.method.upper()} {operation.path}" for operation in OPERATIONS}
    assert calls == {
        "GET /v1/places",
        "GET /v1/stores",
        "POST /v1/quotes",
        "POST /v1/checkouts",
        "GET /v1/checkouts/{id}",
        "PATCH /v1/checkouts/{id}",
        "POST /v1/checkouts/{id}/setup-intent",
        "POST /v1/checkouts/{id}/place",
        "POST /v1/checkouts/{id}/cancel",
        "GET /v1/reviews",
        "POST /v1/checkouts/{id}/settle",
        "GET /v1/checkouts/{id}/timeline",
        "GET /v1/holds",
        "POST /v1/orders/lookup",
        "GET /v1/deliveries",
        "POST /v1/deliveries/{id}/redeliver",
        "POST /v1/console-links",
        "GET /v1/orders",
        "GET /v1/orders/{id}",
        "GET /v1/orders/{id}/timeline",
        "GET /v1/orders/{id}/rescues",
        "POST /v1/orders/{id}/rescues",
        "POST /v1/orders/{id}/cancel-request",
        "POST /v1/orders/{id}/items/{upc}/ship-to-store",
        "POST /v1/ship-to-store/actions",
        "POST /v1/orders/{id}/items/{upc}/answer",
        "POST /v1/orders/answers",
        "GET /v1/intake",
        "POST /v1/intake",
        "GET /v1/statements/{month}",
        "GET /v1/feeds/available-to-sell",
        "PUT /v1/feeds/available-to-sell",
        "GET /healthz",
        "GET /readyz",
    }
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


def test_every_reference_leads_somewhere() -> None:
    references = [node["$ref"] for node in nodes(DOCUMENT) if isinstance(node.get("$ref"), str)]
    assert len(references) > 100
    assert all(isinstance(resolve(reference), dict) for reference in references)


@by_name
def test_every_operation_is_described(operation: Operation) -> None:
    shown = described(operation)
    statuses = [int(status) for status in shown["responses"]]
    assert shown["summary"]
    assert min(statuses) in {200, 201, 202}
    assert max(statuses) >= 500
    assert all(answer["description"] for answer in shown["responses"].values())
    assert all("Request-Id" in answer["headers"] for answer in shown["responses"].values())


@by_name
def test_every_answer_has_an_example(operation: Operation) -> None:
    for answer in described(operation)["responses"].values():
        (content,) = answer["content"].values()
        assert content.get("example") or content.get("examples")


@by_name
def test_examples_of_answers_hold(operation: Operation) -> None:
    for answer in operation.answers:
        shown = described(operation)["responses"][str(answer.status)]["content"]["application/json"]
        assert type(answer.example).model_validate(shown["example"]) == answer.example
        name = type(answer.example).__name__.removesuffix("Body")
        assert SCHEMAS[name]["required"] == list(shown["example"])


@by_name
def test_examples_of_problems_hold(operation: Operation) -> None:
    for status, answer in described(operation)["responses"].items():
        content = answer["content"].get("application/problem+json", {"examples": {}})
        for code, example in content["examples"].items():
            problem = Problem.model_validate(example["value"])
            assert (str(problem.status), problem.code) == (status, code)


def test_examples_of_requests_are_accepted() -> None:
    readers: dict[type, Any] = {
        schemas.QuoteRequest: lambda body: schemas.read_quote_request(body, trusted=False),
        schemas.CreateCheckout: lambda body: schemas.read_create_checkout(body, trusted=False),
        schemas.ChangeCheckout: lambda body: schemas.read_change_checkout(body, trusted=False, shopper=Shopper()),
        schemas.PlaceRequest: lambda body: schemas.read_place_request(body, trusted=False),
        schemas.RescueRequest: schemas.read_rescue_request,
        schemas.CancelRequest: schemas.read_cancel_request,
        schemas.LookupRequest: schemas.read_lookup_request,
        schemas.SettleRequest: schemas.read_settle_request,
        schemas.EmptyBody: schemas.read_empty_body,
        schemas.StsActionRequest: schemas.read_sts_action,
        schemas.StsActionsRequest: schemas.read_sts_actions,
        schemas.AnswerRequest: schemas.read_answer,
        schemas.AnswersRequest: schemas.read_answers,
    }
    requests = [operation.request for operation in OPERATIONS if operation.request]
    assert {request.model for request in requests} == set(readers)
    for request in requests:
        read = readers[request.model](request.example)
        assert bool(read.model_fields_set) == (request.example != EMPTY_BODY)


def test_examples_of_parameters_are_accepted() -> None:
    def given(*names: str) -> list[tuple[str, str]]:
        return [(name, str(PARAMETERS[name]["example"])) for name in names]

    assert schemas.read_places_query(given("q")).q == "60605"
    assert schemas.read_store_search(given("items", "near", "radius", "unit", "path")).radius == 25
    assert schemas.read_feed_import(given("force")).force
    assert schemas.read_delivery_list(given("state", "subject", "limit")).state == "failed"
    assert schemas.read_order_list(given("status", "since", "cart_hash", "path", "cursor", "limit")).limit == 25
    assert re.fullmatch(PARAMETERS["Idempotency-Key"]["schema"]["pattern"], PARAMETERS["Idempotency-Key"]["example"])


@by_name
def test_query_parameters_are_those_we_read(operation: Operation) -> None:
    models: dict[str, type[BaseModel]] = {
        "find_places": schemas.PlacesQuery,
        "find_stores": schemas.StoreSearch,
        "list_orders": schemas.OrderListQuery,
        "list_deliveries": schemas.DeliveryListQuery,
        "import_feed": schemas.FeedImportQuery,
    }
    model = models.get(operation.name)
    told = {name for name in operation.parameters if PARAMETERS[name]["in"] == "query"}
    assert told == (set(model.model_fields) if model else set())


@by_name
def test_path_parameters_are_declared(operation: Operation) -> None:
    told = {name for name in operation.parameters if PARAMETERS[name]["in"] == "path"}
    assert told == set(re.findall(r"{(\w+)}", operation.path))


@by_name
def test_credentials_are_declared(operation: Operation) -> None:
    shown = described(operation)
    assert {name for each in shown["security"] for name in each} <= set(DOCUMENT["components"]["securitySchemes"])
    assert bool(shown["security"]) == operation.path.startswith("/v1/")
    assert ("401" in shown["responses"]) == operation.path.startswith("/v1/")


@by_name
def test_calls_with_key_tell_its_refusals(operation: Operation) -> None:
    codes = {
        code
        for answer in described(operation)["responses"].values()
        for code in answer["content"].get("application/problem+json", {"examples": {}})["examples"]
    }
    assert CheckoutError.code in codes
    assert ("idempotency_mismatch" in codes) == any("Idempotency-Key" in name for name in operation.parameters)


def test_every_message_we_send_is_described() -> None:
    assert tuple(DOCUMENT["webhooks"]) == TOPICS
    for topic, described in DOCUMENT["webhooks"].items():
        content = described["post"]["requestBody"]["content"]["application/json"]
        kind = schemas.CheckoutEventBody if topic.startswith("checkout.") else schemas.OrderEventBody
        assert kind.model_validate(content["example"]).type == topic
        assert resolve(content["schema"]["$ref"])["required"] == list(content["example"])
        assert {each["name"] for each in described["post"]["parameters"]} == {
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        }


def test_unknown_fields_are_told_to_be_refused() -> None:
    requests = {operation.request.model.__name__.removesuffix("Body") for operation in OPERATIONS if operation.request}
    for name in {"LineRequest", "ShopperRequest", *requests}:
        assert SCHEMAS[name]["additionalProperties"] is False


def test_required_parts_are_not_nullable_in_a_change() -> None:
    properties = SCHEMAS["ChangeCheckout"]["properties"]
    assert properties["store_id"]["type"] == "integer"
    assert properties["items"]["type"] == "array"
    assert properties["path_to_purchase"] == {"$ref": "#/components/schemas/PathToPurchase"}
    assert "required" not in SCHEMAS["ChangeCheckout"]
