"""A person's decision about an attempt in doubt: made in the transaction in which a proof would be recorded."""

from collections.abc import Awaitable, Callable

from checkout.attempts import Attempt
from checkout.database import Database, Transaction, get_checkout, live_attempt, order_of_checkout
from checkout.errors import FieldError, InvalidField, LostRace, NothingToSettle
from checkout.orders import Order
from checkout.placing.recording import Recorder
from checkout.placing.writing import IN_DOUBT, Decision


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
        try:
            await self._settle(checkout_id, decision)
        except LostRace:  # Reading back moved the attempt at the same moment: look at what it is now.
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
    attempt = await live_attempt(tx, checkout_id)
    if attempt is None and await _is_true(tx, checkout_id, decision):
        return None
    if attempt is None or attempt.status not in IN_DOUBT:
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
