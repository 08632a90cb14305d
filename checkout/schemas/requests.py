"""The bodies of requests. Each `read_...` takes parsed JSON and gives a frozen request, or raises.

InvalidField carries a pointer for each fault; NotAllowed one for each field that needs the secret key; PathNotOffered
tells a path to purchase that does not exist.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails

from checkout.errors import FieldError, InvalidField, NotAllowed
from checkout.money import Money
from checkout.orders import Shopper
from checkout.schemas import fields
from checkout.schemas.faults import fault, validate
from checkout.settings import origin_of

# In place of the store's country, while the store is not read yet: phone numbers that hang on it wait for it.
STORE_UNREAD = "unread"


class RequestBody(BaseModel):
    """Base of the bodies: frozen, and a field we do not know is a fault."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class LineRequest(RequestBody):
    """One line item as asked for. The two prices take the secret key."""

    upc: fields.Upc
    quantity: fields.Quantity
    message: fields.Message = None
    unit_price: fields.UnitMoney | None = None
    tax_per_unit: fields.UnitMoney | None = None


def _each_upc_once(items: tuple[LineRequest, ...]) -> tuple[LineRequest, ...]:
    seen: set[str] = set()
    faults: list[InitErrorDetails] = []
    for index, item in enumerate(items):
        if item.upc in seen:
            refusal = fault("duplicate_item", "This UPC stands in the cart already; raise its quantity instead.")
            faults.append(InitErrorDetails(type=refusal, loc=(index, "upc"), input=None))
        seen.add(item.upc)
    if faults:
        raise ValidationError.from_exception_data("items", faults)
    return items


Lines = Annotated[tuple[LineRequest, ...], AfterValidator(_each_upc_once), Field(min_length=1, max_length=20)]


