"""What Alembic runs: the steps, on the connection that it is handed."""

from alembic import context

from spanledger.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="ledger_version",
    render_as_batch=True,
)
context.run_migrations()
