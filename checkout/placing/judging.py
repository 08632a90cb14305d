"""What speaks against placing a cart, by what was just read of it or answered to it. Pure."""

from checkout.assessing import Assessment
from checkout.attempts import Attempt
from checkout.errors import CheckoutError, FieldError, ItemUnavailable, PathUnavailable, PriceChanged
from checkout.locally_client import ErrorCode, ValidatedCart
from checkout.orders import Checkout, PriceSource, blocking_problems


def with_assessment(checkout: Checkout, assessment: Assessment) -> Checkout:
    """The checkout with what was just read."""
    return checkout.changed(items=assessment.items, path_offered=assessment.path_offered)


def doubt_given(checkout: Checkout) -> Checkout:
    """The checkout without the prices that the brand's server gave, so that they are asked afresh."""
    lines = tuple(
        line.changed(tax_per_unit=None, price_source=None) if line.price_source is PriceSource.GIVEN else line
        for line in checkout.items
    )
    return checkout.changed(items=lines)


def keep_right(fresh: Checkout, given: Checkout, error_code: int | None) -> Checkout:
    """The fresh checkout with what the brand's server gave wherever the store says the same price.

    A given tax goes where Locally called it too low.
    """
    taxed = error_code == ErrorCode.TAX_TOO_LOW
    lines = tuple(
        new.changed(tax_per_unit=old.tax_per_unit, price_source=old.price_source)
        if old.price_source is PriceSource.GIVEN and new.unit_price == old.unit_price and not taxed
        else new
        for new, old in zip(fresh.items, given.items, strict=True)
    )
    return fresh.changed(items=lines)


def object_to(checkout: Checkout, attempt: Attempt) -> CheckoutError | None:
    """What speaks against placing the cart as it was just read, if anything does."""
    unavailable = problems_of(checkout, ItemUnavailable)
    if unavailable:
        return ItemUnavailable(fields=unavailable)
    if not checkout.path_offered:
        return PathUnavailable(fields=problems_of(checkout, PathUnavailable))
    totals = checkout.totals
    if totals is None or totals.total.amount > attempt.expected_amount:
        return PriceChanged()
    return None


def problems_of(checkout: Checkout, kind: type[CheckoutError]) -> tuple[FieldError, ...]:
    """What the checkout itself says of one kind of obstacle, with the pointer of each."""
    return tuple(problem for problem in blocking_problems(checkout) if problem.code == kind.code)


def mark_refused(checkout: Checkout, upcs: tuple[str, ...]) -> Checkout:
    """Mark the lines that Locally would not take; all of them where it named none."""
    lines = tuple(line.changed(refused=not upcs or line.upc in upcs) for line in checkout.items)
    return checkout.changed(items=lines)


def short_lines(checkout: Checkout, cart: ValidatedCart) -> frozenset[str]:
    """The UPCs of which the validated cart holds fewer than were asked for."""
    held = {item.upc: item.quantity for item in cart.items if item.in_cart}
    return frozenset(line.upc for line in checkout.items if held.get(line.upc, 0) < line.quantity)


def prices(checkout: Checkout) -> list[object]:
    return [(line.unit_price, line.tax_per_unit) for line in checkout.items]
