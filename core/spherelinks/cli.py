"""The command line. Results go to stdout, progress and errors to stderr; docs/cli.md lists the exit codes."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from spherelinks import __version__, errors, export
from spherelinks.options import MEASURES, METRES, Options

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from spherelinks.backup import Summary
    from spherelinks.database import ApiKey, User
    from spherelinks.pipeline import Asset
    from spherelinks.storage import Storage

EXIT_CODES: tuple[tuple[int, type[BaseException], str], ...] = (
    (2, errors.InvalidRequest, "wrong usage: an unknown or invalid option, key or account"),
    (3, errors.PictureError, "the picture cannot be read, or is too large"),
    (4, errors.NoObject, "nothing in the picture stands out from its ground"),
    (5, errors.GenerationError, "the generation failed"),
    (6, errors.ServiceError, "settings, database or storage do not work"),
    (7, OSError, "a file cannot be read or written"),
    (1, Exception, "an error that should not happen: please report it"),
    (130, KeyboardInterrupt, "interrupted"),
)
"""Exit codes by error, the first that fits; 0 is success."""

_OUTPUT = f"its ending says what is written: {export.ENDINGS}"


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = parser().parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        return int(arguments.run(arguments) or 0)
    except (Exception, KeyboardInterrupt) as error:
        interrupted = signal.getsignal(signal.SIGINT) is _interrupted  # C code may have made another error of it
        return _failed(KeyboardInterrupt() if interrupted else error, as_json=getattr(arguments, "json", False))


def _interrupt(signum: int, frame: object) -> NoReturn:
    """Raise KeyboardInterrupt once, for the clean-up to run; a second signal does not disturb it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    raise KeyboardInterrupt


def _interrupted(signum: int, frame: object) -> None:
    pass


