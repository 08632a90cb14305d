"""The tables. Uniqueness that the promise rests on is written here, so that the database itself enforces it."""

from checkout.database.tables.buying import (
    attempts,
    checkouts,
    holds,
    idempotency_keys,
    intent_uses,
    quote_carts,
    setup_intents,
    upstream_calls,
)
from checkout.database.tables.columns import UtcTime, metadata
from checkout.database.tables.fulfilling import console_logins, feed_imports, feed_rows, item_actions, marks
from checkout.database.tables.ordering import inbox, order_links, orders, timeline
from checkout.database.tables.telling import deliveries, delivery_tries, mails, outbox

__all__ = [
    "UtcTime",
    "attempts",
    "checkouts",
    "console_logins",
    "deliveries",
    "delivery_tries",
    "feed_imports",
    "feed_rows",
    "holds",
    "idempotency_keys",
    "inbox",
    "intent_uses",
    "item_actions",
    "mails",
    "marks",
    "metadata",
    "order_links",
    "orders",
    "outbox",
    "quote_carts",
    "setup_intents",
    "timeline",
    "upstream_calls",
]
