"""What brand and retailer do: actions at Locally, the feed, the console, and how far long work is."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, String, Table, Text

from checkout.database.tables.columns import RowNumber, UtcTime, metadata

# What was asked of one item of an order at Locally: journalled before it is sent, since it may charge or refund. One at
# a time per item; one whose outcome is unknown is read back before the next.
item_actions = Table(
    "item_actions",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("order_id", String(40), ForeignKey("orders.id"), nullable=False),
    Column("upc", String(14), nullable=False),
    Column("action", String(20), nullable=False),
    Column("amount", BigInteger),
    Column("state", String(20), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("request_id", String(200)),
)
_is_under_way = item_actions.c.state.in_(("sending", "unknown"))
Index(
    "uq_item_actions_under_way",
    item_actions.c.order_id,
    item_actions.c.upc,
    unique=True,
    sqlite_where=_is_under_way,
    postgresql_where=_is_under_way,
)

# The feed of what the brand's warehouse has for ship-to-store. An import is served once all its rows are in; the one
# that was served before is then dropped with its rows.
feed_imports = Table(
    "feed_imports",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("brand", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("form", String(20), nullable=False),
)

# `split` is the percent that the brand keeps in hundredths (form "percent") or what the retailer keeps in minor units
# (form "flat"), NULL for the default; `shipping` is in minor units, `country` empty where the feed names none.
feed_rows = Table(
    "feed_rows",
    metadata,
    Column("import_id", RowNumber, ForeignKey("feed_imports.id"), nullable=False),
    Column("upc", String(14), nullable=False),
    Column("country", String(2), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("split", BigInteger),
    Column("shipping", BigInteger, nullable=False),
    PrimaryKeyConstraint("import_id", "upc", "country"),
)

# Links into the console, to be used once, and the browsers that came in by one; only hashes are kept.
console_logins = Table(
    "console_logins",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("used_at", UtcTime),
)

# How far a piece of long work is, by its name, so that it goes on there after a restart.
marks = Table(
    "marks",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("value", Text, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)
