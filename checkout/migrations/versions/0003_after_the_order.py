"""What follows an order: when to look at it again, further links, deliveries of outgoing events, mail, what brand and
retailer do with it, the feed, the console."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _allow_orders_of_others()
    _follow_orders()
    _extend_outbox()
    _add_deliveries()
    _add_mails()
    _add_item_actions()
    _add_feed()
    _add_console()


def _allow_orders_of_others() -> None:
    """A retailer takes in orders that no checkout of ours placed. SQLite makes both tables anew for it."""
    with op.batch_alter_table("orders") as batch:
        batch.alter_column("checkout_id", existing_type=sa.String(length=40), nullable=True)
        batch.alter_column("attempt_id", existing_type=sa.String(length=40), nullable=True)
    with op.batch_alter_table("timeline") as batch:
        batch.alter_column("checkout_id", existing_type=sa.String(length=40), nullable=True)
        batch.add_column(sa.Column("order_id", sa.String(length=40), nullable=True))
    op.create_index("ix_timeline_order_id", "timeline", ["order_id", "id"], unique=False)


def _follow_orders() -> None:
    op.add_column("orders", sa.Column("next_look_at", sa.BigInteger(), nullable=True))
    op.add_column("orders", sa.Column("quiet_looks", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("warn_at", sa.BigInteger(), nullable=True))
    op.add_column("orders", sa.Column("rescue_checkout_id", sa.String(length=40), nullable=True))
    op.add_column("orders", sa.Column("email_hash", sa.String(length=64), nullable=True))
    op.create_index("ix_orders_next_look_at", "orders", ["next_look_at"], unique=False)
    op.create_index("ix_orders_warn_at", "orders", ["warn_at"], unique=False)
    op.create_index("ix_orders_email_hash", "orders", ["email_hash", "placed_at"], unique=False)
    # Orders of before are looked at as soon as somebody can.
    op.execute("UPDATE orders SET next_look_at = placed_at")
    op.create_table(
        "order_links",
        sa.Column("link_hash", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.String(length=40), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_links_order_id")),
        sa.PrimaryKeyConstraint("link_hash", name=op.f("pk_order_links")),
        sa.UniqueConstraint("order_id", "generation", name=op.f("uq_order_links_order_id_generation")),
    )


def _extend_outbox() -> None:
    op.add_column("outbox", sa.Column("message_id", sa.String(length=40), nullable=True))
    op.add_column("outbox", sa.Column("body", sa.LargeBinary(), nullable=True))
    op.add_column("outbox", sa.Column("spread_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_outbox_to_spread", "outbox", ["spread_at", "id"], unique=False)


def _add_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("outbox_id", _ROW_NUMBER, nullable=False),
        sa.Column("endpoint", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_deliveries_outbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("outbox_id", "endpoint", name=op.f("uq_deliveries_outbox_id_endpoint")),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["state", "next_try_at"], unique=False)
    op.create_index("ix_deliveries_subject", "deliveries", ["endpoint", "subject", "id"], unique=False)
    op.create_table(
        "delivery_tries",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("delivery_id", _ROW_NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("fault", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_tries_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_tries")),
    )
    op.create_index("ix_delivery_tries_delivery_id", "delivery_tries", ["delivery_id"], unique=False)


def _add_mails() -> None:
    op.create_table(
        "mails",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("order_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("reference", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("fault", sa.String(length=60), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_mails_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mails")),
        sa.UniqueConstraint("order_id", "kind", "reference", name=op.f("uq_mails_order_id_kind_reference")),
    )
    op.create_index("ix_mails_due", "mails", ["state", "next_try_at"], unique=False)


def _add_item_actions() -> None:
    op.create_table(
        "item_actions",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("order_id", sa.String(length=40), nullable=False),
        sa.Column("upc", sa.String(length=14), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_item_actions_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item_actions")),
    )
    under_way = sa.text("state IN ('sending', 'unknown')")
    op.create_index(
        "uq_item_actions_under_way",
        "item_actions",
        ["order_id", "upc"],
        unique=True,
        sqlite_where=under_way,
        postgresql_where=under_way,
    )


def _add_feed() -> None:
    op.create_table(
        "feed_imports",
        sa.Column("id", _ROW_NUMBER, autoincrement=True, nullable=False),
        sa.Column("brand", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("form", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_imports")),
    )
    op.create_table(
        "feed_rows",
        sa.Column("import_id", _ROW_NUMBER, nullable=False),
        sa.Column("upc", sa.String(length=14), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("split", sa.BigInteger(), nullable=True),
        sa.Column("shipping", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["feed_imports.id"], name=op.f("fk_feed_rows_import_id")),
        sa.PrimaryKeyConstraint("import_id", "upc", "country", name=op.f("pk_feed_rows")),
    )


def _add_console() -> None:
    op.create_table(
        "console_logins",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_console_logins")),
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_marks")),
    )
