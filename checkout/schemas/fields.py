"""The kinds of value that requests carry: how each is judged, and the one spelling it is kept in."""

import re
import unicodedata
from typing import Annotated, Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import PhoneNumberFormat, ValidationResult
from pydantic import AfterValidator, BeforeValidator, Field, StrictInt, StrictStr, WithJsonSchema
from stdnum import luhn

from checkout.money import Money
from checkout.orders import MOST_PER_UNIT, PathToPurchase, normalize_upc
from checkout.schemas.faults import fault

# Explicit embeddings, overrides and isolates can make a text read differently from what it is.
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_CARD_LIKE = re.compile(r"(?<!\d)\d(?:[\s.-]?\d){12,18}(?!\d)")


def clean_text(value: str) -> str:
    """NFC, without blanks around it. Refuses control characters and what looks like a card number."""
    text = unicodedata.normalize("NFC", value)
    if any(char in _BIDI_CONTROLS or unicodedata.category(char) in _REFUSED_CATEGORIES for char in text):
        raise fault("invalid", "This must not hold line breaks, control characters or text direction controls.")
    if any(_is_card_number(match.group()) for match in _CARD_LIKE.finditer(text)):
        raise fault("looks_like_card", "This looks like a card number. Never send card numbers here.")
    return text.strip()


def _is_card_number(text: str) -> bool:
    # int() also reads the digits of other scripts, which a person would take for a card number all the same.
    return luhn.is_valid("".join(str(int(char)) for char in text if char.isdecimal()))


def _limit(length: int) -> Any:
    """The length is counted after cleaning; pydantic's own constraint counts characters of a text as entries."""

    def check(text: str) -> str:
        if not text:
            raise fault("too_short", "This must not be empty.")
        if len(text) > length:
            raise fault("too_long", f"This must have {length} characters or fewer.")
        return text

    return AfterValidator(check)


def _text_schema(length: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "minLength": 1, "maxLength": length})


Name = Annotated[StrictStr, AfterValidator(clean_text), _limit(100), _text_schema(100)]
AddressLine = Annotated[StrictStr, AfterValidator(clean_text), _limit(200), _text_schema(200)]
City = Annotated[StrictStr, AfterValidator(clean_text), _limit(100), _text_schema(100)]
State = Annotated[StrictStr, AfterValidator(clean_text), _limit(50), _text_schema(50)]


def empty_is_none(value: Any) -> Any:
    """Forms send optional fields that were left blank as empty texts."""
    return None if isinstance(value, str) and not value.strip() else value


OptionalLine = Annotated[AddressLine | None, BeforeValidator(empty_is_none)]
Message = Annotated[
    Annotated[StrictStr, AfterValidator(clean_text), _limit(500), _text_schema(500)] | None,
    BeforeValidator(empty_is_none),
]


def _normal_upc(value: str) -> str:
    """One spelling for each UPC. A wrong check digit is no fault: real catalogues have them."""
    try:
        return normalize_upc(value)
    except ValueError:
        raise fault("invalid", "This must be 8 to 14 digits.") from None


Upc = Annotated[StrictStr, AfterValidator(_normal_upc), WithJsonSchema({"type": "string", "pattern": "^[0-9]{8,14}$"})]
Quantity = Annotated[StrictInt, Field(ge=1, le=99)]
StoreId = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]


def _within_reason(money: Money) -> Money:
    if money.amount > MOST_PER_UNIT:
        raise fault("invalid", f"One unit may cost {MOST_PER_UNIT} minor units or fewer.")
    return money


UnitMoney = Annotated[Money, AfterValidator(_within_reason)]


def _known_path(value: Any) -> Any:
    if isinstance(value, str) and value not in set(PathToPurchase):
        raise fault("path_unavailable", f"This must be one of {', '.join(PathToPurchase)}.")
    return value


Path = Annotated[PathToPurchase, BeforeValidator(_known_path)]


