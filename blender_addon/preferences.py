"""The add-on's preferences: the server's address, the API key, and a local server."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from . import session
from .client import background, keychain
from .client.errors import Failure
from .client.http import Connection, is_loopback, normal
from .text import tip, words

PACKAGE = __package__ or ""
MASK = "*" * 16
KEY_VARIABLE = "SPHERELINKS_KEY"

ASIDE = "preferences.json"
KEPT_ASIDE = ("server", "kept_key", "keep_in_keychain", "program", "minutes")

_keys: dict[str, str] = {}
"""Keys by server as read from the keychain, which may prompt its owner each time."""


def _get_key(self: Preferences) -> str:
    return MASK if self.keep_in_keychain or self.kept_key else ""


def _set_key(self: Preferences, value: str) -> None:
    if value != MASK:
        self.keep(value.strip())


def _server_changed(self: Preferences, context: bpy.types.Context) -> None:
    # a key belongs to its server and is never sent to another one
    self.kept_key, self.keep_in_keychain = "", False
    now = session.current()
    now.trouble, now.info = None, None
    warm_keychain(self)


class Preferences(bpy.types.AddonPreferences):
    bl_idname = PACKAGE

    server: StringProperty(
        name="Server",
        description="Address of your SphereLinks server",
        default="http://127.0.0.1:8000",
        update=_server_changed,
    )
    key: StringProperty(
        name="API Key",
        description="Stored in the system's keychain if there is one, else in Blender's preferences",
        subtype="PASSWORD",
        get=_get_key,
        set=_set_key,
    )
    kept_key: StringProperty(subtype="PASSWORD", options={"HIDDEN"})
    keep_in_keychain: BoolProperty(options={"HIDDEN"})
    program: StringProperty(
        name="Program",
        description="Path of the spherelinks program on this machine; leave empty to search the usual places",
        subtype="FILE_PATH",
    )
    minutes: IntProperty(
        name="Give Up After",
        description="Minutes after which an unfinished job is given up",
        default=30,
        min=1,
        max=1440,
    )

    def keep(self, key: str) -> None:
        """Store a key for the server: in the keychain if possible, else in these preferences."""
        address = self.address()
        self.keep_in_keychain = bool(key) and keychain.store(address, key)
        self.kept_key = "" if self.keep_in_keychain else key
        if not key:
            keychain.forget(address)
        _keys.pop(address, None)

    def address(self) -> str:
        """The server's address in its normal form. Raises Failure."""
        return normal(self.server)

    def ready(self) -> None:
        """Raises Failure if the address, a key or the permission to go online is missing."""
        address = self.address()
        if not bpy.app.online_access and not is_loopback(address):
            raise Failure(
                "offline",
                words("Blender is not allowed to go online, and {address} is not on this machine.").format(
                    address=address
                ),
            )
        if not (os.environ.get(KEY_VARIABLE) or self.key):
            raise Failure("no_key", words("There is no API key for {address}.").format(address=address))

    def connection(self) -> Connection:
        """How to reach the server. Raises Failure as `ready` does."""
        self.ready()
        address = self.address()
        key = os.environ.get(KEY_VARIABLE, "") or self.kept_key
        if not key and self.keep_in_keychain:
            key = _keys.get(address) or keychain.load(address)
            _keys[address] = key
        if not key:
            raise Failure("no_key", words("There is no API key for {address}.").format(address=address))
        return Connection(address, key, bpy.app.online_access)

    def where_the_key_is(self) -> str:
        """For people."""
        if os.environ.get(KEY_VARIABLE):
            return words("The key is taken from the variable {variable}.").format(variable=KEY_VARIABLE)
        if self.keep_in_keychain:
            return words("The key is in the system's keychain.")
        if self.kept_key:
            return words("No keychain here: the key is in Blender's preferences, where your programs can read it.")
        return words("Enter an API key, or start a local server.")

    def draw(self, context: bpy.types.Context) -> None:
        now = session.current()
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "server")
        layout.prop(self, "key")
        layout.label(text=self.where_the_key_is(), icon="LOCKED" if self.keep_in_keychain else "INFO", translate=False)
        row = layout.row()
        row.operator("spherelinks.test_connection", icon="URL")
        if now.server is not None:
            row.operator("spherelinks.stop_server", icon="CANCEL")
        else:
            row.operator("spherelinks.start_server", icon="PLAY")
        draw_server(layout, now)
        layout.prop(self, "program")
        layout.prop(self, "minutes")


def draw_server(layout: bpy.types.UILayout, now: session.Session, width: int = 0) -> None:
    """What is known about the server, in a few lines."""
    if now.starting:
        layout.label(text="Starting the server: the first time takes a minute", icon="TIME")
    elif now.checking:
        layout.label(text="Contacting the server", icon="TIME")
    elif now.trouble is not None:
        tip(layout, now.trouble, width)
    elif now.info is not None:
        told = now.info
        if told.credits is None:
            text = words("Connected: {account}, plan {plan}, no limit").format(account=told.account, plan=told.plan)
        else:
            text = words("Connected: {account}, plan {plan}, {credits} credits").format(
                account=told.account, plan=told.plan, credits=told.credits
            )
        layout.label(text=text, icon="CHECKMARK", translate=False)


def get(context: bpy.types.Context) -> Preferences:
    """The preferences. Raises Failure if the add-on was registered by hand and has none."""
    addon: bpy.types.Addon | None = context.preferences.addons.get(PACKAGE)
    if addon is None or not isinstance(addon.preferences, Preferences):
        raise Failure("address", "The add-on is not enabled in the preferences.")
    return addon.preferences


def warm_keychain(preferences: Preferences) -> None:
    """Read the server's key from the keychain on a thread, so that nobody waits for it later."""
    try:
        address = preferences.address()
    except Failure:
        return

    def found(key: str) -> None:
        now = get(bpy.context)
        if key and now.server == preferences.server:
            _keys[address], now.keep_in_keychain = key, True

    if not os.environ.get(KEY_VARIABLE) and not preferences.kept_key:
        background.run(lambda: keychain.load(address), found, lambda failure: None)


def keep_aside(folder: Path) -> None:
    """Write the preferences to a file that only this user can read: Blender drops them with a disabled extension."""
    with suppress(Failure, OSError):
        now = get(bpy.context)
        path = folder / ASIDE
        path.touch(mode=0o600)
        path.write_text(json.dumps({name: getattr(now, name) for name in KEPT_ASIDE}), encoding="utf-8")


def take_back(folder: Path) -> None:
    """Restore preferences from the stored copy."""
    with suppress(Failure, OSError, ValueError):
        now = get(bpy.context)
        if any(now.is_property_set(name) for name in KEPT_ASIDE):
            return
        kept = json.loads((folder / ASIDE).read_text(encoding="utf-8"))
        for name in KEPT_ASIDE:  # in this order: changing the server drops the key
            setattr(now, name, kept.get(name, getattr(now, name)))


classes = (Preferences,)