class ShopperRequest(RequestBody):
    """Who buys. Absent and null both mean "not told" in a new checkout; in a change, null clears."""

    # The country stands first because phone and postal code are judged by it.
    country: fields.Country | None = None
    email: fields.Email | None = None
    phone: StrictStr | None = None
    first_name: fields.Name | None = None
    last_name: fields.Name | None = None
    address: fields.AddressLine | None = None
    address_2: fields.OptionalLine = None
    city: fields.City | None = None
    state: fields.State | None = None
    zip: StrictStr | None = None
    is_opt_in_consent: StrictBool | None = None
    is_opt_in_consent_brand: StrictBool | None = None

    @field_validator("phone")
    @classmethod
    def _judge_phone(cls, value: str | None, info: ValidationInfo) -> str | None:
        known = info.context or {}
        region = info.data.get("country") or known.get("country") or known.get("store_country") or "US"
        if value is None or (region == STORE_UNREAD and not value.lstrip().startswith("+")):
            return value
        return fields.normal_phone(value, None if region == STORE_UNREAD else region)

    @field_validator("zip")
    @classmethod
    def _judge_zip(cls, value: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country") or (info.context or {}).get("country")
        return None if value is None else fields.normal_postal_code(value, country)

    def merged_into(self, shopper: Shopper) -> Shopper:
        """The shopper after this change. Raises InvalidField if the postal code kept is none of the new country."""
        values = {name: getattr(self, name) for name in self.model_fields_set}
        for consent in ("is_opt_in_consent", "is_opt_in_consent_brand"):
            if consent in values:
                values[consent] = bool(values[consent])
        merged = shopper.changed(**values)
        if merged.zip and "country" in values and "zip" not in values:
            return merged.changed(zip=_kept_zip(merged.zip, merged.country))
        return merged


def _kept_zip(code: str, country: str | None) -> str:
    try:
        return fields.normal_postal_code(code, country)
    except ValueError:
        detail = "The postal code kept so far does not fit the new country; send both."
        raise InvalidField(fields=(FieldError("/shopper/zip", "invalid", detail),)) from None


def _own_page(value: str, info: ValidationInfo) -> str:
    """An absolute address on one of the brand's origins, so that we never send a shopper anywhere else."""
    if len(value) > 2000:
        raise fault("too_long", "This must have 2000 characters or fewer.")
    origin = origin_of(value) if _is_plain(value) else None
    if origin is None:
        raise fault("invalid", "This must be an absolute address that begins with https:// or http://.")
    if origin not in {origin_of(allowed) for allowed in (info.context or {}).get("allowed_origins", ())}:
        raise fault("not_allowed_origin", "This address is not on one of the registered origins.")
    return value


def _is_plain(url: str) -> bool:
    """Whether browsers and we surely read the address alike."""
    return url.isascii() and not any(char <= " " or char in '\\\x7f"<>' for char in url)


ReturnUrl = Annotated[
    StrictStr, AfterValidator(_own_page), WithJsonSchema({"type": "string", "format": "uri", "maxLength": 2000})
]


CartHash = Annotated[StrictStr, StringConstraints(min_length=1, max_length=64)]


class QuoteRequest(RequestBody):
    """What a cart costs at a store is asked with this."""

    store_id: fields.StoreId
    path_to_purchase: fields.Path
    items: Lines


class CreateCheckout(QuoteRequest):
    """What a checkout is opened with; the shopper may come later, in parts."""

    shopper: ShopperRequest | None = None
    host_domain: fields.HostDomain | None = None
    locale: fields.Locale | None = None
    return_url: ReturnUrl | None = None


def _not_null(value: Any) -> Any:
    if value is None:
        raise fault("invalid", "This cannot be cleared.")
    return value


def _without_null(schema: dict[str, Any]) -> None:
    """What `_not_null` judges, told in the schema too."""
    schema.update(schema.pop("anyOf")[0])
    del schema["default"]


class ChangeCheckout(RequestBody):
    """A JSON Merge Patch of a checkout: what is absent stays, null clears, `items` are replaced whole."""

    # `model_fields_set` tells the two apart: an absent field and a null one both read None.

    store_id: Annotated[fields.StoreId | None, BeforeValidator(_not_null)] = Field(
        None, json_schema_extra=_without_null
    )
    path_to_purchase: Annotated[fields.Path | None, BeforeValidator(_not_null)] = Field(
        None, json_schema_extra=_without_null
    )
    items: Annotated[Lines | None, BeforeValidator(_not_null)] = Field(None, json_schema_extra=_without_null)
    shopper: ShopperRequest | None = None
    host_domain: fields.HostDomain | None = None
    locale: fields.Locale | None = None
    return_url: ReturnUrl | None = None

    def merged_shopper(self, shopper: Shopper) -> Shopper:
        """The shopper after this change. Raises InvalidField, see `ShopperRequest.merged_into`."""
        if "shopper" not in self.model_fields_set:
            return shopper
        return self.shopper.merged_into(shopper) if self.shopper else Shopper()


class PlaceRequest(RequestBody):
    """What a checkout is placed with. A reservation needs no SetupIntent; `external` takes the secret key."""

    setup_intent_id: fields.SetupIntentId | None = None
    expected_total: Money
    setup_intent_origin: Literal["external"] | None = None


def _each_once(upcs: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(upcs)) != len(upcs):
        raise fault("duplicate_item", "A UPC stands in this list twice.")
    return upcs


Upcs = Annotated[tuple[fields.Upc, ...], AfterValidator(_each_once), Field(min_length=1, max_length=20)]


class RescueRequest(RequestBody):
    """Where to buy what the store declined; null or absent are the order's path, and all that was declined."""

    store_id: fields.StoreId
    path_to_purchase: fields.Path | None = None
    upcs: Upcs | None = None


class CancelRequest(RequestBody):
    """The wish to cancel an order; `reason` is for the brand's people."""

    reason: fields.Message = None


class SettleRequest(RequestBody):
    """What a person decided: `placed` names the order's cart, `not_placed` is true; exactly one of them."""

    placed: Annotated[CartHash | None, BeforeValidator(_not_null)] = Field(None, json_schema_extra=_without_null)
    not_placed: Annotated[Literal[True] | None, BeforeValidator(_not_null)] = Field(
        None, json_schema_extra=_without_null
    )

    @model_validator(mode="after")
    def _one_decision(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise fault("invalid", 'This must be {"placed": "HASH"} or {"not_placed": true}.')
        return self


class LookupRequest(RequestBody):
    """Whose orders to mail links to."""

    email: fields.Email


class EmptyBody(RequestBody):
    """`{}`: for calls that need nothing but their path."""


def read_quote_request(data: Any, *, trusted: bool) -> QuoteRequest:
    _refuse_untrusted(_prices_in(data), trusted=trusted)
    return validate(QuoteRequest, data)


def read_create_checkout(
    data: Any, *, trusted: bool, allowed_origins: Iterable[str] = (), store_country: str | None = None
) -> CreateCheckout:
    """`store_country` is where a phone number without +... belongs if the shopper names no country.

    With STORE_UNREAD such a number is left unjudged: read the body again when the store is known.
    """
    _refuse_untrusted(_prices_in(data), trusted=trusted)
    context = {"allowed_origins": tuple(allowed_origins), "store_country": store_country}
    return validate(CreateCheckout, data, context=context)


def read_change_checkout(
    data: Any,
    *,
    trusted: bool,
    shopper: Shopper,
    allowed_origins: Iterable[str] = (),
    store_country: str | None = None,
) -> ChangeCheckout:
    """`shopper` is the present one: phone and postal code are judged by the country known so far."""
    _refuse_untrusted(_prices_in(data), trusted=trusted)
    context = {
        "allowed_origins": tuple(allowed_origins),
        "store_country": store_country,
        "country": shopper.country,
    }
    return validate(ChangeCheckout, data, context=context)


def read_place_request(data: Any, *, trusted: bool) -> PlaceRequest:
    _refuse_untrusted(_origin_in(data), trusted=trusted)
    return validate(PlaceRequest, data)


def read_rescue_request(data: Any) -> RescueRequest:
    return validate(RescueRequest, data)


def read_cancel_request(data: Any) -> CancelRequest:
    return validate(CancelRequest, data)


def read_settle_request(data: Any) -> SettleRequest:
    return validate(SettleRequest, data)


def read_lookup_request(data: Any) -> LookupRequest:
    return validate(LookupRequest, data)


def read_empty_body(data: Any) -> EmptyBody:
    return validate(EmptyBody, data)


def _refuse_untrusted(pointers: Iterable[str], *, trusted: bool) -> None:
    found = () if trusted else tuple(pointers)
    if found:
        detail = "This field takes the secret key."
        raise NotAllowed(detail, fields=tuple(FieldError(pointer, "not_allowed", detail) for pointer in found))


def _prices_in(data: Any) -> Iterator[str]:
    """Pointers to every price that a caller would set, before anything else is judged."""
    items = data.get("items") if isinstance(data, dict) else None
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield from (f"/items/{index}/{name}" for name in ("unit_price", "tax_per_unit") if name in item)


def _origin_in(data: Any) -> tuple[str, ...]:
    return ("/setup_intent_origin",) if isinstance(data, dict) and "setup_intent_origin" in data else ()
