"""Alembic's entry: runs the history on the connection that `migrate` gives."""

from alembic import context

from checkout.database.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
