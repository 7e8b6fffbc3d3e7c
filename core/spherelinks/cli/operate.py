"""The operator's commands: accounts, keys, users, backups, the worker, the doctor."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spherelinks.cli.command import command, show

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from spherelinks.backup import Summary
    from spherelinks.database import ApiKey, User
    from spherelinks.storage import Storage

_ADDRESS = (
    "the server's address; defaults to SPHERELINKS_PUBLIC_URL, else that of the running server, else "
    "http://127.0.0.1:8000"
)


def add(commands: Any) -> None:
    """Add the commands of those who run a server."""
    server_command = partial(command, extra="server")
    worker = commands.add_parser(
        "worker", help="Run only a worker, which takes jobs from the database at DATABASE_URL."
    )
    worker.set_defaults(run=_worker, extra="server")
    worker.add_argument(
        "--generators",
        metavar="NAMES",
        default=(),
        type=lambda text: text.split(","),
        help="the generators whose jobs it takes, such as lift,inflate; defaults to SPHERELINKS_GENERATORS, else all "
        "that are installed",
    )

    accounts = commands.add_parser("accounts", help="Accounts and their credits.").add_subparsers(required=True)
    create = server_command(accounts, "create", _accounts_create, "Create an account on the free plan.")
    create.add_argument("name")
    server_command(accounts, "list", _accounts_list, "List the accounts with their balances.")
    grant = server_command(accounts, "grant", _accounts_grant, "Give an account credits that do not expire.")
    grant.add_argument("account", metavar="ACCOUNT", help="its id")
    grant.add_argument("credits", type=int)
    grant.add_argument("--reason", default="granted by the operator")
    change = server_command(
        accounts, "plan", _accounts_plan, "Move an account to another plan; SPHERELINKS_PLANS defines plans."
    )
    change.add_argument("account", metavar="ACCOUNT", help="its id")
    change.add_argument("plan", metavar="PLAN", help="its name")

    keys = commands.add_parser("keys", help="API keys.").add_subparsers(required=True)
    create = server_command(keys, "create", _keys_create, "Create an API key and show it once.")
    create.add_argument("--account", metavar="ACCOUNT", help="the account's id; defaults to the local owner's account")
    create.add_argument("--name", default="command line")
    create.add_argument(
        "--scopes",
        type=lambda text: text.split(","),
        help="what the key may do, any of generate,read,manage; defaults to all",
    )
    create.add_argument(
        "--monthly-cap", type=int, metavar="CREDITS", help="the most credits its jobs may cost per month"
    )
    create.add_argument("--sandbox", action="store_true", help="jobs cost nothing and return a sample at once")
    rotate = server_command(
        keys, "rotate", _keys_rotate, "Replace a key with a new one; the old one keeps working for a while."
    )
    rotate.add_argument("key", metavar="KEY", help="its id")
    rotate.add_argument(
        "--grace-hours", type=float, default=24, help="how long the old key keeps working; defaults to 24"
    )
    revoke = server_command(keys, "revoke", _keys_revoke, "Revoke a key at once.")
    revoke.add_argument("key", metavar="KEY", help="its id")
    listing = server_command(keys, "list", _keys_list, "List an account's keys.")
    listing.add_argument("--account", metavar="ACCOUNT", help="the account's id; defaults to the local owner's account")

    make = server_command(
        commands, "backup", _backup, "Write the database and all files to one archive; the server may keep running."
    )
    make.add_argument("file", metavar="FILE", type=Path)
    make.add_argument(
        "--verify", action="store_true", help="check that an existing backup is complete and undamaged instead"
    )
    load = server_command(commands, "restore", _restore, "Fill an empty database and storage from a backup.")
    load.add_argument("file", metavar="FILE", type=Path)
    users = commands.add_parser("users", help="The dashboard's users.").add_subparsers(required=True)
    create = server_command(users, "create", _users_create, "Create a user, and a link for setting a password.")
    create.add_argument("email")
    create.add_argument(
        "--account", metavar="ACCOUNT", help="the account's id; defaults to a new account on the free plan"
    )
    create.add_argument("--address", help=_ADDRESS)
    link = server_command(users, "link", _users_link, "Create a sign-in link, valid once and for one day.")
    link.add_argument("email", nargs="?", help="defaults to the local owner")
    link.add_argument("--address", help=_ADDRESS)
    server_command(users, "list", _users_list, "List the users.")

    command(commands, "doctor", _doctor, "Check the installation.")


def _worker(arguments: argparse.Namespace) -> None:
    from spherelinks.jobs import worker

    worker.main(arguments.generators)


@contextmanager
def _session() -> Iterator[Session]:
    """One transaction on the database, which is started for the command if it is not running."""
    from spherelinks.accounts import plans
    from spherelinks.config import Settings
    from spherelinks.database import connect, migrate, opened, transaction

    settings = Settings.from_env()
    with opened(settings) as url:
        engine = connect(url)
        try:
            migrate(engine)
            with transaction(engine) as session:
                if settings.plans is not None:
                    plans.apply(session, plans.read(settings.plans))
                yield session
        finally:
            engine.dispose()


def _accounts_create(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import accounts

    with _session() as session:
        account = accounts.create(session, arguments.name)
        record = {"id": account.id, "name": account.name, "plan": account.plan}
    show(record, as_json=arguments.json, line="{id}  {name}  {plan}")


def _accounts_list(arguments: argparse.Namespace) -> None:
    from dataclasses import asdict

    from spherelinks.accounts import accounts, ledger

    with _session() as session:
        records = []
        for account in accounts.list_accounts(session):
            balance = ledger.balance(session, account.id)
            records.append(
                {
                    "id": account.id,
                    "name": account.name,
                    "plan": account.plan,
                    **asdict(balance),
                }
            )
    _show_credits(records, as_json=arguments.json, line="{id}  {name}  {plan}  {credits}, {held} held")


def _show_credits(value: dict[str, Any] | list[dict[str, Any]], *, as_json: bool, line: str) -> None:
    if not as_json:
        for record in value if isinstance(value, list) else [value]:
            record["credits"] = "unlimited credits" if record["unlimited"] else f"{record['available']} credits"
    show(value, as_json=as_json, line=line)


def _accounts_grant(arguments: argparse.Namespace) -> None:
    from dataclasses import asdict

    from spherelinks.accounts import ledger

    with _session() as session:
        ledger.grant(session, arguments.account, arguments.credits, arguments.reason)
        balance = ledger.balance(session, arguments.account)
    record = {"id": arguments.account, **asdict(balance)}
    _show_credits(record, as_json=arguments.json, line="{id}  {credits}, {held} held")


def _accounts_plan(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import ledger

    with _session() as session:
        ledger.change_plan(session, arguments.account, arguments.plan)
        available = ledger.balance(session, arguments.account).available
    record = {"id": arguments.account, "plan": arguments.plan, "available": available}
    show(record, as_json=arguments.json, line="{id}  {plan}  {available} credits")


def _print_new_key(key: ApiKey, secret: str, *, as_json: bool) -> None:
    record = {"id": key.id, "account": key.account_id, "name": key.name, "key": secret}
    show(record, as_json=as_json, line="{key}\nKey {id}. It is shown only once: the server keeps just its hash.")


def _keys_create(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import accounts, keys

    with _session() as session:
        account = arguments.account or accounts.local_owner(session).id
        key, secret = keys.create(
            session,
            account,
            arguments.name,
            scopes=arguments.scopes or keys.SCOPES,
            monthly_cap=arguments.monthly_cap,
            sandbox=arguments.sandbox,
        )
    _print_new_key(key, secret, as_json=arguments.json)


def _keys_rotate(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import keys

    with _session() as session:
        key, secret = keys.rotate(session, arguments.key, timedelta(hours=arguments.grace_hours))
    _print_new_key(key, secret, as_json=arguments.json)


def _keys_revoke(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import keys

    with _session() as session:
        key = keys.revoke(session, arguments.key)
        record = {"id": key.id, "name": key.name, "revokedAt": key.revoked_at}
    show(record, as_json=arguments.json, line="{id}  {name}  revoked")


def _keys_list(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import accounts, keys

    with _session() as session:
        account = arguments.account or accounts.local_owner(session).id
        records = [
            {
                "id": key.id,
                "name": key.name,
                "hint": f"{key.prefix}…{key.last4}",
                "createdAt": key.created_at,
                "lastUsedAt": key.last_used_at,
                "state": key.state,
            }
            for key in keys.list_keys(session, account)
        ]
    if not arguments.json:
        for record in records:
            record["lastUsedAt"] = (
                f"last used {used:%Y-%m-%d %H:%M} UTC" if (used := record["lastUsedAt"]) else "never used"
            )
    show(records, as_json=arguments.json, line="{id}  {name}  {hint}  {state}  {lastUsedAt}")


@contextmanager
def _installation() -> Iterator[tuple[str, Storage]]:
    """The database's URL and the storage."""
    from spherelinks.config import Settings
    from spherelinks.database import opened
    from spherelinks.storage import open_storage

    settings = Settings.from_env()
    with opened(settings) as url:
        yield url, open_storage(settings)