def _failed(error: BaseException, *, as_json: bool) -> int:
    code = next(code for code, kind, _ in EXIT_CODES if isinstance(error, kind))
    if isinstance(error, errors.SphereLinksError):
        body = {"code": error.code, "message": error.message, "hint": error.hint}
    elif isinstance(error, KeyboardInterrupt):
        body = {"code": "interrupted", "message": "Interrupted.", "hint": ""}
    elif isinstance(error, OSError):
        body = {"code": "file_error", "message": str(error), "hint": "Check the path and its permissions."}
    else:
        body = {"code": "internal_error", "message": f"{type(error).__name__}: {error}", "hint": "Please report this."}
        if os.environ.get("SPHERELINKS_DEBUG"):
            raise error
    if as_json:
        print(json.dumps({"error": body}))
    else:
        print(f"spherelinks: {body['message']} {body['hint']}".rstrip(), file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spherelinks", description="One picture in, one textured, game-ready GLB out."
    )
    parser.add_argument("--version", action="version", version=f"spherelinks {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(group: Any, name: str, run: Callable[[argparse.Namespace], int | None], text: str) -> Any:
        added = group.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        added.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        return added

    make = command(commands, "generate", _generate, "Turn one picture into one GLB.")
    make.add_argument("picture", metavar="PICTURE", type=Path, help="a JPEG, PNG or WebP file")
    make.add_argument("-o", "--output", metavar="OUT.glb", type=Path, required=True, help=_OUTPUT)
    for field in ("diffusion_steps", "seed"):
        make.add_argument(f"--{field.replace('_', '-')}", type=int, help=_describe(field))
    make.add_argument("--generator", help=_describe("generator"))
    _add_finishing(make)

    rework = command(commands, "finish", _finish, "Turn any mesh into one closed, textured, game-ready GLB.")
    rework.add_argument("mesh", metavar="MESH", type=Path, help="a GLB, OBJ, PLY or STL file; +Y is up")
    rework.add_argument("-o", "--output", metavar="OUT.glb", type=Path, required=True, help=_OUTPUT)
    _add_finishing(rework)

    change = command(commands, "convert", _convert, "Make another file of an asset: a picture, USDZ, OBJ, PLY, STL.")
    change.add_argument("asset", metavar="ASSET.glb", type=Path, help="a GLB that generate wrote")
    change.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help=_OUTPUT)

    serve = commands.add_parser("serve", help="Run server, worker and database together.")
    serve.set_defaults(run=_serve)
    serve.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; default: %(default)s, this machine only"
    )

    web = commands.add_parser("web", help="Run the server only, beside a database of yours; docs/scale-out.md.")
    web.set_defaults(run=_web)
    web.add_argument("--port", type=int, default=8000, help="default: %(default)s")
    web.add_argument("--host", default="0.0.0.0", help="address to listen on; default: %(default)s, every one")

    worker = commands.add_parser("worker", help="Run a worker only; DATABASE_URL says whose jobs it takes.")
    worker.set_defaults(run=_worker)

    accounts = commands.add_parser("accounts", help="Accounts and their credits.").add_subparsers(required=True)
    create = command(accounts, "create", _accounts_create, "Open an account on the free plan.")
    create.add_argument("name")
    command(accounts, "list", _accounts_list, "List the accounts with their balances.")
    grant = command(accounts, "grant", _accounts_grant, "Give an account credits that do not expire.")
    grant.add_argument("account", metavar="ACCOUNT", help="its id")
    grant.add_argument("credits", type=int)
    grant.add_argument("--reason", default="granted by the operator")
    change = command(accounts, "plan", _accounts_plan, "Put an account on another plan; SPHERELINKS_PLANS brings them.")
    change.add_argument("account", metavar="ACCOUNT", help="its id")
    change.add_argument("plan", metavar="PLAN", help="its name")

    keys = commands.add_parser("keys", help="API keys.").add_subparsers(required=True)
    create = command(keys, "create", _keys_create, "Make an API key and show it, once.")
    create.add_argument("--account", metavar="ACCOUNT", help="its id; default: the local owner's account")
    create.add_argument("--name", default="command line")
    create.add_argument(
        "--scopes", type=lambda text: text.split(","), help="what it may do, some of generate,read,manage; default: all"
    )
    create.add_argument("--monthly-cap", type=int, metavar="CREDITS", help="that its jobs may cost a month")
    create.add_argument("--sandbox", action="store_true", help="its jobs cost nothing and end at once with a sample")
    rotate = command(keys, "rotate", _keys_rotate, "Make a key's successor; the old one lives on for a while.")
    rotate.add_argument("key", metavar="KEY", help="its id")
    rotate.add_argument("--grace-hours", type=float, default=24, help="how long the old key still works; default: 24")
    revoke = command(keys, "revoke", _keys_revoke, "End a key now.")
    revoke.add_argument("key", metavar="KEY", help="its id")
    listing = command(keys, "list", _keys_list, "List an account's keys.")
    listing.add_argument("--account", metavar="ACCOUNT", help="its id; default: the local owner's account")

    make = command(commands, "backup", _backup, "Write database and files into one file; the server may go on.")
    make.add_argument("file", metavar="FILE", type=Path)
    load = command(commands, "restore", _restore, "Fill an empty database and storage from a backup.")
    load.add_argument("file", metavar="FILE", type=Path)
    users = commands.add_parser("users", help="People who sign in to the pages.").add_subparsers(required=True)
    create = command(users, "create", _users_create, "Make a user, and a link with which it sets its password.")
    create.add_argument("email")
    create.add_argument("--account", metavar="ACCOUNT", help="its id; default: a new one on the free plan")
    create.add_argument("--address", help=_ADDRESS)
    link = command(users, "link", _users_link, "Make a link that signs a user in, once and within a day.")
    link.add_argument("email", nargs="?", help="default: the local owner")
    link.add_argument("--address", help=_ADDRESS)
    command(users, "list", _users_list, "List the users.")

    command(commands, "doctor", _doctor, "Check what is installed and what works.")
    return parser


_ADDRESS = "the server's, such as http://127.0.0.1:8000; default: SPHERELINKS_PUBLIC_URL, else that"


def _add_finishing(make: argparse.ArgumentParser) -> None:
    """The options of whatever ends in an asset."""
    for field, kind in (("texture_size", int), ("simplify_ratio", float), ("target_faces", int)):
        make.add_argument(f"--{field.replace('_', '-')}", type=kind, help=_describe(field))
    size = make.add_mutually_exclusive_group()
    for measure in MEASURES:
        size.add_argument(
            f"--{measure}",
            dest="dimensions",
            metavar="LENGTH",
            type=partial(_length, measure),
            help=f"the object's real size by its {measure}{' side' * (measure == 'longest')}: a number with a unit"
            f" ({', '.join(METRES)}), such as 31cm; default: --longest 1m",
        )
    make.add_argument(
        "--lods",
        metavar="RATIOS",
        type=ratios,
        help="coarser levels of detail, such as 0.5,0.25: shares of the asset's faces",
    )
    make.add_argument("--pivot", metavar="{base,center}", help=_describe("pivot"))
    make.add_argument("--collider", metavar="{none,box,convex,decomposed}", help=_describe("collider"))
    make.add_argument("--texture-format", metavar="{jpeg,png,webp}", help=_describe("texture_format"))
    make.add_argument("--compression", metavar="{none,quantized,meshopt}", help=_describe("compression"))
    for flag in ("normal_map", "occlusion", "delight"):
        text = Options.model_fields[flag].description
        make.add_argument(f"--{flag.replace('_', '-')}", action="store_const", const=True, help=text)


