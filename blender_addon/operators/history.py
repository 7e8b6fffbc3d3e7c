"""Operators for past jobs: list, import, save, delete, use again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from .. import history, preferences, session, settings, submission, watch
from ..client import background, server
from ..client.errors import Failure
from ..client.server import SIDES
from ..pictures import Picture
from .outcome import Outcome, refuse

if TYPE_CHECKING:
    _Mixin = bpy.types.Operator
else:
    _Mixin = object  # as in `generate`


class _OnServer(_Mixin):
    """What the operators on a listed job have in common."""

    job_id: StringProperty(options={"HIDDEN"})


class Refresh(bpy.types.Operator):
    """List this account's jobs on the server"""

    bl_idname = "spherelinks.history_refresh"
    bl_label = "Refresh"

    def execute(self, context: bpy.types.Context) -> Outcome:
        try:
            history.errand(preferences.get(context).connection(), lambda: None)
        except Failure as failure:
            return refuse(self, failure)
        return {"FINISHED"}


class Import(_OnServer, bpy.types.Operator):
    """Import this object into the scene at no extra cost"""

    bl_idname = "spherelinks.history_import"
    bl_label = "Import"

    def execute(self, context: bpy.types.Context) -> Outcome:
        name = history.name(history.listed(self.job_id))
        try:
            job = submission.new_job(context, Picture(name, b""), {}, settings.placement(context))
            job = session.current().jobs.update(job.id, job_id=self.job_id)
            (submission.finish if bpy.app.background else submission.start)(context, job)
        except (Failure, OSError) as error:
            return refuse(self, error)
        return {"FINISHED"}


class Download(_OnServer, bpy.types.Operator):
    """Save this object as a GLB file"""

    bl_idname = "spherelinks.history_download"
    bl_label = "Save GLB"

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.glb", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        self.filepath = f"{self.job_id}.glb"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        job_id, target = self.job_id, Path(bpy.path.abspath(self.filepath))
        try:
            connection = preferences.get(context).connection()
            history.errand(connection, lambda: server.download(connection, job_id, target))
        except Failure as failure:
            return refuse(self, failure)
        return {"FINISHED"}


class Delete(_OnServer, bpy.types.Operator):
    """Delete this job and its files on the server; a running job is cancelled and its credit returned"""

    bl_idname = "spherelinks.history_delete"
    bl_label = "Delete on the Server"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> Outcome:
        job_id = self.job_id
        try:
            connection = preferences.get(context).connection()
            history.errand(connection, lambda: server.delete(connection, job_id))
        except Failure as failure:
            return refuse(self, failure)
        return {"FINISHED"}


class Open(_OnServer, bpy.types.Operator):
    """Show this object in the dashboard, in the browser"""

    bl_idname = "spherelinks.history_open"
    bl_label = "Open in Dashboard"

    def execute(self, context: bpy.types.Context) -> Outcome:
        try:
            bpy.ops.wm.url_open(url=f"{preferences.get(context).address()}/app/models/{self.job_id}")
        except Failure as failure:
            return refuse(self, failure)
        return {"FINISHED"}


class Again(_OnServer, bpy.types.Operator):
    """Load this job's picture and settings into the panel"""

    bl_idname = "spherelinks.history_again"
    bl_label = "Use Again"

    def execute(self, context: bpy.types.Context) -> Outcome:
        job_id, listed = self.job_id, history.listed(self.job_id)
        wanted = listed.get("options", {})
        sent = ["picture", *(view for view in SIDES if view in listed.get("files", {}))]
        paths = {kind: session.current().folder / f"{job_id}.{kind}" for kind in sent}
        try:
            connection = preferences.get(context).connection()
        except Failure as failure:
            return refuse(self, failure)

        def fetched(_: None) -> None:
            settings.fill(bpy.context.scene, wanted)
            chosen = settings.chosen(bpy.context.scene)
            chosen.source, chosen.filepath = "FILE", str(paths["picture"])
            for view in SIDES:
                setattr(chosen, view, str(paths.get(view, "")))
            watch.redraw()

        def refused(failure: Failure) -> None:
            history.now.trouble = failure
            watch.redraw()

        def fetch() -> None:
            for kind, path in paths.items():
                server.picture(connection, job_id, path, kind)

        background.run(fetch, fetched, refused)
        return {"FINISHED"}


classes = (Refresh, Import, Download, Delete, Open, Again)