def _backup(arguments: argparse.Namespace) -> None:
    from spherelinks import backup

    if arguments.verify:
        summary = backup.verify(arguments.file)
        show(_summary(arguments, summary), as_json=arguments.json, line="{path}: intact, database and {files} files")
        return
    with _installation() as (url, storage):
        summary = backup.backup(url, storage, arguments.file)
    show(_summary(arguments, summary), as_json=arguments.json, line="{path}: database and {files} files")


def _restore(arguments: argparse.Namespace) -> None:
    from spherelinks import backup

    with _installation() as (url, storage):
        summary = backup.restore(url, storage, arguments.file)
    show(_summary(arguments, summary), as_json=arguments.json, line="database and {files} files of {created}")


def _summary(arguments: argparse.Namespace, summary: Summary) -> dict[str, Any]:
    from dataclasses import asdict

    return {"path": str(arguments.file), **asdict(summary)}


def _users_create(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import users

    with _session() as session:
        user = users.create(session, arguments.email, arguments.account)
        _print_link(user, users.link(session, user), arguments)


def _users_link(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import users

    with _session() as session:
        user = users.by_email(session, arguments.email) if arguments.email else users.local_owner(session)
        _print_link(user, users.link(session, user), arguments)


def _users_list(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import users

    with _session() as session:
        records = [
            {"id": user.id, "account": user.account_id, "email": user.email, "createdAt": user.created_at}
            for user in users.list_users(session)
        ]
    if not arguments.json:
        records = [{**record, "email": record["email"] or "(the local owner)"} for record in records]
    show(records, as_json=arguments.json, line="{id}  {account}  {email}")


def _print_link(user: User, token: str, arguments: argparse.Namespace) -> None:
    from spherelinks import local
    from spherelinks.config import Settings

    settings = Settings.from_env()
    address = arguments.address or settings.public_url or local.address(settings.home) or "http://127.0.0.1:8000"
    record = {"id": user.id, "email": user.email, "link": f"{address.rstrip('/')}/welcome/{token}"}
    show(record, as_json=arguments.json, line="{link}\nSigns in once, valid for one day.")


def _doctor(arguments: argparse.Namespace) -> int:
    from spherelinks.doctor import examine

    findings = examine()
    ready = all(finding.ok for finding in findings if finding.required)
    if arguments.json:
        print(json.dumps({"ready": ready, "findings": [finding._asdict() for finding in findings]}))
    else:
        for finding in findings:
            mark = "ok  " if finding.ok else ("FAIL" if finding.required else "-   ")
            print(f"{mark} {finding.name:<12} {finding.detail}")
    return 0 if ready else 6
