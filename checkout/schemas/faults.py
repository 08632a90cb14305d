"""What pydantic found wrong, told in plain words with a JSON pointer each; the value itself is never repeated."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from checkout.errors import FieldError, InvalidField, PathNotOffered

# A body of nothing but faults would otherwise be answered with thousands of them.
_MOST_FAULTS = 50

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]


def fault(code: str, detail: str) -> PydanticCustomError:
    """What a validator of ours raises: `code` and `detail` reach the caller as they are."""
    # The detail goes in as a value, because pydantic would read braces in a template as fields.
    return PydanticCustomError(code, "{detail}", {"detail": detail, "ours": True})


def validate(
    model: type[Model],
    data: Any,
    *,
    context: dict[str, Any] | None = None,
    pointer: Callable[[Location], str] | None = None,
) -> Model:
    """The model of parsed data. Raises InvalidField; PathNotOffered if an unknown path is all that is wrong."""
    try:
        return model.model_validate(data, context=context)
    except ValidationError as error:
        locate = pointer or body_pointer
        details = error.errors(include_url=False, include_input=False)[:_MOST_FAULTS]
        raise _refusal(tuple(_field_error(each, locate) for each in details)) from None


def body_pointer(location: Iterable[int | str]) -> str:
    """The JSON pointer (RFC 6901) of a place in the body."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def query_pointer(location: Location) -> str:
    """Parameters of the query are flat, whatever we read out of them."""
    return body_pointer(("query", *location[:1]))


def _refusal(fields: tuple[FieldError, ...]) -> InvalidField | PathNotOffered:
    if all(field.code == PathNotOffered.code for field in fields):
        return PathNotOffered(fields=fields)
    return InvalidField(fields=fields)


def _field_error(details: ErrorDetails, locate: Callable[[Location], str]) -> FieldError:
    values = details.get("ctx", {})
    if values.get("ours"):
        code, detail = details["type"], str(values["detail"])
    else:
        code, template = _WORDS.get(details["type"], ("invalid", "This value is not valid."))
        detail = template.format(**values)
    return FieldError(locate(details["loc"]), code, detail)


# pydantic's own kinds of fault that our models can run into. Kinds that are not listed read "not valid".
_WORDS = {
    "missing": ("missing", "This field is required."),
    "extra_forbidden": ("unknown_field", "There is no such field."),
    "model_type": ("invalid", "This must be a JSON object."),
    "tuple_type": ("invalid", "This must be a JSON array."),
    "string_type": ("invalid", "This must be a text."),
    "int_type": ("invalid", "This must be a whole number."),
    "bool_type": ("invalid", "This must be true or false."),
    "greater_than_equal": ("invalid", "This must be {ge} or more."),
    "less_than_equal": ("invalid", "This must be {le} or less."),
    "string_too_long": ("too_long", "This must have {max_length} characters or fewer."),
    "string_too_short": ("too_short", "This must not be empty."),
    "too_long": ("too_long", "This must have {max_length} entries or fewer."),
    "too_short": ("too_short", "This must not be empty."),
    "enum": ("invalid", "This must be {expected}."),
    "literal_error": ("invalid", "This must be {expected}."),
}
