"""The composition root: the one place where the parts of the service are made and put together."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import cache, partial
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from checkout import __version__, api, console, pages, webhooks
from checkout.answers import Answers
from checkout.assessing import Assessor
from checkout.availability import Availability
from checkout.caching import Spans
from checkout.catalogue import Catalogue
from checkout.checkouts import Checkouts
from checkout.clocks import SandboxFollower, ages, machine_clock
from checkout.database import Database, WatchedDatabase, feed_row_of, open_database, record_quote_cart
from checkout.edge import Edge, request_id_of
from checkout.errors import CheckoutError, MethodNotAllowed, UnknownResource
from checkout.feeding import Feeding
from checkout.feeds import shipping_of
from checkout.fulfilment import Actions, rules_of
from checkout.inbox import Inbox
from checkout.intake import Intake
from checkout.keyring import Keyring
from checkout.locally_client import LocallyClient, open_locally
from checkout.mailing import Lookup, Mailing, queue_mails
from checkout.notifying import Notifying
from checkout.openapi import build_document
from checkout.orders import PathToPurchase
from checkout.placing import Placing
from checkout.problems import problem_response
from checkout.quoting import Quoting
from checkout.rescuing import Rescues
from checkout.roles import routes_in
from checkout.schemas import render_event
from checkout.settings import Settings
from checkout.state import State
from checkout.stripe_client import StripeClient, open_stripe
from checkout.tracking import ACTION, WEBHOOK, Tracking
from checkout.tracking.cards import CardReader
from checkout.tracking.sweeping import Sweeper
from checkout.transport import open_client

Clock = Callable[[], datetime]


def create_app(
    settings: Settings, *, upstreams: httpx.AsyncBaseTransport | None = None, clock: Clock | None = None
) -> ASGIApp:
    """The service as an ASGI application.

    `upstreams` replaces the network to Locally and Stripe, `clock` the machine's clock; both are for tests.
    """
    follower = _follower(settings, upstreams) if settings.sandbox_clock and clock is None else None
    time_of_day: Clock = clock or follower or machine_clock

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[State]:
        async with AsyncExitStack() as stack:
            if follower is not None:
                stack.push_async_callback(follower.close)
                await follower.refresh()
            yield await _assemble(settings, upstreams, time_of_day, stack)

    app = Starlette(
        routes=routes_in(settings.role, [*api.routes, *pages.routes, *webhooks.routes, *console.routes]),
        lifespan=lifespan,
        exception_handlers={CheckoutError: _problem, HTTPException: _http_problem, Exception: _problem},
    )
    app.router.redirect_slashes = False
    return Edge(app, settings, refresh_clock=follower.refresh if follower else None)


async def _assemble(
    settings: Settings, upstreams: httpx.AsyncBaseTransport | None, clock: Clock, stack: AsyncExitStack
) -> State:
    """Make every part and start what runs by itself; the stack ends them in the opposite order."""
    keyring = Keyring(settings.encryption_key)
    answers = Answers(keyring, settings.public_url)
    catalogue = await asyncio.to_thread(Catalogue.load, settings.catalogue)
    kept, locally, stripe = await _open_outside(settings, upstreams, stack)
    notifying = Notifying(kept, settings, clock=clock, wall=machine_clock, render=render_event, transport=upstreams)
    database = WatchedDatabase(kept, notifying.nudge)
    availability, assessor = _reading(locally, catalogue, database, settings, clock, stack)
    tracking = Tracking(
        database,
        locally,
        clock=clock,
        every=settings.sweep_interval,
        queue_mails=partial(queue_mails, settings=settings),
    )
    placing = Placing(
        database,
        assessor,
        locally,
        stripe,
        keyring,
        settings,
        clock=clock,
        render=answers.outcome,
        on_placed=tracking.refresh,
    )
    checkouts = Checkouts(database, assessor, stripe, keyring, settings, clock=clock, render_created=answers.created)
    stack.push_async_callback(lambda: notifying.stop(within=placing.leave()))
    await notifying.start()
    stack.push_async_callback(placing.stop)
    await placing.start()
    intake = Intake(database, locally, keyring, settings, clock=clock) if settings.is_retailer else None
    inbox = Inbox(
        database,
        settings,
        clock=clock,
        look=placing.look_now,
        refresh=partial(tracking.refresh, source=WEBHOOK),
        read_card=CardReader(database, stripe, clock=clock).read,
        take_in=intake.take_in if intake else None,
    )
    stack.push_async_callback(inbox.stop)
    await inbox.start()
    actions = Actions(
        database,
        locally,
        settings,
        rules_of=rules_of,
        refresh=partial(tracking.refresh, source=ACTION),
        clock=clock,
    )
    stack.push_async_callback(actions.stop)
    await actions.start()
    watch = clock.refresh if isinstance(clock, SandboxFollower) else None
    sweeper = Sweeper(database, locally, tracking, settings, clock=clock, look=placing.look_now, watch_clock=watch)
    stack.push_async_callback(sweeper.stop)
    await sweeper.start()
    if intake is not None:
        stack.push_async_callback(intake.stop)
        await intake.start()
    return State(
        settings=settings,
        clock=clock,
        database=database,
        catalogue=catalogue,
        availability=availability,
        assessor=assessor,
        checkouts=checkouts,
        placing=placing,
        rescues=Rescues(database, checkouts, availability, clock=clock),
        inbox=inbox,
        intake=intake,
        actions=actions,
        notifying=notifying,
        feeding=await _open_feed(database, settings, clock, stack),
        lookup=await _open_mail(database, keyring, settings, clock, stack),
        answers=answers,
        hash_email=keyring.email_hash,
        openapi=_describing(settings.public_url),
        ready=placing.is_running,
    )


async def _open_feed(database: Database, settings: Settings, clock: Clock, stack: AsyncExitStack) -> Feeding:
    feeding = Feeding(database, settings, clock=clock)
    stack.push_async_callback(feeding.stop)
    await feeding.start()
    return feeding


async def _open_mail(
    database: Database, keyring: Keyring, settings: Settings, clock: Clock, stack: AsyncExitStack
) -> Lookup | None:
    """Start what sends mail; gives what takes the wish for lost links, None where no mail is sent."""
    mailing = Mailing(database, keyring, settings, clock=clock)
    stack.push_async_callback(mailing.stop)
    await mailing.start()
    if settings.smtp_url is None:
        return None
    lookup = Lookup(database, keyring, settings, clock=clock, on_mail=mailing.nudge)
    stack.push_async_callback(lookup.stop)
    return lookup


async def _open_outside(
    settings: Settings, upstreams: httpx.AsyncBaseTransport | None, stack: AsyncExitStack
) -> tuple[Database, LocallyClient, StripeClient]:
    """What the service reaches outside of itself."""
    database = open_database(settings.database_url)
    stack.push_async_callback(database.close)
    await database.open()
    locally = await stack.enter_async_context(open_locally(settings, transport=upstreams))
    stripe = await stack.enter_async_context(open_stripe(settings, transport=upstreams))
    return database, locally, stripe


def _reading(
    locally: LocallyClient,
    catalogue: Catalogue,
    database: Database,
    settings: Settings,
    clock: Clock,
    stack: AsyncExitStack,
) -> tuple[Availability, Assessor]:
    """What asks Locally for stock and prices, and keeps the answers for a while."""
    availability = _availability(locally, settings, clock)
    stack.push_async_callback(availability.close)
    quoting = _quoting(locally, catalogue, database, settings, clock)
    stack.push_async_callback(quoting.close)
    paths = frozenset(PathToPurchase(path) for path in settings.paths)
    return availability, Assessor(availability, quoting, catalogue, paths=paths, currencies=settings.currencies)


def _describing(public_url: str) -> Callable[[], bytes]:
    """Gives the OpenAPI document, which is built when somebody asks for it first."""

    @cache
    def describe() -> bytes:
        return json.dumps(build_document(public_url, __version__)).encode()

    return describe


def _availability(locally: LocallyClient, settings: Settings, clock: Clock) -> Availability:
    places = settings.places_fresh
    return Availability(
        locally,
        paths=[PathToPurchase(path) for path in settings.paths],
        stock=Spans(settings.stock_fresh, settings.stock_renew, settings.stock_keep),
        places=Spans(places, places, places),
        now=ages(clock),
        clock=clock,
    )


def _quoting(
    locally: LocallyClient, catalogue: Catalogue, database: Database, settings: Settings, clock: Clock
) -> Quoting:
    async def record_cart(cart_hash: str) -> None:
        await database.write(lambda tx: record_quote_cart(tx, cart_hash, clock()))

    async def shipping_cost(upc: str, country: str) -> int:
        row = await database.read(lambda tx: feed_row_of(tx, settings.brand, upc, country))
        return shipping_of(row, country) if row else 0

    return Quoting(
        locally,
        catalogue,
        record_cart=record_cart,
        shipping_cost=shipping_cost,
        host_domain=urlsplit(settings.public_url).hostname or settings.brand,
        fresh=settings.quote_fresh,
        now=ages(clock),
        clock=clock,
    )


def _follower(settings: Settings, upstreams: httpx.AsyncBaseTransport | None) -> SandboxFollower:
    return SandboxFollower(open_client(settings.locally_base_url, timeout=2, transport=upstreams))


async def _problem(request: Request, error: Exception) -> Response:
    return problem_response(error, request_id=request_id_of(request))


async def _http_problem(request: Request, error: Exception) -> Response:
    """Starlette's own 404 and 405 in the shape of all failures."""
    assert isinstance(error, HTTPException)  # noqa: S101  For the type checker: registered for this class alone.
    known = {404: UnknownResource(), 405: MethodNotAllowed()}.get(error.status_code)
    response = problem_response(known or error, request_id=request_id_of(request))
    if error.status_code == 405 and error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response
