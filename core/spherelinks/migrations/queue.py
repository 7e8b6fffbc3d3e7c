"""Procrastinate's own tables, brought to the version of the installed Procrastinate.

Each function works on a psycopg connection, inside the caller's transaction.
"""

from __future__ import annotations

from typing import Any

from procrastinate.schema import SchemaManager, migrations_path
from psycopg import Connection, sql


def install(connection: Connection[Any]) -> None:
    """Make the tables of the installed Procrastinate. The table's comment keeps their version."""
    _run(connection, SchemaManager.get_schema().encode())
    _mark(connection, _migrations()[-1])


def upgrade(connection: Connection[Any]) -> None:
    """Apply the migrations that the installed Procrastinate has and the database lacks, in order."""
    for name in _missing(connection):
        _run(connection, (migrations_path / name).read_bytes())
        _mark(connection, name)


def is_current(connection: Connection[Any]) -> bool:
    """Whether the queue's tables are those of the installed Procrastinate."""
    return not _missing(connection)


def _migrations() -> list[str]:
    return sorted(path.name for path in migrations_path.glob("*.sql"))


def _missing(connection: Connection[Any]) -> list[str]:
    row = connection.execute("SELECT obj_description('procrastinate_jobs'::regclass)").fetchone()
    assert row is not None
    return [name for name in _migrations() if name > row[0]]


def _mark(connection: Connection[Any], name: str) -> None:
    _run(connection, sql.SQL("COMMENT ON TABLE procrastinate_jobs IS {}").format(name).as_bytes())


def _run(connection: Connection[Any], script: bytes) -> None:
    """Run several statements, without parameters, on the driver's own connection."""
    connection.execute(script)
