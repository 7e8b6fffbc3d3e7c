"""Which deliveries the queue calls for: an account's that are due, so many at a time; all others wait in their table.

A call names a delivery, whose own row says whether it still is to be made, and when. So the queue holds a few calls of
each account, however many thousands of its deliveries wait, some of them for days.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from spherelinks.jobs import queue

OF_ACCOUNT, OF_HOST = 8, 4
"""Of one account, and of one account to one host, so many are called for at a time."""
CROWD = 16
"""Once so many are, an account gets no second one."""
_AT_ONCE = 256
_LOCK = 5_347_003  # an arbitrary number of our own, for pg_advisory_xact_lock


def call(session: Session, account_id: str | None = None, ended: str = "") -> None:
    """Call for the account's next deliveries, or for everybody's, as many as there is room for.

    ended : one that has just been tried: its call has not ended yet, but leaves its place
    """
    if account_id is not None:  # or two that end at the same time would call for the same one
        session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK}, hashtext(:id))"), {"id": account_id})
    for number, due in enumerate(session.execute(text(_NEXT), {"account": account_id, "ended": ended}).all()):
        if due.turn == 1 or due.called + number < CROWD:
            queue.push_delivery(session, due.id, due.turn)


def recall(session: Session) -> None:
    """Call for what has become due, and again for what was called for by a worker that is silent."""
    session.execute(text(_SILENT))
    call(session)


# Every account's first before any second.
_NEXT = f"""
WITH called AS (
    SELECT DISTINCT lock AS id FROM procrastinate_jobs
    WHERE queue_name = '{queue.DELIVERIES}' AND status IN ('todo', 'doing') AND lock <> :ended
), pending AS NOT MATERIALIZED (
    SELECT id, account_id, host, next_at FROM deliveries
    WHERE state = 'pending' AND (account_id = :account OR CAST(:account AS text) IS NULL)
), wanted AS (
    SELECT *, false AS waits FROM pending WHERE id IN (SELECT id FROM called)
    UNION ALL
    SELECT d.*, true FROM pending d
    LEFT JOIN host_pauses p ON (p.account_id, p.host) = (d.account_id, d.host) AND p.until > now()
    WHERE d.next_at <= now() AND p.host IS NULL AND d.id NOT IN (SELECT id FROM called)
)
SELECT id, turn, (SELECT count(*) FROM called) AS called FROM (
    SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY waits, next_at) AS turn FROM (
        SELECT *, row_number() OVER (PARTITION BY account_id, host ORDER BY waits, next_at) AS of_host FROM wanted
    ) each
    WHERE of_host <= {OF_HOST}
) due
WHERE waits AND turn <= {OF_ACCOUNT}
ORDER BY turn, next_at
LIMIT {_AT_ONCE}
"""
_SILENT = f"""
DELETE FROM procrastinate_jobs q
WHERE queue_name = '{queue.DELIVERIES}' AND status <> 'todo' AND NOT EXISTS (
    SELECT FROM procrastinate_workers w WHERE w.id = q.worker_id AND w.last_heartbeat > now() - interval '30 s')
"""
