"""Checkouts, the attempts to place them, and what may be open at upstreams because of them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from checkout.attempts import INTENT_KEEPERS, LIVE_ATTEMPTS
from checkout.database.tables.columns import RowNumber, UtcTime, metadata

checkouts = Table(
    "checkouts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("brand", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("version", Integer, nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("document", Text, nullable=False),
)

# One row per SetupIntent that a checkout asked for; `number` makes Stripe's idempotency key.
setup_intents = Table(
    "setup_intents",
    metadata,
    Column("checkout_id", String(40), ForeignKey("checkouts.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("setup_intent_id", String(255), unique=True),
    Column("account", String(80)),
    Column("state", String(20), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("checkout_id", "number"),
)
Index(
    "uq_setup_intents_live",
    setup_intents.c.checkout_id,
    unique=True,
    sqlite_where=setup_intents.c.state.in_(("creating", "live")),
    postgresql_where=setup_intents.c.state.in_(("creating", "live")),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("checkout_id", String(40), ForeignKey("checkouts.id"), nullable=False),
    Column("brand", String(40), nullable=False),
    Column("status", String(20), nullable=False),
    Column("idempotency_key", String(255), nullable=False),
    Column("setup_intent_id", String(255)),
    Column("external_intent", Boolean, nullable=False),
    Column("expected_amount", BigInteger, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("lease_owner", String(40)),
    Column("lease_until", UtcTime),
    # What validate and commit said and when; the JWT is sealed and erased at a terminal status.
    Column("validate_tries", Integer, nullable=False, default=0),
    Column("price_falls", Integer, nullable=False, default=0),
    Column("validated_at", UtcTime),
    Column("cart_hash", String(64)),
    Column("cart_jwt", LargeBinary),
    Column("commit_tries", Integer, nullable=False, default=0),
    Column("commit_refused", Boolean, nullable=False, default=False),
    # Reading back.
    Column("unknown_since", UtcTime),
    Column("reads", Integer, nullable=False, default=0),
    Column("next_read_at", UtcTime),
    Column("healthy_reads", Integer, nullable=False, default=0),
    Column("first_healthy_read_at", UtcTime),
    # Why it ended without an order: code, detail and fields of the error, as JSON.
    Column("refusal", Text),
)
_live = attempts.c.status.in_(sorted(LIVE_ATTEMPTS))
_keeps_intent = attempts.c.status.in_(sorted(INTENT_KEEPERS))
Index("uq_attempts_live", attempts.c.checkout_id, unique=True, sqlite_where=_live, postgresql_where=_live)
Index(
    "uq_attempts_setup_intent",
    attempts.c.setup_intent_id,
    unique=True,
    sqlite_where=_keeps_intent,
    postgresql_where=_keeps_intent,
)
# Two attempts with one cart would commit it twice.
Index(
    "uq_attempts_cart_hash",
    attempts.c.cart_hash,
    unique=True,
    sqlite_where=_keeps_intent,
    postgresql_where=_keeps_intent,
)
Index("ix_attempts_status", attempts.c.status)

# How often a card may have been asked for a hold: two validates per SetupIntent at most.
intent_uses = Table(
    "intent_uses",
    metadata,
    Column("setup_intent_id", String(255), primary_key=True),
    Column("validates", Integer, nullable=False),
    Column("spent", Boolean, nullable=False),
    CheckConstraint("validates <= 2", name="two_validates"),
)

# The journal of the calls that cannot be repeated, written before they are sent.
upstream_calls = Table(
    "upstream_calls",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("attempt_id", String(40), ForeignKey("attempts.id"), nullable=False),
    Column("call", String(40), nullable=False),
    Column("begun_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("outcome", String(40)),
    # What the upstream calls the request, so that its people can find it.
    Column("request_id", String(200)),
)
_is_commit = upstream_calls.c.call == "cart/commit"
Index(
    "uq_upstream_calls_commit",
    upstream_calls.c.attempt_id,
    unique=True,
    sqlite_where=_is_commit,
    postgresql_where=_is_commit,
)
Index("ix_upstream_calls_attempt_id", upstream_calls.c.attempt_id)

holds = Table(
    "holds",
    metadata,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("attempt_id", String(40), ForeignKey("attempts.id"), nullable=False),
    Column("checkout_id", String(40), nullable=False),
    Column("brand", String(40), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("setup_intent_id", String(255)),
    Column("cart_hash", String(64)),
    Column("created_at", UtcTime, nullable=False),
    Column("release_expected_at", UtcTime, nullable=False),
)
Index("ix_holds_brand", holds.c.brand, holds.c.id)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("brand", String(40), nullable=False),
    Column("operation", String(20), nullable=False),
    Column("scope", String(40), nullable=False),
    Column("key", String(255), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("request_id", String(40), nullable=False),
    Column("bound", Boolean, nullable=False),
    Column("open_until", UtcTime),
    Column("attempt_id", String(40)),
    Column("status", Integer),
    Column("body", LargeBinary),
    Column("created_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("brand", "operation", "scope", "key"),
)
Index("ix_idempotency_keys_created_at", idempotency_keys.c.created_at)

quote_carts = Table(
    "quote_carts",
    metadata,
    Column("cart_hash", String(64), primary_key=True),
    Column("created_at", UtcTime, nullable=False),
)
