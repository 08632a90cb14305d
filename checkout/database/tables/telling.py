"""What brand and shopper are told: webhooks out and mail."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint

from checkout.database.tables.columns import RowNumber, UtcTime, metadata

# What the brand is to be told. The worker of the outbox takes a snapshot of the subject into `body`, once, and writes
# one delivery per endpoint; `spread_at` says that it has.
outbox = Table(
    "outbox",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("brand", String(40), nullable=False),
    Column("topic", String(40), nullable=False),
    Column("subject", String(40), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("delivered_at", UtcTime),
    Column("message_id", String(40)),
    Column("body", LargeBinary),
    Column("spread_at", UtcTime),
)
Index("ix_outbox_waiting", outbox.c.delivered_at, outbox.c.id)
Index("ix_outbox_to_spread", outbox.c.spread_at, outbox.c.id)

# One outgoing event for one endpoint. Those of one endpoint and subject go out in the order of their numbers.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("outbox_id", RowNumber, ForeignKey("outbox.id"), nullable=False),
    Column("endpoint", String(40), nullable=False),
    Column("subject", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("next_try_at", UtcTime, nullable=False),
    Column("lease_owner", String(40)),
    Column("lease_until", UtcTime),
    Column("ended_at", UtcTime),
    UniqueConstraint("outbox_id", "endpoint"),
)
Index("ix_deliveries_due", deliveries.c.state, deliveries.c.next_try_at)
Index("ix_deliveries_subject", deliveries.c.endpoint, deliveries.c.subject, deliveries.c.id)

# The log of deliveries: one row per try. `status` is what the endpoint answered, `fault` why there is no answer.
delivery_tries = Table(
    "delivery_tries",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("delivery_id", RowNumber, ForeignKey("deliveries.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("status", Integer),
    Column("fault", String(60)),
)
Index("ix_delivery_tries_delivery_id", delivery_tries.c.delivery_id)

# Mail to shoppers, written in the transaction that gives its reason; whom it goes to is read from the order. One mail
# per order, kind and reference (such as the number of the refund), so that nobody gets two.
mails = Table(
    "mails",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("order_id", String(40), ForeignKey("orders.id"), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("reference", String(60), nullable=False),
    Column("state", String(20), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("next_try_at", UtcTime, nullable=False),
    Column("lease_owner", String(40)),
    Column("lease_until", UtcTime),
    Column("ended_at", UtcTime),
    Column("fault", String(60)),
    UniqueConstraint("order_id", "kind", "reference"),
)
Index("ix_mails_due", mails.c.state, mails.c.next_try_at)
