"""The two worlds of an account: what is live, and what its sandbox keys have made.

Neither sees, changes or is told of anything of the other. Whatever belongs to an account and can be made with a key is
looked for by a :class:`World`, never by the account alone.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import ColumnElement, and_

from spherelinks.database import Job, Webhook


class World(NamedTuple):
    """An account's live things, or those of its sandbox."""

    account_id: str
    sandbox: bool = False

    def holds(self, table: type[Job] | type[Webhook]) -> ColumnElement[bool]:
        """Whether a row belongs to it."""
        return and_(table.account_id == self.account_id, table.sandbox == self.sandbox)
