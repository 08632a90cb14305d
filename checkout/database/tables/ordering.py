"""Orders, what happened when, and what upstreams announced."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from checkout.database.tables.columns import RowNumber, UtcTime, metadata

orders = Table(
    "orders",
    metadata,
    Column("id", String(40), primary_key=True),
    # NULL for an order that a retailer took in and that no checkout of ours placed.
    Column("checkout_id", String(40), ForeignKey("checkouts.id")),
    Column("attempt_id", String(40), ForeignKey("attempts.id")),
    Column("brand", String(40), nullable=False),
    Column("cart_hash", String(64), nullable=False),
    Column("status", String(40), nullable=False),
    Column("placed_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("link_hash", String(64), nullable=False, unique=True),
    Column("document", Text, nullable=False),
    # When its cart is to be read again by itself, NULL once nothing more can become of it, and how often that showed
    # nothing new in a row.
    Column("next_look_at", UtcTime),
    Column("quiet_looks", Integer, nullable=False, default=0, server_default="0"),
    # When the brand is to be warned that the store's time to answer runs out; NULL once told or answered.
    Column("warn_at", UtcTime),
    # The checkout that may buy elsewhere what the store declined; there is one at a time.
    Column("rescue_checkout_id", String(40)),
    # By which a shopper who lost the link is found: a keyed hash of the address, which tells nobody else anything.
    Column("email_hash", String(64)),
    UniqueConstraint("checkout_id"),
    UniqueConstraint("cart_hash"),
)
Index("ix_orders_list", orders.c.brand, orders.c.placed_at, orders.c.id)
Index("ix_orders_next_look_at", orders.c.next_look_at)
Index("ix_orders_warn_at", orders.c.warn_at)
Index("ix_orders_email_hash", orders.c.email_hash, orders.c.placed_at)

# Further links to an order's page, mailed when the shopper asked for one; the first stands with the order.
order_links = Table(
    "order_links",
    metadata,
    Column("link_hash", String(64), primary_key=True),
    Column("order_id", String(40), ForeignKey("orders.id"), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("order_id", "generation"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("checkout_id", String(40), ForeignKey("checkouts.id")),
    # For an order that no checkout of ours placed, in the checkout's stead.
    Column("order_id", String(40)),
    Column("at", UtcTime, nullable=False),
    Column("event", String(60), nullable=False),
    Column("facts", Text, nullable=False),
)
Index("ix_timeline_checkout_id", timeline.c.checkout_id, timeline.c.id)
Index("ix_timeline_order_id", timeline.c.order_id, timeline.c.id)

# What upstreams announced. One row waits per subject, and further notices are counted onto it: a notice only says that
# there is something to read.
inbox = Table(
    "inbox",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("source", String(20), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("last_received_at", UtcTime, nullable=False),
    Column("notices", Integer, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("next_try_at", UtcTime, nullable=False),
    Column("lease_owner", String(40)),
    Column("lease_until", UtcTime),
    Column("applied_at", UtcTime),
    Column("outcome", String(40)),
)
_is_waiting = inbox.c.applied_at.is_(None)
Index(
    "uq_inbox_waiting",
    inbox.c.source,
    inbox.c.subject,
    unique=True,
    sqlite_where=_is_waiting,
    postgresql_where=_is_waiting,
)
Index("ix_inbox_due", inbox.c.applied_at, inbox.c.next_try_at)