def _normal_email(value: str) -> str:
    try:
        # Domains reserved for tests are welcome: people try this service with made-up shoppers.
        found = validate_email(value.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise fault("invalid", "This must be an e-mail address such as name@example.com.") from None
    return found.normalized


Email = Annotated[StrictStr, AfterValidator(_normal_email), WithJsonSchema({"type": "string", "format": "email"})]


def normal_phone(value: str, region: str | None) -> str:
    """E.164. Refuses what no telephone network could reach; `region` is where a number without +... belongs."""
    refusal = fault("invalid", "This must be a phone number, with its country code if it is from abroad.")
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        raise refusal from None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise refusal
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


# The phone library knows every territory with a numbering plan. The rest of ISO 3166 has post but no plan of its own,
# and three of its regions are not in the standard.
COUNTRIES = (phonenumbers.SUPPORTED_REGIONS - {"AC", "TA", "XK"}) | {"AQ", "BV", "GS", "HM", "PN", "TF", "UM"}


def _normal_country(value: str) -> str:
    country = value.strip().upper()
    if country not in COUNTRIES:
        raise fault("invalid", "This must be a country code of two letters, such as US.")
    return country


Country = Annotated[
    StrictStr, AfterValidator(_normal_country), WithJsonSchema({"type": "string", "pattern": "^[A-Za-z]{2}$"})
]

_US = (r"\d{5}(-\d{4})?", "60605 or 60605-1234")
_POSTAL_CODES = {
    **dict.fromkeys(("US", "PR", "VI", "GU", "AS", "MP"), _US),
    "CA": (r"[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] \d[ABCEGHJ-NPRSTV-Z]\d", "M5V 2T6"),
    **dict.fromkeys(("DE", "FR", "IT", "ES", "MX"), (r"\d{5}", "01234")),
    **dict.fromkeys(("AU", "NZ", "AT", "CH", "DK", "BE"), (r"\d{4}", "1234")),
    "GB": (r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}", "SW1A 1AA"),
}
_ANY_POSTAL_CODE = (r"[A-Z0-9](?:[ -]?[A-Z0-9]){1,11}", "60605")


def normal_postal_code(value: str, country: str | None) -> str:
    """The postal code as the country writes it; where the country or its form is unknown, 2 to 12 characters pass."""
    code = re.sub(r"\s+", " ", value.strip().upper())
    form, example = _POSTAL_CODES.get(country or "", _ANY_POSTAL_CODE)
    if country == "CA":
        code = re.sub(r"^(...)[ -]?(...)$", r"\1 \2", code)
    if country == "GB":
        code = re.sub(r"^(\S+?) ?(\d[A-Z]{2})$", r"\1 \2", code)
    if len(code) > 12 or not re.fullmatch(form, code, re.ASCII):
        raise fault("invalid", f"This must be a postal code such as {example}.")
    return code


_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


def _normal_host(value: str) -> str:
    host = value.strip().lower()
    if len(host) > 253 or not re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", host):
        raise fault("invalid", "This must be a host name such as www.example.com, without scheme, port or path.")
    return host


HostDomain = Annotated[
    StrictStr, AfterValidator(_normal_host), WithJsonSchema({"type": "string", "format": "hostname", "maxLength": 253})
]


def _normal_locale(value: str) -> str:
    found = re.fullmatch(r"([A-Za-z]{2,3})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}|[0-9]{3}))?", value.strip())
    if not found:
        raise fault("invalid", "This must be a language tag such as en-US.")
    language, script, region = found.groups()
    parts = (language.lower(), script.title() if script else None, region.upper() if region else None)
    return "-".join(part for part in parts if part)


Locale = Annotated[StrictStr, AfterValidator(_normal_locale), WithJsonSchema({"type": "string", "examples": ["en-US"]})]


def _setup_intent_id(value: str) -> str:
    if not re.fullmatch(r"seti_[A-Za-z0-9_]{1,250}", value):
        raise fault("invalid", "This must be the id of a SetupIntent, such as seti_123.")
    return value


SetupIntentId = Annotated[
    StrictStr,
    AfterValidator(_setup_intent_id),
    WithJsonSchema({"type": "string", "pattern": "^seti_[A-Za-z0-9_]{1,250}$"}),
]
