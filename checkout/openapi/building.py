"""Puts the document together from the table of operations and the schemas of the bodies."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from checkout import errors
from checkout.errors import CheckoutError
from checkout.openapi.events import EVENTS, SIGNED_WITH, Event
from checkout.openapi.operations import OPERATIONS
from checkout.openapi.parts import HEADERS, PARAMETERS, SECURITY_SCHEMES
from checkout.openapi.shapes import Answer, Errors, Operation, Request
from checkout.problems import MEDIA_TYPE, Problem, code_of, problem_document, row_of
from checkout.schemas import CheckoutBody, FullOrderBody

_REF = "#/components/schemas/"
_WITH_CREDENTIAL: Errors = (errors.Unauthenticated, errors.NotAllowed, errors.OriginNotAllowed)
_WITH_BODY: Errors = (errors.MalformedJson, errors.BodyTooLarge, errors.UnsupportedMediaType, errors.InvalidField)
_ALWAYS: Errors = (CheckoutError,)


def build_document(public_url: str, version: str) -> dict[str, Any]:
    """The whole document, ready to be written as JSON; `version` is that of the service."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Local checkout",
            "version": version,
            "description": "Carts of a brand's site become orders at local stores. Money is in minor units, times "
            "are RFC 3339 in UTC, failures are problem documents (RFC 9457) whose `next` says what to do.",
        },
        "servers": [{"url": public_url}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in OPERATIONS)],
        "paths": _paths(),
        "webhooks": {event.topic: {"post": _event(event)} for event in EVENTS},
        "components": {
            "schemas": _schemas(),
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return paths


def _operation(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": [{credential: []} for credential in operation.credentials],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in operation.parameters],
        "responses": {**_answers(operation.answers), **_problems(_errors_of(operation))},
    }
    if operation.csv:
        content = {"text/csv": {"schema": {"type": "string"}, "example": operation.csv}}
        described["requestBody"] = {"required": True, "content": content}
    if operation.request:
        described["requestBody"] = _request(operation.request)
    return described


def _event(event: Event) -> dict[str, Any]:
    """A request that we send, and what its receiver may answer."""
    content = {"schema": _reference(type(event.example)), "example": event.example.model_dump(mode="json")}
    return {
        "operationId": event.topic.replace(".", "_"),
        "summary": event.summary,
        "parameters": SIGNED_WITH,
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "2XX": {"description": "Taken: it is not sent again."},
            "410": {"description": "Never to be sent again."},
            "default": {"description": "Not taken: it is sent again, up to ten times in three days."},
        },
    }


def _request(request: Request) -> dict[str, Any]:
    content = {"schema": _reference(request.model), "example": request.example}
    return {"required": True, "content": dict.fromkeys(request.media_types, content)}


def _answers(answers: Iterable[Answer]) -> dict[str, Any]:
    return {
        str(answer.status): {
            "description": answer.description,
            "headers": _headers(answer.headers),
            "content": {
                "application/json": {
                    "schema": _answer_schema(answer),
                    "example": answer.example.model_dump(mode="json"),
                }
            },
        }
        for answer in answers
    }


def _answer_schema(answer: Answer) -> dict[str, Any]:
    known = _reference(type(answer.example))
    if _public_name(type(answer.example)) == "Order":
        return {"anyOf": [known, _reference(FullOrderBody)]}
    return known


def _errors_of(operation: Operation) -> dict[type[CheckoutError], None]:
    """Every error that the call may answer, each once, in a fixed order."""
    found = (
        *(_WITH_CREDENTIAL if operation.credentials else ()),
        *(_WITH_BODY if operation.request else ()),
        *operation.errors,
        *((errors.DatabaseUnavailable,) if operation.credentials else ()),
        *_ALWAYS,
    )
    return dict.fromkeys(found)


def _problems(found: Iterable[type[CheckoutError]]) -> dict[str, Any]:
    by_status: dict[int, list[CheckoutError]] = {}
    for kind in found:
        by_status.setdefault(row_of(kind()).status, []).append(kind())
    return {str(status): _problem(kinds) for status, kinds in sorted(by_status.items())}


def _problem(kinds: list[CheckoutError]) -> dict[str, Any]:
    examples = {code_of(kind): {"value": _problem_example(kind)} for kind in kinds}
    names = ["Retry-After"] if any(row_of(kind).retry_after for kind in kinds) else []
    if any(isinstance(kind, errors.Unauthenticated) for kind in kinds):
        names.append("WWW-Authenticate")
    return {
        "description": ", ".join(f"`{code}`" for code in examples),
        "headers": _headers(names),
        "content": {MEDIA_TYPE: {"schema": _reference(Problem), "examples": examples}},
    }


def _problem_example(error: CheckoutError) -> dict[str, Any]:
    return problem_document(error, request_id="req_5tY7uI9oP1").model_dump(mode="json", exclude={"checkout"})


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("Request-Id", *names)}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF + _public_name(model)}


def _public_name(model: type[BaseModel]) -> str:
    return _short(model.__name__)


def _short(name: str) -> str:
    return name.removesuffix("Body") or name


def _schemas() -> dict[str, Any]:
    """The schemas of all bodies under their public names. Every key of an answer is always there."""
    asked: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (operation.request.model, "validation") for operation in OPERATIONS if operation.request
    ]
    told: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (type(answer.example), "serialization") for operation in OPERATIONS for answer in operation.answers
    ]
    told += [(FullOrderBody, "serialization"), (Problem, "serialization")]
    told += [(type(event.example), "serialization") for event in EVENTS]
    known = _definitions([*asked, *told])
    for name in known.keys() - _definitions(asked).keys():
        if "properties" in known[name]:
            known[name]["required"] = list(known[name]["properties"])
    known["Problem"]["required"].remove("checkout")
    known["Problem"]["properties"]["checkout"] = _reference(CheckoutBody)
    return known


def _definitions(models: list[tuple[type[BaseModel], JsonSchemaMode]]) -> dict[str, Any]:
    unique = list(dict.fromkeys(models))
    _, document = models_json_schema(unique, ref_template=_REF + "{model}")
    return {_short(name): _renamed(schema) for name, schema in document["$defs"].items()}


def _renamed(value: Any) -> Any:
    """The schema with public names, and without the titles that pydantic makes of Python's names."""
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key != "title" or not isinstance(each, str)}
        return {key: _short(each) if key == "$ref" else _renamed(each) for key, each in kept.items()}
    if isinstance(value, list):
        return [_renamed(each) for each in value]
    return value
