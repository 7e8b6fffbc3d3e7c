"""Operators for the server: test the connection, start, stop, open its dashboard."""

from __future__ import annotations

import bpy

from .. import preferences, session, watch
from ..client import info, local
from ..client.errors import Failure
from ..client.http import is_loopback
from ..text import words
from .outcome import Outcome, refuse


class TestConnection(bpy.types.Operator):
    """Ask the server for the key's account, the credits left and what it can do"""

    bl_idname = "spherelinks.test_connection"
    bl_label = "Test Connection"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Ask on a thread; the preferences and the panel show the result."""
        now = session.current()
        try:
            now.check(preferences.get(context).connection(), watch.redraw)
        except Failure as failure:
            now.trouble = failure
            return refuse(self, failure)
        watch.redraw()
        return {"FINISHED"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Wait for the answer: for scripts."""
        now = session.current()
        try:
            now.learn(info.ask(preferences.get(context).connection()))
        except Failure as failure:
            return refuse(self, failure)
        return {"FINISHED"}


class StartServer(bpy.types.Operator):
    """Run SphereLinks on this machine, if it is installed, until Blender closes; creates a key if there is none"""

    bl_idname = "spherelinks.start_server"
    bl_label = "Start a Local Server"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        now = session.current()
        return not now.starting and now.server is None

    def execute(self, context: bpy.types.Context) -> Outcome:
        now = session.current()
        try:
            preference = preferences.get(context)
            address = preference.address()
            if not is_loopback(address):
                raise Failure(
                    "address",
                    words("{address} is not on this machine.").format(address=address),
                    hint=words("Enter http://127.0.0.1:8000 as the server first."),
                )
            program = local.find(bpy.path.abspath(preference.program))
        except Failure as failure:
            now.trouble = failure
            return refuse(self, failure)

        def then(outcome: str | Failure) -> None:
            if isinstance(outcome, Failure):
                now.trouble = outcome
            else:
                if outcome:
                    preference.keep(outcome)
                watch.pick_up()
            watch.redraw()

        now.start_server(program, address, not preference.key, then)
        watch.redraw()
        return {"FINISHED"}


class StopServer(bpy.types.Operator):
    """Stop the server that was started here; its jobs continue when it runs again"""

    bl_idname = "spherelinks.stop_server"
    bl_label = "Stop the Local Server"

    def execute(self, context: bpy.types.Context) -> Outcome:
        session.current().stop_server()
        watch.redraw()
        return {"FINISHED"}


class ShowPreferences(bpy.types.Operator):
    """Open the preferences of this add-on"""

    bl_idname = "spherelinks.show_preferences"
    bl_label = "Open the Preferences"

    def execute(self, context: bpy.types.Context) -> Outcome:
        bpy.ops.preferences.addon_show(module=preferences.PACKAGE)
        return {"FINISHED"}


classes = (TestConnection, StartServer, StopServer, ShowPreferences)
