"""How much an account's files take, counted by what its jobs' rows say: nothing is looked for in the storage."""

from __future__ import annotations

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from spherelinks.database import Plan, fetch_all
from spherelinks.errors import StorageQuotaReached

MEGABYTE = 1_000_000

# an asset may be that of several jobs
_STORED = """
WITH kept AS (
    SELECT picture_size + mask_size AS sent, asset_path, coalesce(asset_size, 0) + beside_size AS size FROM jobs
    WHERE account_id = :account AND NOT sandbox AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > now()))
SELECT coalesce((SELECT sum(sent) FROM kept), 0)
     + coalesce((SELECT sum(size) FROM (SELECT max(size) AS size FROM kept GROUP BY asset_path) assets), 0)
"""


def stored(session: Session, account_id: str) -> int:
    """Bytes of the account's pictures, masks, assets and what was made of them, as far as they are kept."""
    return int(session.scalars(text(_STORED), {"account": account_id}).one())


def check(session: Session, account_id: str, plan: Plan) -> None:
    """Raises StorageQuotaReached if the account's files take more than its plan gives.

    Once the account's row is locked, and the job that is being accepted has its own: then the count is a true one.
    """
    if plan.storage_mb is None:
        return
    taken = stored(session, account_id)
    if taken > plan.storage_mb * MEGABYTE:
        raise StorageQuotaReached(
            f"With this picture, the account's files would take {taken / MEGABYTE:.1f} MB; "
            f"its plan gives {plan.storage_mb} MB.",
            hint="Delete models that are no longer needed, or wait until older ones expire.",
        )


def made_beside(engine: Engine, asset_path: str, size: int) -> None:
    """Count a file that was made of an asset. Raises DatabaseUnavailable."""
    fetch_all(
        engine,
        "UPDATE jobs SET beside_size = beside_size + %s WHERE asset_path = %s RETURNING id",
        (size, asset_path),
    )
