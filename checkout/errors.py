"""The exception tree. The domain knows no HTTP: `problems.py` alone says how each fact is told to a caller.

CheckoutError
├── UpstreamError                 an upstream did not give the answer we needed
│   ├── UpstreamUnavailable       a read, or a keyed call, failed: it may be repeated
│   ├── UpstreamBusy              429: come back later
│   ├── NotSent                   a write that provably never left: it may be repeated once
│   └── OutcomeUnknown            a write that may have happened: never repeated, never called failed
├── Refused                       a well-formed no
│   ├── CardDeclined              the card was declined while holds were placed
│   ├── CartRefused               cart/validate could not put every item into the cart; nothing is held
│   ├── ItemUnavailable           the store cannot hand over an item in that quantity
│   ├── PathUnavailable           the store no longer offers this path to purchase for the cart
│   ├── PathNotOffered            a new cart asks for a path that the store does not offer
│   ├── ItemRefused               Locally refuses an item, and stock, path and price do not tell why
│   ├── PriceChanged              the total rose above the one agreed to
│   ├── StoreUnknown              Locally knows no such store
│   ├── RefusedUpstream           no, for a reason that is ours to mend (token, account, request)
│   └── ActionRefused             no, to what brand or retailer asked of an item of an order
├── CheckoutClosed                what the caller wants is not possible in the checkout's status
│   ├── NotOpen  Expired  Incomplete  AlreadyPlacing  NotPlaced
│   ├── AuthorizationUnknown      holds may exist, no order does: the shopper may try again
│   ├── AuthorizationLapsed       validated too long ago to commit: the shopper may try again
│   ├── NoPaymentNeeded  SetupIntentInvalid  TooManyCards  VersionMismatch
│   ├── NothingToSettle           no attempt of this checkout waits for a person's decision
│   ├── NotRescuable              nothing of this order, or not this, can be bought at another store
│   ├── NothingToCancel           every item of this order has ended
│   ├── ActionNotAllowed          an item of an order cannot take this action in its status
│   └── ActionInProgress          another action is under way for this item
├── CallerError                   the request itself
│   ├── Unauthenticated  NotAllowed  OriginNotAllowed  UnknownResource
│   ├── NotHere                   this call is for the other role: the brand's, or the retailer's
│   ├── MalformedJson  BodyTooLarge  UnsupportedMediaType  MethodNotAllowed  InvalidField
│   ├── KeyMissing  KeyMismatch  RequestInProgress
│   └── FeedUnsound  FeedShrank
├── LostRace                      a compare-and-set found another status than it expected
├── Stopping                      the process is shutting down
├── DatabaseUnavailable           no record can be written: nothing may be sent
└── SettingsFault                 settings are missing or contradict each other
"""

from typing import ClassVar, NamedTuple


class FieldError(NamedTuple):
    """What is wrong at one place of a request or a checkout; `pointer` is a JSON pointer."""

    pointer: str
    code: str
    detail: str


