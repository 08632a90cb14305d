"""Stripe's test cards, by test id and by number, and what a setup and a later hold on each of them does."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Decline:
    """Why an issuer says no: the error's code, its decline code and the text for the shopper."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class Card:
    """One test card. `declined_line` is the 0-based line whose hold is declined after a setup that succeeded."""

    name: str
    number: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    asks_authentication: bool = False
    declined_line: int | None = None

    @property
    def last4(self) -> str:
        return self.number[-4:]


DECLINED = Decline("card_declined", "generic_decline", "Your card was declined.")
LIVE_CARD = Decline(
    "card_declined", "test_mode_live_card", "Your card was declined: this is test mode and the card is not a test card."
)
INCORRECT_NUMBER = Decline("incorrect_number", None, "Your card number is incorrect.")

_NO_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
_LOST = Decline("card_declined", "lost_card", "Your card was declined.")
_STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.")
_EXPIRED = Decline("expired_card", None, "Your card has expired.")
_CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
_PROCESSING = Decline("processing_error", None, "An error occurred while processing your card. Try again later.")
_VELOCITY = Decline("card_declined", "card_velocity_exceeded", "Your card was declined for making repeated attempts.")

_CARDS = (
    Card("visa", "4242424242424242"),
    Card("us", "4242424242424242"),
    Card("visa_debit", "4000056655665556", funding="debit"),
    Card("mastercard", "5555555555554444", "mastercard"),
    Card("mastercard_debit", "5200828282828210", "mastercard", "debit"),
    Card("mastercard_prepaid", "5105105105105100", "mastercard", "prepaid"),
    Card("amex", "378282246310005", "amex"),
    Card("discover", "6011111111111117", "discover"),
    Card("diners", "3056930009020004", "diners"),
    Card("jcb", "3566002020360505", "jcb"),
    Card("unionpay", "6200000000000005", "unionpay"),
    Card("ca", "4000001240000000", country="CA"),
    Card("gb", "4000008260000000", country="GB"),
    Card("chargeDeclined", "4000000000000002", decline=DECLINED),
    Card("chargeDeclinedInsufficientFunds", "4000000000009995", decline=_NO_FUNDS),
    Card("chargeDeclinedLostCard", "4000000000009987", decline=_LOST),
    Card("chargeDeclinedStolenCard", "4000000000009979", decline=_STOLEN),
    Card("chargeDeclinedExpiredCard", "4000000000000069", decline=_EXPIRED),
    Card("chargeDeclinedIncorrectCvc", "4000000000000127", decline=_CVC),
    Card("chargeDeclinedProcessingError", "4000000000000119", decline=_PROCESSING),
    Card("chargeDeclinedVelocityLimitExceeded", "4000000000006975", decline=_VELOCITY),
    Card("chargeCustomerFail", "4000000000000341", declined_line=0),
    Card("sandbox_second_line", "4000000000020349", declined_line=1),
    Card("authenticationRequired", "4000002760003184", asks_authentication=True),
    Card("authenticationRequiredOnSetup", "4000002500003155", asks_authentication=True),
    Card("authenticationRequiredSetupForOffSession", "4000003800000446"),
    Card(
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        "4000008260003178",
        asks_authentication=True,
        declined_line=0,
    ),
    Card("threeDSecure2Required", "4000000000003220", asks_authentication=True),
    Card("threeDSecureRequired", "4000000000003063", asks_authentication=True),
    Card("threeDSecureOptional", "4000000000003055"),
    Card("threeDSecureRequiredChargeDeclined", "4000008400001629", asks_authentication=True, decline=DECLINED),
)
_ALIASES = {f"visa_{card.name}": card for card in _CARDS if card.name.startswith("chargeDeclined")}
CARDS = {card.name: card for card in _CARDS} | _ALIASES
_BY_NUMBER = {card.number: card for card in reversed(_CARDS)}


def card_by_test_id(test_id: str, prefix: str) -> Card | None:
    """The card of `pm_card_visa` (prefix `pm_card_`) or `tok_visa` (prefix `tok_`)."""
    return CARDS.get(test_id.removeprefix(prefix)) if test_id.startswith(prefix) else None


def card_by_number(number: str) -> Card | Decline:
    """The test card, or why the number is none."""
    digits = number.replace(" ", "").replace("-", "")
    if digits in _BY_NUMBER:
        return _BY_NUMBER[digits]
    return LIVE_CARD if _passes_luhn(digits) else INCORRECT_NUMBER


def _passes_luhn(digits: str) -> bool:
    if not (digits.isascii() and digits.isdigit() and 12 <= len(digits) <= 19):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
