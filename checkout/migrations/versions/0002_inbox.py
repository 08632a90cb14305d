"""The inbox of webhooks, what upstreams call our requests, and SetupIntents kept by what counts as not placed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

IS_WAITING = sa.text("applied_at IS NULL")
KEEPS_INTENT = sa.text(
    "status IN ('checked', 'committing', 'intent_verified', 'not_placed', 'placed', 'received', 'review', 'unknown',"
    " 'validated', 'validating')"
)


def upgrade() -> None:
    op.add_column("upstream_calls", sa.Column("request_id", sa.String(length=200), nullable=True))
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("last_received_at", sa.BigInteger(), nullable=False),
        sa.Column("notices", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("applied_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
    )
    op.create_index(
        "uq_inbox_waiting",
        "inbox",
        ["source", "subject"],
        unique=True,
        sqlite_where=IS_WAITING,
        postgresql_where=IS_WAITING,
    )
    op.create_index("ix_inbox_due", "inbox", ["applied_at", "next_try_at"], unique=False)
    # An order may still turn up after `not_placed`: until then nobody else may use its SetupIntent or its cart.
    for name, column in (("uq_attempts_setup_intent", "setup_intent_id"), ("uq_attempts_cart_hash", "cart_hash")):
        op.drop_index(name, table_name="attempts")
        op.create_index(
            name, "attempts", [column], unique=True, sqlite_where=KEEPS_INTENT, postgresql_where=KEEPS_INTENT
        )
