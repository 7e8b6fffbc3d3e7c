"""What a server reports: the key's account, its credits, the generators and their options."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from . import options, server
from .http import Connection


@dataclass(frozen=True)
class Info:
    """address : of the server; account, plan : names; credits : that may be spent, None without limit
    generators : those that are ready by name, the default first: JSON Schema of ``options``, those it ``ignores``,
        its ``price`` in credits, and the ``views`` of an object that it uses
    presets : key, name, purpose and options of each
    """

    address: str
    account: str
    plan: str
    credits: int | None
    generators: dict[str, dict[str, Any]]
    presets: list[dict[str, Any]]

    def price(self, generator: str) -> int:
        """Credits that a job of the generator costs."""
        return int(self.generators.get(generator, {}).get("price", 1))

    def form(self) -> options.Form:
        """What to show: each generator's options, and the choice of generator."""
        names = list(self.generators)
        described = []
        for name, about in self.generators.items():
            schema = about["options"]
            properties = dict(schema.get("properties", {}))
            if "generator" in properties:
                text = properties["generator"].get("description", "")
                properties["generator"] = {"type": "string", "enum": names, "default": names[0], "description": text}
            sides = tuple(view for view in server.SIDES if view in about.get("views", ()))
            found = options.describe({**schema, "properties": properties}, about["ignores"])
            described.append((name, replace(found, sides=sides)))
        presets = ((each["key"], each["name"], each["purpose"], each["options"]) for each in self.presets)
        return options.Form(tuple(described), tuple(presets))


def ask(connection: Connection) -> Info:
    """Ask the server. Raises Failure."""
    account = server.account(connection)
    offered = server.generators(connection)
    try:
        ready = sorted((each for each in offered["generators"] if each["ready"]), key=lambda each: not each["default"])
        return Info(
            connection.address,
            str(account["name"]),
            str(account["plan"]["name"]),
            None if account["credits"].get("unlimited") else int(account["credits"]["available"]),
            {
                str(each["name"]): {
                    "options": dict(each["options"]),
                    "ignores": list(each.get("ignores", ())),
                    "price": int(each.get("price", 1)),
                    "views": list(each.get("views", ("front",))),  # a server of before 0.3 has none
                }
                for each in ready
            },
            [{name: each[name] for name in ("key", "name", "purpose", "options")} for each in offered["presets"]],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise server.strange(connection, f"no {error}") from error


def save(info: Info, path: Path) -> None:
    """Store it for the next start; failing to do so does not matter."""
    with suppress(OSError):
        path.write_text(json.dumps(asdict(info)), encoding="utf-8")


def load(path: Path) -> Info | None:
    """What was stored, if it can be read."""
    try:
        return Info(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
