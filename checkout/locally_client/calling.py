"""One call to Locally: sent within its time, logged in one line, and its failure told as one of the four kinds."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

import httpx
import structlog

from checkout.errors import NotSent, OutcomeUnknown, UpstreamUnavailable
from checkout.locally_client.answers import Reply, open_reply
from checkout.transport import FAILURES, classify, fetch

T = TypeVar("T")
Params = Mapping[str, str | int]
NO_PARAMS: Params = {}

_log = structlog.get_logger("checkout.locally")
_EMPTY: Mapping[str, str | None] = {}
# By call, for the task that made them: an answer, a refusal and an error all have one.
_request_ids: ContextVar[Mapping[str, str | None]] = ContextVar("locally_request_ids", default=_EMPTY)


def request_id_of_last(call: str) -> str | None:
    """What Locally named the last call of this kind that the current task made; None without an answer."""
    return _request_ids.get().get(call)


class Caller:
    """Sends calls and keeps the rules that all of them share."""

    def __init__(self, token: str, read_timeout: float, write_timeout: float) -> None:
        self._headers = {"Locally-Api-Token": token}
        self._read_timeout = read_timeout
        self._write_timeout = write_timeout

    async def read(
        self, client: httpx.AsyncClient, call: str, path: str, judge: Callable[[Reply], T], params: Params = NO_PARAMS
    ) -> T:
        """Read, and once more after a short pause if that failed; both within the read timeout."""
        ends = time.monotonic() + self._read_timeout
        try:
            return judge(await self._read_once(client, call, path, params, within=self._read_timeout))
        except UpstreamUnavailable:
            pause = random.uniform(0.02, 0.15)  # noqa: S311  # Jitter is no secret.
            left = ends - time.monotonic() - pause
            if left < pause:
                raise
        await asyncio.sleep(pause)
        return judge(await self._read_once(client, call, path, params, within=left))

    async def _read_once(
        self, client: httpx.AsyncClient, call: str, path: str, params: Params, *, within: float
    ) -> Reply:
        try:
            return await self._send(client, call, "GET", path, within=within, params=params)
        except FAILURES as failure:
            raise UpstreamUnavailable from failure

    async def write(
        self, client: httpx.AsyncClient, call: str, path: str, *, headers: Mapping[str, str] | None = None, **body: Any
    ) -> Reply:
        """Send a write exactly once. Raises NotSent or OutcomeUnknown where no answer came."""
        try:
            return await self._send(
                client, call, "POST", path, within=self._write_timeout, headers=headers or {}, **body
            )
        except FAILURES as failure:
            kind = NotSent if classify(failure) == "not_sent" else OutcomeUnknown
            raise kind from failure

    async def _send(
        self,
        client: httpx.AsyncClient,
        call: str,
        method: str,
        path: str,
        *,
        within: float,
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> Reply:
        started = time.perf_counter()
        reply, failure = None, None
        try:
            exchange = await fetch(
                client, method, path, within=within, headers={**self._headers, **(headers or {})}, **request
            )
            reply = open_reply(exchange)
            return reply
        except BaseException as error:
            failure = type(error).__name__
            raise
        finally:
            _request_ids.set({**_request_ids.get(), call: reply and reply.request_id})
            _tell(call, started, reply, failure)


def _tell(call: str, started: float, reply: Reply | None, failure: str | None) -> None:
    """Log what may be told about a call: no body, no token, no query; no `status` where no answer came."""
    told = {
        "call": call,
        "status": reply and reply.status,
        "ms": round((time.perf_counter() - started) * 1000),
        "request_id": reply and reply.request_id,
        "error_code": reply and reply.error_code,
        "lookup": reply and reply.lookup,
        "failure": failure,
    }
    _log.info("locally_call", **{name: value for name, value in told.items() if value is not None})
