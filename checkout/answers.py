"""Answers whose bytes may be kept and given again: what a checkout is told to have become."""

from checkout.errors import CheckoutError
from checkout.idempotency import Answer
from checkout.keyring import Keyring
from checkout.orders import Checkout, Order
from checkout.placing import Outcome
from checkout.problems import problem_bytes, problem_document
from checkout.schemas import CheckoutBody, OrderView, checkout_body, mask_shopper


class Answers:
    """Renders checkouts with their order's link and token, which are derived and never stored."""

    def __init__(self, keyring: Keyring, public_url: str) -> None:
        self._keyring = keyring
        self._public_url = public_url

    def checkout(
        self, checkout: Checkout, order: Order | None, *, token: str | None = None, trusted: bool = False
    ) -> CheckoutBody:
        """The body for whoever holds the checkout's token or, `trusted`, the secret key.

        Where a link to a masked order opened the checkout, only the secret key sees its shopper in full.
        """
        body = checkout_body(checkout, order=self._view(order), token=token)
        if trusted or not checkout.shopper_masked:
            return body
        return body.model_copy(update={"shopper": mask_shopper(checkout.shopper)})

    def _view(self, order: Order | None) -> OrderView | None:
        if order is None:
            return None
        return OrderView(
            id=order.id,
            status=order.status,
            url=f"{self._public_url}{self.order_path(order.id)}",
            token=self._keyring.token("ot", order.id),
        )

    def order_path(self, order_id: str) -> str:
        """The page of an order, below our own address."""
        return f"/o/{self._keyring.token('ol', order_id)}"

    def created(self, checkout: Checkout, token: str) -> Answer:
        """The answer to creating a checkout."""
        return Answer(201, self.checkout(checkout, None, token=token).model_dump_json().encode())

    def outcome(self, outcome: Outcome, request_id: str) -> Answer:
        """The answer to placing: the placed checkout, one that is under way, or a problem."""
        body = self.checkout(outcome.checkout, outcome.order)
        if outcome.error is not None:
            return self.problem(outcome.error, request_id, body)
        return Answer(202 if outcome.is_pending else 200, body.model_dump_json().encode())

    def problem(self, error: CheckoutError, request_id: str, checkout: CheckoutBody | None) -> Answer:
        document = problem_document(error, request_id=request_id, checkout=checkout)
        return Answer(document.status, problem_bytes(document))
