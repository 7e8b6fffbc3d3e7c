"""Accounts: creating, listing, finding."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from spherelinks.accounts import plans
from spherelinks.database import Account, new_id
from spherelinks.errors import InvalidRequest


def create(session: Session, name: str) -> Account:
    """A new account on the free plan. Raises InvalidRequest for a name that is empty or over 200 characters."""
    account = Account(id=new_id("acc"), name=checked_name(name), plan=plans.FREE)
    session.add(account)
    session.flush()
    return account


def checked_name(name: str) -> str:
    """The stripped name of an account or a key. Raises InvalidRequest unless it has 1 to 200 characters."""
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise InvalidRequest(
            f"name has {len(name)} characters.", hint="Give a name of 1 to 200 characters.", field="name"
        )
    return name


def local_owner(session: Session) -> Account:
    """The account of the installation's owner, on the owner's plan; created on first call."""
    session.execute(insert(Account).values(id=new_id("acc"), name="Owner", plan=plans.OWNER).on_conflict_do_nothing())
    return session.scalars(select(Account).where(Account.plan == plans.OWNER)).one()


def list_accounts(session: Session) -> Sequence[Account]:
    """All accounts, oldest first."""
    return session.scalars(select(Account).order_by(Account.id)).all()


def get(session: Session, account_id: str) -> Account:
    """The account with that id. Raises InvalidRequest if there is none."""
    account = session.get(Account, account_id)
    if account is None:
        raise InvalidRequest(
            f"account is '{account_id}': there is no such account.",
            hint="List the accounts with: spherelinks accounts list",
            field="account",
        )
    return account