def _describe(field: str) -> str:
    info = Options.model_fields[field]
    default = "" if info.default is None else f" Default: {info.default}."
    return f"{info.description}{default}".replace("%", "%%")  # argparse formats its help texts


def ratios(text: str) -> list[float]:
    """Numbers between commas; argparse calls what is none of them an invalid ratios value."""
    return [float(ratio) for ratio in text.split(",")]


def _length(measure: str, text: str) -> dict[str, Any]:
    """A length such as 31cm as options.dimensions; metres where no unit is given."""
    found = re.fullmatch(rf"(\d+\.?\d*|\.\d+) ?({'|'.join(METRES)})?", text)
    if not found:
        units = ", ".join(METRES)
        raise argparse.ArgumentTypeError(f"{text!r} is not a length: give a number and one of {units}, such as 31cm")
    return {measure: float(found[1]), "unit": found[2] or "m"}


@contextmanager
def _nothing_to_clean_up(*, as_json: bool) -> Iterator[None]:
    """While it lasts, an interrupt ends the process here and now.

    For work in memory alone: compiled code and imports of native libraries do not bear an exception in their midst,
    and some crash by it.
    """

    def leave(signum: int, frame: object) -> NoReturn:
        code = _failed(KeyboardInterrupt(), as_json=as_json)
        sys.stdout.flush()
        os._exit(code)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


# --- generate -------------------------------------------------------------------------------------------------------


def _generate(arguments: argparse.Namespace) -> None:
    options, output = _options(arguments), _output(arguments)
    with _nothing_to_clean_up(as_json=arguments.json):
        from spherelinks.pipeline import generate

        with _progress_bar() as progress:
            asset = generate(arguments.picture, options, progress)
    _deliver(asset, output, as_json=arguments.json)


def _finish(arguments: argparse.Namespace) -> None:
    options, output = _options(arguments), _output(arguments)
    with _nothing_to_clean_up(as_json=arguments.json):
        from spherelinks.pipeline import finish

        with _progress_bar() as progress:
            asset = finish(arguments.mesh, options, progress)
    _deliver(asset, output, as_json=arguments.json)


def _options(arguments: argparse.Namespace) -> Options:
    values = vars(arguments)
    return Options(**{name: values[name] for name in Options.model_fields if values.get(name) is not None})


def _deliver(asset: Asset, output: Path, *, as_json: bool) -> None:
    asset.save(output)
    report = asset.report
    if as_json:
        print(json.dumps({"path": str(output), "report": report}))
        return
    print(f"{output}: {report['faces']} faces, {report['textureSize']} px texture, {_megabytes(output)}")
    for warning in report["warnings"]:
        print(f"note: {warning}", file=sys.stderr)


def _output(arguments: argparse.Namespace) -> Path:
    """Where the result goes; what is wrong with it is said before any work."""
    output: Path = arguments.output
    export.kind_of(output)
    if not output.parent.is_dir():
        raise FileNotFoundError(f"The folder {output.parent} does not exist")
    return output


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def _convert(arguments: argparse.Namespace) -> None:
    output = _output(arguments)
    glb = arguments.asset.read_bytes()
    with _nothing_to_clean_up(as_json=arguments.json):
        data = export.convert(glb, export.kind_of(output))
    export.save(data, output)
    record = {"path": str(output), "bytes": output.stat().st_size}
    _print(record, as_json=arguments.json, line=f"{{path}}: {_megabytes(output)}")


@contextmanager
def _progress_bar() -> Iterator[Callable[[str, float], None] | None]:
    """A bar on stderr where that is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=100, bar_format="{desc:<10} {bar:30} {percentage:3.0f}% {elapsed}", leave=False) as bar:

        def show(stage: str, done: float) -> None:
            bar.set_description_str(stage, refresh=False)
            bar.n = round(100 * done)
            bar.refresh()

        yield show


# --- services -------------------------------------------------------------------------------------------------------


_NO_SERVER = "The server package is not installed."
_GET_SERVER = "Install SphereLinks from its repository: pip install ."


@contextmanager
def _needs_server() -> Iterator[None]:
    """While the server's package is imported, which may be missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise errors.ConfigurationError(_NO_SERVER, hint=_GET_SERVER) from error


