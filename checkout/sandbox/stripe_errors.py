"""Stripe's error object, and the exception that carries it from where the fact is known to the answer."""

from typing import Any

Body = dict[str, Any]


class StripeError(Exception):
    """One refused call.

    `saved` tells whether an idempotency key remembers the answer: a call that began to act does, one whose
    parameters were not acceptable does not.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        saved: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.saved = saved
        self.more = more

    def facts(self) -> Body:
        """The members that a SetupIntent's `last_setup_error` shares with the error object."""
        facts: Body = {"message": str(self), "type": self.kind}
        if self.code is not None:
            facts["code"] = self.code
            facts["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            facts["param"] = self.param
        return {**facts, **self.more}

    def body(self, request_id: str) -> Body:
        return {
            "error": {**self.facts(), "request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}"},
        }


def invalid_parameter(message: str, param: str, code: str | None = None) -> StripeError:
    return StripeError(400, message, code=code, param=param)


def missing_parameter(param: str) -> StripeError:
    return invalid_parameter(f"Missing required param: {param}.", param, "parameter_missing")


def no_such(noun: str, object_id: str, param: str, status: int = 400) -> StripeError:
    """`status` is 404 where the id stands in the path and 400 where it stands in a parameter."""
    return StripeError(status, f"No such {noun}: '{object_id}'", code="resource_missing", param=param, saved=True)
