"""The writes of placing: each names the status it expects, and what belongs together is one transaction."""

import json
from datetime import datetime

import structlog

from checkout.attempts import Attempt, AttemptEvent, AttemptStatus, next_late_look
from checkout.database import (
    Look,
    OrderTokens,
    Transaction,
    add_to_timeline,
    begin_call,
    count_validate,
    delete_holds,
    end_call,
    find_attempt,
    get_checkout,
    insert_order,
    intent_use,
    put_event,
    rearm_commit,
    save_attempt,
    save_checkout,
    spend_intent,
)
from checkout.errors import CardDeclined, CheckoutError, LostRace, RefusedUpstream
from checkout.keyring import token_hash
from checkout.locally_client import request_id_of_last
from checkout.mailing import queue_mails
from checkout.orders import Checkout, CheckoutStatus, Order
from checkout.placing.emergency import Entry
from checkout.placing.new_orders import first_looks, new_order
from checkout.placing.outcomes import IN_REVIEW, UNCONFIRMED, outcome_of, write_refusal
from checkout.placing.rescued import link_rescue
from checkout.placing.taking_up import MOST_VALIDATES
from checkout.placing.writing import READ_INTENT, Decision, Holds, Writer, key_of

VALIDATE, COMMIT = "cart/validate", "cart/commit"
# What has to have happened before validate is sent, and which of it is next.
_TO_VALIDATE = (AttemptEvent.CART_CHECKED, AttemptEvent.INTENT_VERIFIED, AttemptEvent.VALIDATE_BEGUN)
_NEXT_TO_VALIDATE = dict(
    zip((AttemptStatus.RECEIVED, AttemptStatus.CHECKED, AttemptStatus.INTENT_VERIFIED), _TO_VALIDATE, strict=True)
)

log = structlog.get_logger(__name__)


