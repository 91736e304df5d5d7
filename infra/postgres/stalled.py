"""Sessions of a process that stands still in the middle of a transaction, and keeps its rows from the next owner.

The server ends by itself a session that is idle between two commands of a transaction (pool.py). One whose process was
stopped in the middle of sending a command waits for the rest of it for ever, and no timeout of the server's counts
there. So whoever claims ends such sessions first.
"""

from __future__ import annotations

from infra.postgres.pool import Pool

STALLED_SECONDS = 20
"""A process that lives sends a whole command at once."""

_END = """select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database() and usename = current_user and application_name = 'tallystick'
    and xact_start is not null and wait_event = 'ClientRead' and state_change < now() - make_interval(secs => $1)"""


async def end_stalled(pool: Pool) -> None:
    """End the sessions of ours that have waited for their process in a transaction for so long."""
    await pool.execute(_END, float(STALLED_SECONDS))