class CheckoutError(Exception):
    """Base of every error we raise. `detail` is a sentence for people and holds no personal data.

    `retry_after` is in seconds; `next_step` replaces what callers are usually told to do next.
    """

    code: ClassVar[str] = "internal_error"
    default_detail: ClassVar[str] = "Something went wrong on our side."

    def __init__(
        self,
        detail: str | None = None,
        *,
        fields: tuple[FieldError, ...] = (),
        retry_after: int | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(detail or self.default_detail)
        self.detail = detail or self.default_detail
        self.fields = fields
        self.retry_after = retry_after
        self.next_step = next_step


class UpstreamError(CheckoutError):
    """An upstream did not give the answer we needed."""

    code = "upstream_unavailable"
    default_detail = "A service that we depend on does not answer. Nothing was ordered; please try again in a moment."


class UpstreamUnavailable(UpstreamError):
    """A read, or a call that carries an idempotency key, failed: it may be repeated."""


class UpstreamBusy(UpstreamError):
    """The upstream asks us to slow down (429)."""

    code = "upstream_busy"
    default_detail = "The store's system is busy. Nothing was ordered; please try again in a moment."


class NotSent(UpstreamError):
    """A write that provably never left (connect, DNS, pool, TLS): it may be repeated once."""


class OutcomeUnknown(UpstreamError):
    """A write that may have happened, garbage answers included: never repeated, never called failed."""


class Refused(CheckoutError):
    """A well-formed no of an upstream; `error_code` is Locally's own where it told one, `said` are its own words."""

    code = "refused_upstream"

    def __init__(
        self,
        detail: str | None = None,
        *,
        fields: tuple[FieldError, ...] = (),
        retry_after: int | None = None,
        next_step: str | None = None,
        error_code: int | None = None,
        said: str = "",
    ) -> None:
        super().__init__(detail, fields=fields, retry_after=retry_after, next_step=next_step)
        self.error_code = error_code
        self.said = said


class CardDeclined(Refused):
    """The card was declined while the holds were placed; Locally cancels what was held."""

    code = "card_declined"
    default_detail = "The card was declined. Please try another card."


class CartRefused(Refused):
    """`cart/validate` could not put every item into the cart: every authorization was skipped.

    `upcs` are the refused ones (empty where the answer named none), `error_code` Locally's own.
    """

    code = "item_refused"
    default_detail = "The store's system does not accept an item."

    def __init__(
        self, detail: str | None = None, *, upcs: tuple[str, ...] = (), error_code: int | None = None, message: str = ""
    ) -> None:
        super().__init__(detail, error_code=error_code)
        self.upcs = upcs
        self.message = message


class ItemUnavailable(Refused):
    """The store cannot hand over an item in the quantity asked."""

    code = "item_unavailable"
    default_detail = "The store no longer has every item in this quantity. Please choose another store."


class PathUnavailable(Refused):
    """The store does not offer this path to purchase for this cart."""

    code = "path_unavailable"
    default_detail = "The store does not offer this way to buy. Please choose another store or way."


class PathNotOffered(Refused):
    """A new or changed cart asks for a path that the store, or the brand, does not offer."""

    code = "path_unavailable"
    default_detail = "The store does not offer this path to purchase."


class ItemRefused(Refused):
    """Locally refuses an item although stock, path and price look right."""

    code = "item_refused"
    default_detail = "The store's system does not accept an item of this cart. Please choose another store."


class PriceChanged(Refused):
    """The total rose above the one that the shopper agreed to."""

    code = "price_changed"
    default_detail = "The price at the store has changed. Please look at the new total and accept it."


class StoreUnknown(Refused):
    """Locally knows no such store."""

    code = "store_unknown"
    default_detail = "No store is known by this id."


class RefusedUpstream(Refused):
    """A well-formed no for a reason that is ours to mend: our token, our account, our request."""

    code = "refused_upstream"
    default_detail = "The order cannot be taken right now because of a fault on our side. Nothing was ordered."


class ActionRefused(Refused):
    """Locally does not do what was asked of an item; nothing changed."""

    code = "action_refused"
    default_detail = "Locally refused this. Nothing was changed."


class CheckoutClosed(CheckoutError):
    """What the caller wants is not possible in the checkout's present status."""

    code = "not_open"


class NotOpen(CheckoutClosed):
    """The checkout is being placed, is placed or was canceled."""

    code = "not_open"
    default_detail = "This checkout can no longer be changed."


class Expired(CheckoutClosed):
    """Nothing was changed for longer than the checkout's life."""

    code = "checkout_expired"
    default_detail = "This checkout has expired. Please start a new one."


class Incomplete(CheckoutClosed):
    """Something that placing needs is still missing; `fields` names each part."""

    code = "checkout_incomplete"
    default_detail = "Something is still missing before the order can be placed."


class AlreadyPlacing(CheckoutClosed):
    """Another request is placing this checkout."""

    code = "placing"
    default_detail = "This checkout is already being placed. Please wait for the outcome."


class NotPlaced(CheckoutClosed):
    """It is proven that no order exists; the checkout is closed for good."""

    code = "order_not_placed"
    default_detail = "The order was not placed, and nothing will be charged. Please start a new checkout."


class AuthorizationUnknown(CheckoutClosed):
    """The answer to `cart/validate` was lost: holds may exist, an order does not."""

    code = "authorization_unknown"
    default_detail = "We could not reach the store in time. No order was placed; please try again."


class AuthorizationLapsed(CheckoutClosed):
    """The holds were placed too long ago to commit."""

    code = "authorization_lapsed"
    default_detail = "Placing the order took too long and was given up. No order was placed; please try again."


class NoPaymentNeeded(CheckoutClosed):
    """A reservation is paid in the store: there is no card to take."""

    code = "no_payment_needed"
    default_detail = "This is a reservation: it is paid in the store and needs no card."


class SetupIntentInvalid(CheckoutClosed):
    """The SetupIntent is not ours, not of this checkout, not succeeded or already used."""

    code = "setup_intent_invalid"
    default_detail = "This card entry cannot be used for this checkout. Please enter the card again."


class TooManyCards(CheckoutClosed):
    """A checkout hands out a limited number of SetupIntents."""

    code = "too_many_cards"
    default_detail = "Too many cards were tried in this checkout. Please start a new one."


class VersionMismatch(CheckoutClosed):
    """`If-Match` names another version than the present one."""

    code = "version_mismatch"
    default_detail = "The checkout has changed since it was read. Please read it again."


class NothingToSettle(CheckoutClosed):
    """No attempt of this checkout is in doubt, or another decision was made."""

    code = "nothing_to_settle"
    default_detail = "No attempt of this checkout is in doubt, so there is nothing to decide."


class NotRescuable(CheckoutClosed):
    """The store did not decline it, it was bought elsewhere already, or the order cannot change its store."""

    code = "not_rescuable"
    default_detail = "Nothing of this order can be ordered at another store."


class NothingToCancel(CheckoutClosed):
    """Every item of the order has ended, so that a wish to cancel comes too late."""

    code = "nothing_to_cancel"
    default_detail = "Every item of this order is picked up, canceled or refunded: there is nothing left to cancel."


class ActionNotAllowed(CheckoutClosed):
    """The item's status does not allow this action; `fields` names those that it does."""

    code = "action_not_allowed"
    default_detail = "This cannot be done with the item now."


class ActionInProgress(CheckoutClosed):
    """Something else was asked of this item, and its outcome is not known yet."""

    code = "action_in_progress"
    default_detail = "Another action is under way for this item. Please wait for its outcome."


class CallerError(CheckoutError):
    """The request itself cannot be served."""

    code = "bad_request"


class Unauthenticated(CallerError):
    """No credential, or not one of ours in form."""

    code = "unauthenticated"
    default_detail = "Send a credential as `Authorization: Bearer ...`."


class NotAllowed(CallerError):
    """A valid credential without the right."""

    code = "not_allowed"
    default_detail = "This credential may not do this."


class OriginNotAllowed(CallerError):
    """The `Origin` is neither registered nor our own."""

    code = "origin_not_allowed"
    default_detail = "This origin is not registered. Add it to CHECKOUT_ORIGINS."


class UnknownResource(CallerError):
    """Unknown, foreign or expired: always the same answer."""

    code = "not_found"
    default_detail = "There is nothing here, or it is not yours to see."


class NotHere(CallerError):
    """A call that this service does not serve in its role (CHECKOUT_ROLE)."""

    code = "not_here"
    default_detail = "This service runs in another role (CHECKOUT_ROLE), in which there is no such call."


class MethodNotAllowed(CallerError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    default_detail = "This path does not take this method."


class MalformedJson(CallerError):
    """The body is not the JSON we read: bad syntax, NaN, duplicate keys, lone surrogates, too deep."""

    code = "malformed_json"
    default_detail = "The body is not well-formed JSON."


class BodyTooLarge(CallerError):
    """The body is over the limit."""

    code = "body_too_large"
    default_detail = "The body is larger than 64 KiB."


class UnsupportedMediaType(CallerError):
    """The body is not declared as JSON."""

    code = "unsupported_media_type"
    default_detail = "Send the body as `Content-Type: application/json`."


class InvalidField(CallerError):
    """Unknown or invalid fields; `fields` has a pointer for each."""

    code = "invalid_field"
    default_detail = "Some fields are not valid."


class KeyMissing(CallerError):
    """`Idempotency-Key` is required here and is missing or not of its form."""

    code = "idempotency_key_missing"
    default_detail = "Send an `Idempotency-Key` of 20 to 255 letters, digits, hyphens or underscores."


class KeyMismatch(CallerError):
    """The key is bound to a request with another body."""

    code = "idempotency_mismatch"
    default_detail = "This Idempotency-Key was used for a request with another body."


class RequestInProgress(CallerError):
    """The first request with this key is still open."""

    code = "request_in_progress"
    default_detail = "A request with this Idempotency-Key is still in progress."


class FeedUnsound(CallerError):
    """Rows of a feed cannot be taken; `fields` points to each, up to the first thousand. Nothing was replaced."""

    code = "feed_unsound"
    default_detail = "Some rows of the feed are not sound. Nothing was replaced."


class FeedShrank(CallerError):
    """A feed is empty, or has less than half of the rows or pieces of the one that is served."""

    code = "feed_shrank"
    default_detail = "The feed has less than half of what is served now. Nothing was replaced."


class LostRace(CheckoutError):
    """A compare-and-set found another status than it expected: somebody else moved the record."""

    code = "conflict"
    default_detail = "Somebody else changed this at the same moment. Please read it again."


class Stopping(CheckoutError):
    """The process is shutting down: it finishes what it has and takes no more."""

    code = "stopping"
    default_detail = "This instance of the service is stopping. Please try again in a moment."


class DatabaseUnavailable(CheckoutError):
    """The database does not take writes: without a record nothing may be sent."""

    code = "database_unavailable"
    default_detail = (
        "The service cannot keep records right now. Please try again in a moment: nothing is ordered twice."
    )


class SettingsFault(CheckoutError):
    """Settings are missing or contradict each other; one line for each fault, naming the variable."""

    code = "settings_fault"

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
