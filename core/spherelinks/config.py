"""Settings: read once from the environment, checked, never changed."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from spherelinks import logs
from spherelinks.errors import ConfigurationError

T = TypeVar("T")

SECRETS = (
    "DATABASE_URL",
    "STORAGE_URL",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "SPHERELINKS_METRICS_TOKEN",
)
"""Variables that hold a secret, or with ``_FILE`` appended the path of one: hidden from the process that decodes
strangers' pictures."""


@dataclass(frozen=True)
class Settings:
    """What an operator may set, one environment variable each.

    home : SPHERELINKS_HOME, where the embedded database and the local storage live; absolute
    database_url : DATABASE_URL, ``postgresql://…``; None is the embedded database in ``home``
    storage_url : STORAGE_URL, ``s3://bucket/prefix``; None is the folder ``home/storage``
    cors_origins : SPHERELINKS_CORS_ORIGINS, comma separated; the origins whose pages may call the API, none by default
    job_time_limit_s : SPHERELINKS_JOB_TIME_LIMIT, seconds one attempt may take
    job_memory_limit_mb : SPHERELINKS_JOB_MEMORY_MB, MiB the process that generates may allocate (Linux)
    job_max_attempts : SPHERELINKS_JOB_MAX_ATTEMPTS, crashed attempts after which a job fails
    min_free_mb : SPHERELINKS_MIN_FREE_MB, MiB that must stay free on the disks of the storage and the embedded database
        for anything to be taken in; what is under way may use them
    stale_after_s : SPHERELINKS_STALE_AFTER, seconds without a heartbeat after which a running job counts as crashed
    drain_limit_s : SPHERELINKS_DRAIN_LIMIT, seconds a stopping worker lets its jobs finish before it requeues them
    generators : SPHERELINKS_GENERATORS, names of the generators that a worker offers, comma separated; all that are
        installed if empty
    plans : SPHERELINKS_PLANS, a TOML file with plans, see :mod:`spherelinks.accounts.plans`; None is the built-in ones
    stripe_key : STRIPE_SECRET_KEY, of the account at Stripe that credits are sold through; None sells nothing
    stripe_webhook_secret : STRIPE_WEBHOOK_SECRET, of the endpoint that its events come to
    credit_packs : SPHERELINKS_CREDIT_PACKS, what is sold, ``100:price_abc,500:price_def``: Stripe's price by credits
    metrics_token : SPHERELINKS_METRICS_TOKEN, the bearer token that opens /metrics; None is no such page
    log_format : SPHERELINKS_LOG_FORMAT, ``text`` or ``json``
    public_url : SPHERELINKS_PUBLIC_URL, the address of the pages, ``https://assets.example``; if None, they answer only
        to localhost and plain IP addresses, so that no other site can point its own name here
    trusted_proxies : SPHERELINKS_TRUSTED_PROXIES, how many proxies a request passes through on its way here and whose
        X-Forwarded-For is trusted; 0 trusts none
    signup : SPHERELINKS_SIGNUP, ``open`` (anyone who reaches the pages may create an account) or ``closed``
    signups_a_day : SPHERELINKS_SIGNUPS_A_DAY, accounts that a network address may create in a day; 0 is no limit
    webhook_networks : SPHERELINKS_WEBHOOK_NETWORKS, private networks that webhooks and ``output.putUrl`` may reach,
        such as ``127.0.0.0/8,192.168.1.0/24``; none by default
    webhook_ports : SPHERELINKS_WEBHOOK_PORTS, ports that they may use besides 80 and 443
    """

    home: Path
    database_url: str | None = None
    storage_url: str | None = None
    cors_origins: tuple[str, ...] = ()
    job_time_limit_s: float = 600.0
    job_memory_limit_mb: int = 8192
    job_max_attempts: int = 3
    stale_after_s: float = 6.0
    drain_limit_s: float = 30.0
    min_free_mb: int = 1024
    generators: tuple[str, ...] = ()
    plans: Path | None = None
    stripe_key: str | None = field(default=None, repr=False)
    stripe_webhook_secret: str | None = field(default=None, repr=False)
    credit_packs: tuple[tuple[int, str], ...] = ()
    metrics_token: str | None = field(default=None, repr=False)
    log_format: str = "text"
    public_url: str | None = None
    trusted_proxies: int = 0
    signup: str = "open"
    signups_a_day: int = 10
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    webhook_ports: tuple[int, ...] = ()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings of ``environ``. An empty variable counts as unset.

        Raises ConfigurationError that names the variable, its value and the remedy.
        """

        def read(variable: str, parse: Callable[[str, str], T], default: T) -> T:
            value = environ.get(variable, "").strip() or _from_file(environ, f"{variable}_FILE")
            return parse(variable, value) if value else default

        return cls(
            home=read("SPHERELINKS_HOME", _folder, default_home(environ)),
            database_url=read("DATABASE_URL", _database_url, None),
            storage_url=read("STORAGE_URL", _storage_url, None),
            cors_origins=read("SPHERELINKS_CORS_ORIGINS", _origins, ()),
            job_time_limit_s=read("SPHERELINKS_JOB_TIME_LIMIT", _seconds, cls.job_time_limit_s),
            job_memory_limit_mb=read("SPHERELINKS_JOB_MEMORY_MB", _mebibytes, cls.job_memory_limit_mb),
            job_max_attempts=read("SPHERELINKS_JOB_MAX_ATTEMPTS", _count, cls.job_max_attempts),
            stale_after_s=read("SPHERELINKS_STALE_AFTER", partial(_seconds, least=2), cls.stale_after_s),
            drain_limit_s=read("SPHERELINKS_DRAIN_LIMIT", _seconds, cls.drain_limit_s),
            min_free_mb=read("SPHERELINKS_MIN_FREE_MB", _floor, cls.min_free_mb),
            generators=read("SPHERELINKS_GENERATORS", _names, ()),
            plans=read("SPHERELINKS_PLANS", _file, None),
            stripe_key=read("STRIPE_SECRET_KEY", _secret, None),
            stripe_webhook_secret=read("STRIPE_WEBHOOK_SECRET", _secret, None),
            credit_packs=read("SPHERELINKS_CREDIT_PACKS", _packs, ()),
            metrics_token=read("SPHERELINKS_METRICS_TOKEN", _token, None),
            log_format=read("SPHERELINKS_LOG_FORMAT", _log_format, cls.log_format),
            public_url=read("SPHERELINKS_PUBLIC_URL", _address, None),
            trusted_proxies=read("SPHERELINKS_TRUSTED_PROXIES", _few, 0),
            signup=read("SPHERELINKS_SIGNUP", _open_or_closed, cls.signup),
            signups_a_day=read("SPHERELINKS_SIGNUPS_A_DAY", _number, cls.signups_a_day),
            webhook_networks=read("SPHERELINKS_WEBHOOK_NETWORKS", _networks, ()),
            webhook_ports=read("SPHERELINKS_WEBHOOK_PORTS", _ports, ()),
        )


def _from_file(environ: Mapping[str, str], variable: str) -> str:
    """The content of the file that the variable names, as container platforms mount secrets; empty if unset."""
    path = environ.get(variable, "").strip()
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ConfigurationError(
            f"{variable} is '{path}', which cannot be read: {error.strerror}.", hint="Give the path of a file."
        ) from error


def default_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Where data lives by default: under /var/lib for root, else in the user's own data folder."""
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "SphereLinks"
    if os.geteuid() == 0:
        return Path("/var/lib/spherelinks")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "SphereLinks"
    return Path(environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "spherelinks"


def _folder(variable: str, value: str) -> Path:
    path = Path(value).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise ConfigurationError(f"{variable} is '{value}', which is not a folder.", hint="Give the path of a folder.")
    return path


def _file(variable: str, value: str) -> Path:
    path = Path(value).expanduser().absolute()
    if not path.is_file():
        raise ConfigurationError(f"{variable} is '{value}', which is not a file.", hint="Give the path of a file.")
    return path


def _names(variable: str, value: str) -> tuple[str, ...]:
    found = tuple(name.strip() for name in value.split(","))
    if not all(found):
        raise ConfigurationError(f"{variable} is '{value}'.", hint="Give names such as lift,inflate.")
    return found


def _secret(variable: str, value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(
            f"{variable} contains characters that are not valid in such a secret.",
            hint="Copy it exactly as Stripe shows it.",
        )
    return value


def _packs(variable: str, value: str) -> tuple[tuple[int, str], ...]:
    packs = []
    for pack in value.split(","):
        credits, _, price = pack.strip().partition(":")
        if not credits.isdecimal() or not 1 <= int(credits) <= 1_000_000 or not re.fullmatch(r"\w+", price):
            raise ConfigurationError(
                f"{variable} contains '{pack}', which is not of the form CREDITS:PRICE.",
                hint="Give pairs such as 100:price_abc,500:price_def, with Stripe's price ids.",
            )
        packs.append((int(credits), price))
    return tuple(packs)


def _database_url(variable: str, value: str) -> str:
    # a URL may contain a password: the message shows only its scheme
    scheme = urlsplit(value).scheme
    if scheme not in ("postgresql", "postgres"):
        raise ConfigurationError(
            f"{variable} starts with '{scheme or value.split(':')[0]}': only PostgreSQL is supported.",
            hint="Give postgresql://user:password@host:5432/database, or leave it unset for the embedded database.",
        )
    return "postgresql" + value[len(scheme) :]


def _storage_url(variable: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{variable} is '{value}', which is not of the form s3://bucket/prefix.",
            hint="Give s3://bucket/prefix, or leave it unset for the folder 'storage' in SPHERELINKS_HOME.",
        )
    return value.rstrip("/")


def _origins(variable: str, value: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in value.split(",") if origin.strip())
    for origin in origins:
        parts = urlsplit(origin)
        plain = f"{parts.scheme}://{parts.netloc}"
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or origin != plain):
            raise ConfigurationError(
                f"{variable} contains '{origin}', which is not an origin.",
                hint="Give origins such as https://example.com, separated by commas, or * for any.",
            )
    return origins


def _seconds(variable: str, value: str, least: float = 1) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not least <= seconds <= 86400:
        raise ConfigurationError(f"{variable} is '{value}'.", hint=f"Give a number of seconds from {least} to 86400.")
    return seconds


def _mebibytes(variable: str, value: str) -> int:
    if not value.isdecimal() or not 512 <= int(value) <= 2**24:
        raise ConfigurationError(f"{variable} is '{value}'.", hint="Give a whole number of MiB from 512 to 16777216.")
    return int(value)


def _floor(variable: str, value: str) -> int:
    if not value.isdecimal() or int(value) > 2**24:
        raise ConfigurationError(f"{variable} is '{value}'.", hint="Give a whole number of MiB from 0 to 16777216.")
    return int(value)


def _count(variable: str, value: str) -> int:
    if not value.isdecimal() or not 1 <= int(value) <= 100:
        raise ConfigurationError(f"{variable} is '{value}'.", hint="Give a whole number from 1 to 100.")
    return int(value)


def _few(variable: str, value: str) -> int:
    if not value.isdecimal() or int(value) > 10:
        raise ConfigurationError(f"{variable} is '{value}'.", hint="Give a whole number from 0 to 10.")
    return int(value)


def _number(variable: str, value: str) -> int:
    if not value.isdecimal():
        raise ConfigurationError(f"{variable} is '{value}'.", hint="Give a whole number, or 0 for no limit.")
    return int(value)


def _token(variable: str, value: str) -> str:
    if len(value) < 16 or not value.isascii() or not value.isprintable() or " " in value:
        raise ConfigurationError(
            f"{variable} is too short or contains other characters.", hint="Give 16 or more ASCII letters and digits."
        )
    return value


def _log_format(variable: str, value: str) -> str:
    if value not in logs.FORMATS:
        raise ConfigurationError(f"{variable} is '{value}'.", hint=f"Give {' or '.join(logs.FORMATS)}.")
    return value


def _address(variable: str, value: str) -> str:
    parts = urlsplit(value)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or value.rstrip("/") != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ConfigurationError(
            f"{variable} is '{value}', which is not of the form https://host.",
            hint="Give the address people enter in a browser, such as https://assets.example.com, without a path.",
        )
    return value.rstrip("/").lower()


def _open_or_closed(variable: str, value: str) -> str:
    if value not in ("open", "closed"):
        raise ConfigurationError(f"{variable} is '{value}'.", hint="Give open or closed.")
    return value


_METADATA = (ip_network("169.254.0.0/16"), ip_network("fe80::/10"), ip_network("fd00:ec2::254"))
"""Where clouds hand out the machine's own credentials."""


def _networks(variable: str, value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    networks = []
    for part in value.split(","):
        try:
            network = ip_network(part.strip())
        except ValueError as error:
            raise ConfigurationError(
                f"{variable} contains '{part.strip()}', which is not a network: {error}.",
                hint="Give networks such as 127.0.0.0/8,192.168.1.0/24, or single addresses.",
            ) from error
        for place in _METADATA:
            if place.version == network.version and network.overlaps(place):
                raise ConfigurationError(
                    f"{variable} contains '{network}', which includes {place}, where clouds keep credentials.",
                    hint="Name only the networks that your receivers are in, such as 192.168.1.0/24.",
                )
        networks.append(network)
    return tuple(networks)


def _ports(variable: str, value: str) -> tuple[int, ...]:
    ports = [part.strip() for part in value.split(",")]
    for port in ports:
        if not port.isdecimal() or not 1 <= int(port) <= 65535:
            raise ConfigurationError(
                f"{variable} contains '{port}'.", hint="Give port numbers from 1 to 65535, such as 3000,8080."
            )
    return tuple(map(int, ports))