class Recorder(Writer):
    """Writes what happened to an attempt."""

    async def begin_validate(
        self, was: Attempt, checkout: Checkout, look: Look | None = None
    ) -> tuple[Attempt, Checkout]:
        """Mark, durably, that validate is about to be sent; the key now belongs to this body.

        `checkout` has the prices that are sent; `look` is the one at the SetupIntent, where it was made just now.
        """
        now = self._clock()
        events = _TO_VALIDATE[_TO_VALIDATE.index(_NEXT_TO_VALIDATE[was.status]) :]

        async def work(tx: Transaction) -> tuple[Attempt, Checkout]:
            await self._note_look(tx, was, look, READ_INTENT)
            begun = await self._step(tx, was, *events, now=now, validate_tries=was.validate_tries + 1)
            if was.setup_intent_id is not None:
                await count_validate(tx, was.setup_intent_id, +1)
            await begin_call(tx, was.id, VALIDATE, now)
            await self._keys.bind(tx, key_of(was))
            return begun, await save_checkout(tx, checkout, checkout)

        return await self._database.write(work)

    async def begin_commit(self, was: Attempt) -> Attempt:
        """Mark, durably, that commit is about to be sent. Raises LostRace if one was sent for this attempt."""
        now = self._clock()

        async def work(tx: Transaction) -> Attempt:
            begun = await self._step(tx, was, AttemptEvent.COMMIT_BEGUN, now=now, commit_tries=was.commit_tries + 1)
            if was.commit_tries:
                await rearm_commit(tx, was.id, now)
            else:
                await begin_call(tx, was.id, COMMIT, now)
            return begun

        return await self._database.write(work)

    async def validate_again(self, was: Attempt, event: AttemptEvent, *, checkout: Checkout | None = None) -> None:
        """Back to before validate: it was not sent, or it held nothing and the price has fallen."""
        now = self._clock()
        falls = was.price_falls + (event is AttemptEvent.PRICE_FELL)
        request_id = request_id_of_last(VALIDATE)

        async def work(tx: Transaction) -> None:
            await self._step(tx, was, event, now=now, price_falls=falls)
            await self._uncount(tx, was)
            await end_call(tx, was.id, VALIDATE, now, event, request_id)
            if checkout is not None:
                await save_checkout(tx, checkout, checkout)

        await self._insist(was.id, work)

    async def holds_placed(self, was: Attempt, cart_hash: str, cart_jwt: str, locally_session: str | None) -> Attempt:
        now, request_id = self._clock(), request_id_of_last(VALIDATE)
        sealed = self._keyring.seal(json.dumps([cart_jwt, locally_session]).encode(), f"cart jwt {was.id}")

        async def work(tx: Transaction) -> Attempt:
            values = {"cart_hash": cart_hash, "cart_jwt": sealed, "validated_at": now}
            moved = await self._step(tx, was, AttemptEvent.HOLDS_PLACED, now=now, **values)
            await end_call(tx, was.id, VALIDATE, now, "holds_placed", request_id)
            return moved

        return await self._insist(was.id, work, Entry(was.id, "validated", cart_hash, None))

    async def holds_remembered(self, attempt_id: str, cart_hash: str) -> None:
        """The holds that the emergency journal tells of; without the JWT they can only lapse. Raises LostRace."""
        now = self._clock()

        async def work(tx: Transaction) -> None:
            was = await find_attempt(tx, attempt_id)
            if was is None or was.status is not AttemptStatus.VALIDATING:
                raise LostRace
            await self._step(tx, was, AttemptEvent.HOLDS_PLACED, now=now, cart_hash=cart_hash, validated_at=now)
            await end_call(tx, was.id, VALIDATE, now, "holds_placed")

        await self._database.write(work)

    async def commit_not_sent(self, was: Attempt) -> None:
        now = self._clock()

        async def work(tx: Transaction) -> None:
            await self._step(tx, was, AttemptEvent.COMMIT_NOT_SENT, now=now)
            await end_call(tx, was.id, COMMIT, now, "not_sent")

        await self._insist(was.id, work)

    async def commit_lost(self, was: Attempt, next_read_at: datetime | None, *, refused: bool) -> None:
        """Whether there is an order is unknown: the shopper is told to wait, and we read back."""
        now, request_id = self._clock(), request_id_of_last(COMMIT)

        async def work(tx: Transaction) -> None:
            values = {"unknown_since": now, "next_read_at": next_read_at, "commit_refused": refused}
            await self._step(tx, was, AttemptEvent.COMMIT_LOST, now=now, **values)
            await end_call(tx, was.id, COMMIT, now, "refused" if refused else "unknown", request_id)
            checkout = await get_checkout(tx, was.checkout_id)
            await save_checkout(tx, checkout, checkout.changed(notice=UNCONFIRMED))
            # They stay on the books until an order is found that they belong to.
            await self._book(tx, was, checkout, Holds("open", "commit_unknown"), now)

        log.warning("commit_unknown", attempt=was.id, refused=refused)
        await self._insist(was.id, work)

    async def note_read(self, was: Attempt, noted: Attempt, look: Look | None = None) -> None:
        """One more read-back that settled nothing; since when it is in review, or not placed, stays as it is."""
        if was.status is AttemptStatus.UNKNOWN:
            noted = noted.changed(updated_at=self._clock())

        async def work(tx: Transaction) -> None:
            await save_attempt(tx, was, noted)
            await self._note_look(tx, was, look)

        await self._database.write(work)

    async def review(self, was: Attempt, noted: Attempt, look: Look | None = None) -> None:
        """A person has to decide, unless going on to read back does; `noted` has what the reads have shown so far."""
        log.error("attempt_in_review", attempt=was.id, checkout=was.checkout_id)
        now = self._clock()

        async def work(tx: Transaction) -> None:
            await self._step(tx, noted, AttemptEvent.EVIDENCE_MISSING, now=now)
            await self._note_look(tx, was, look)
            checkout = await get_checkout(tx, was.checkout_id)
            await save_checkout(tx, checkout, checkout.changed(notice=IN_REVIEW))
            await put_event(tx, was.brand, "checkout.review", was.checkout_id, now)

        await self._insist(was.id, work)

    async def reject(
        self,
        was: Attempt,
        error: CheckoutError,
        *,
        checkout: Checkout | None = None,
        holds: Holds | None = None,
        look: Look | None = None,
    ) -> None:
        """The attempt ends with a no; the checkout is open again, as `checkout` says it is now.

        `look` is the one at the SetupIntent, where it was made just now.
        """
        now = self._clock()
        declined, request_id = isinstance(error, CardDeclined), request_id_of_last(VALIDATE)
        if isinstance(error, RefusedUpstream):  # Ours to mend, and every shopper meets it.
            log.error("refused_upstream", attempt=was.id, status=was.status, error_code=error.error_code)

        async def work(tx: Transaction) -> None:
            await self._note_look(tx, was, look, READ_INTENT)
            ended = await self._step(tx, was, AttemptEvent.REFUSED, now=now, refusal=write_refusal(error))
            open_again = await self._reopen(tx, was, now, checkout)
            if was.status is AttemptStatus.VALIDATING:
                await end_call(tx, was.id, VALIDATE, now, error.code, request_id)
                if not declined and holds is None:
                    await self._uncount(tx, was)
            if declined and was.setup_intent_id is not None:
                await spend_intent(tx, was.setup_intent_id)
            await self._book(tx, was, open_again, holds, now)
            if declined:
                await self._store_answer(tx, ended, outcome_of(ended, open_again, None))
            else:
                await self._keys.free(tx, key_of(was))

        await self._insist(was.id, work)

    async def give_up(self, was: Attempt, event: AttemptEvent, holds: Holds | None) -> None:
        """The attempt ends without an order, and the shopper may try again with the same key."""
        now, request_id = self._clock(), request_id_of_last(VALIDATE)

        async def work(tx: Transaction) -> None:
            use = await intent_use(tx, was.setup_intent_id) if was.setup_intent_id else None
            last = use is not None and use.validates >= MOST_VALIDATES
            refusal = json.dumps({"next_step": "new_card" if last else None})
            await self._step(tx, was, event, now=now, refusal=refusal)
            if was.status is AttemptStatus.VALIDATING:
                await end_call(tx, was.id, VALIDATE, now, "unknown", request_id)
            checkout = await self._reopen(tx, was, now, None)
            await self._book(tx, was, checkout, holds, now)
            if was.status in {AttemptStatus.RECEIVED, AttemptStatus.CHECKED, AttemptStatus.INTENT_VERIFIED}:
                await self._keys.free(tx, key_of(was))
            else:
                await self._keys.close(tx, key_of(was))

        await self._insist(was.id, work)

    async def not_placed(self, was: Attempt, look: Look | None = None, *, decision: Decision | None = None) -> None:
        """It is proven, or decided by a person, that there is no order: the checkout is closed for good.

        An order may turn up all the same, so a few more looks are planned.
        """
        now = self._clock()
        next_look = next_late_look(now, self._spans, now, answered=True)

        async def work(tx: Transaction) -> None:
            await self._note_look(tx, was, look)
            await self._audit(tx, was, decision, now)
            ended = await self._step(tx, was, AttemptEvent.ORDER_ABSENT, now=now, next_read_at=next_look)
            checkout = await get_checkout(tx, was.checkout_id)
            closed = checkout.changed(status=CheckoutStatus.EXPIRED, not_placed=True, notice=None, ended_at=now)
            saved = await save_checkout(tx, checkout, closed)
            await self._store_answer(tx, ended, outcome_of(ended, saved, None))

        await self._insist(was.id, work)

    async def placed(
        self,
        attempt_id: str,
        locally_order_url: str | None,
        look: Look | None = None,
        *,
        decision: Decision | None = None,
    ) -> Order:
        """There is an order. Whatever the attempt's status became meanwhile, this is what counts.

        Found after it counted as not placed, it is the closed checkout's all the same, and from then on its key is
        told of it: an order that exists is never called failed. Raises LostRace if it is known already.
        """
        now, request_id = self._clock(), request_id_of_last(COMMIT)
        emergency = Entry(attempt_id, "placed", None, locally_order_url)

        async def work(tx: Transaction) -> Order:
            was = await find_attempt(tx, attempt_id)
            if was is None or was.status is AttemptStatus.PLACED:
                raise LostRace
            is_late = was.status is AttemptStatus.NOT_PLACED
            await self._note_look(tx, was, look)
            await self._audit(tx, was, decision, now)
            ended = await self._step(tx, was, AttemptEvent.ORDER_FOUND, now=now)
            await end_call(tx, was.id, COMMIT, now, "placed", request_id)
            checkout = await get_checkout(tx, was.checkout_id)
            order = new_order(was, checkout, locally_order_url, now, self._settings.answer_window)
            await insert_order(tx, order, was.id, self._tokens(order), **first_looks(order, self._settings))
            closed = checkout.changed(status=CheckoutStatus.PLACED, not_placed=False, notice=None, ended_at=now)
            saved = await save_checkout(tx, checkout, closed)
            await delete_holds(tx, was.id)
            await put_event(tx, was.brand, "checkout.placed", was.checkout_id, now)
            facts = {"order": order.id, "checkout": checkout.id, "cart_hash": order.cart_hash, "source": "placing"}
            await add_to_timeline(tx, checkout.id, now, "order.placed", **facts)
            await queue_mails(tx, None, order, now, self._settings)
            await link_rescue(tx, order, now)
            await self._store_answer(tx, ended, outcome_of(ended, saved, order))
            if is_late:
                await self._tell_late(tx, was, order, now)
            return order

        return await self._insist(attempt_id, work, emergency)

    async def _tell_late(self, tx: Transaction, was: Attempt, order: Order, now: datetime) -> None:
        """The shopper was told that there is no order, and there is one: the brand has to hear of it."""
        log.error("order_after_not_placed", attempt=was.id, checkout=was.checkout_id, order=order.id)
        await put_event(tx, was.brand, "order.found_late", order.id, now)
        await add_to_timeline(tx, was.checkout_id, now, "order.found_late", order=order.id)

    def _tokens(self, order: Order) -> OrderTokens:
        return OrderTokens(
            token=token_hash(self._keyring.token("ot", order.id)),
            link=token_hash(self._keyring.token("ol", order.id)),
            email=self._keyring.email_hash(order.shopper.email) if order.shopper.email else None,
        )
