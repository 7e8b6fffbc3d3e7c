"""Run by Alembic: applies the revisions on the connection that ``spherelinks.database.migrate`` opened."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