def _serve(arguments: argparse.Namespace) -> int:
    with _needs_server():
        from spherelinks_server import serve
    from spherelinks.config import Settings

    return serve.main(Settings.from_env(), port=arguments.port, host=arguments.host)


def _web(arguments: argparse.Namespace) -> None:
    with _needs_server():
        from spherelinks_server import web
    from spherelinks.config import Settings
    from spherelinks.database import migrate

    migrate(web.database_url(Settings.from_env()))
    web.main(arguments.host, arguments.port)


def _worker(arguments: argparse.Namespace) -> None:
    from spherelinks.jobs import worker

    worker.main()


# --- accounts and keys ----------------------------------------------------------------------------------------------


@contextmanager
def _session() -> Iterator[Session]:
    """One transaction on the database, which is started for the command where it does not run yet."""
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


def _print(value: dict[str, Any] | list[dict[str, Any]], *, as_json: bool, line: str) -> None:
    """One JSON value, or one ``line`` (a format string) for each record."""
    if as_json:
        print(json.dumps(value, default=str))
        return
    for record in value if isinstance(value, list) else [value]:
        print(line.format(**record))


def _accounts_create(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import accounts

    with _session() as session:
        account = accounts.create(session, arguments.name)
        record = {"id": account.id, "name": account.name, "plan": account.plan}
    _print(record, as_json=arguments.json, line="{id}  {name}  {plan}")


def _accounts_list(arguments: argparse.Namespace) -> None:
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
                    "available": balance.available,
                    "held": balance.held,
                }
            )
    _print(records, as_json=arguments.json, line="{id}  {name}  {plan}  {available} credits, {held} held")


def _accounts_grant(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import ledger

    with _session() as session:
        ledger.grant(session, arguments.account, arguments.credits, arguments.reason)
        balance = ledger.balance(session, arguments.account)
    record = {"id": arguments.account, "available": balance.available, "held": balance.held}
    _print(record, as_json=arguments.json, line="{id}  {available} credits, {held} held")


def _accounts_plan(arguments: argparse.Namespace) -> None:
    from spherelinks.accounts import ledger

    with _session() as session:
        ledger.change_plan(session, arguments.account, arguments.plan)
        available = ledger.balance(session, arguments.account).available
    record = {"id": arguments.account, "plan": arguments.plan, "available": available}
    _print(record, as_json=arguments.json, line="{id}  {plan}  {available} credits")


def _print_new_key(key: ApiKey, secret: str, *, as_json: bool) -> None:
    record = {"id": key.id, "account": key.account_id, "name": key.name, "key": secret}
    _print(record, as_json=as_json, line="{key}\nKey {id}, shown this once: only its hash is kept.")


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
    _print(record, as_json=arguments.json, line="{id}  {name}  revoked")


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
    _print(records, as_json=arguments.json, line="{id}  {name}  {hint}  {state}  last used: {lastUsedAt}")


# --- backup ---------------------------------------------------------------------------------------------------------


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

    with _installation() as (url, storage):
        summary = backup.backup(url, storage, arguments.file)
    _print(_summary(arguments, summary), as_json=arguments.json, line="{path}: database and {files} files")


def _restore(arguments: argparse.Namespace) -> None:
    from spherelinks import backup

    with _installation() as (url, storage):
        summary = backup.restore(url, storage, arguments.file)
    _print(_summary(arguments, summary), as_json=arguments.json, line="database and {files} files of {created}")


def _summary(arguments: argparse.Namespace, summary: Summary) -> dict[str, Any]:
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
    _print(records, as_json=arguments.json, line="{id}  {account}  {email}")


def _print_link(user: User, token: str, arguments: argparse.Namespace) -> None:
    from spherelinks.config import Settings

    address = arguments.address or Settings.from_env().public_url or "http://127.0.0.1:8000"
    record = {"id": user.id, "email": user.email, "link": f"{address.rstrip('/')}/welcome/{token}"}
    _print(record, as_json=arguments.json, line="{link}\nSigns in once, within a day.")


# --- doctor ---------------------------------------------------------------------------------------------------------


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


if __name__ == "__main__":
    sys.exit(main())
