"""A person's decision about an attempt in doubt: made in the transaction in which a proof would be recorded."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from checkout.attempts import Attempt
from checkout.database import (
    Database,
    Transaction,
    get_checkout,
    live_attempt,
    not_placed_attempt,
    order_of_checkout,
)
from checkout.errors import FieldError, InvalidField, LostRace, NothingToSettle
from checkout.orders import Order
from checkout.placing.recording import Recorder
from checkout.placing.writing import Decision, may_decide

# From unknown over review and not_placed to placed: an attempt in doubt cannot move more often.
_MOST_MOVES = 3


class Settling:
    """Carries out decisions. `read_order` learns of an order that a decision made."""

    def __init__(self, database: Database, recorder: Recorder, read_order: Callable[[Order], Awaitable[None]]) -> None:
        self._database = database
        self._recorder = recorder
        self._read_order = read_order

    async def settle(self, checkout_id: str, decision: Decision) -> None:
        """Carry out a decision; one that is already the truth changes nothing.

        Raises NothingToSettle, InvalidField (the hash is not that of the attempt's cart), LostRace.
        """
        for _ in range(_MOST_MOVES):
            with suppress(LostRace):  # It moved at the same moment: look at what it is now.
                await self._settle(checkout_id, decision)
                return
        await self._settle(checkout_id, decision)

    async def _settle(self, checkout_id: str, decision: Decision) -> None:
        attempt = await self._database.read(lambda tx: _in_doubt(tx, checkout_id, decision))
        if attempt is None:
            return
        if decision.cart_hash is None:
            await self._recorder.not_placed(attempt, decision=decision)
            return
        await self._read_order(await self._recorder.placed(attempt.id, None, decision=decision))


async def _in_doubt(tx: Transaction, checkout_id: str, decision: Decision) -> Attempt | None:
    """The attempt to decide; None where the decision is the truth already. Raises NothingToSettle, InvalidField."""
    live = await live_attempt(tx, checkout_id)
    if live is None and await _is_true(tx, checkout_id, decision):
        return None
    attempt = live or await not_placed_attempt(tx, checkout_id)
    if attempt is None or not may_decide(attempt, decision):
        raise NothingToSettle
    if decision.cart_hash not in {None, attempt.cart_hash}:
        detail = "This is not the hash of the cart that was validated for this checkout."
        raise InvalidField(fields=(FieldError("/placed", "invalid", detail),))
    return attempt


async def _is_true(tx: Transaction, checkout_id: str, decision: Decision) -> bool:
    if decision.cart_hash is None:
        return (await get_checkout(tx, checkout_id)).not_placed
    order = await order_of_checkout(tx, checkout_id)
    return order is not None and order.cart_hash == decision.cart_hash
