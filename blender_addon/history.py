"""Past jobs of the account on its server: looked at, brought in again, saved, deleted, made anew."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import StringProperty

from . import preferences, session, settings, submission, thumbnails, watch
from .client import background, server
from .client.errors import Failure
from .client.http import Connection
from .operators.outcome import Outcome, refuse
from .panels import Sidebar
from .pictures import Picture
from .text import tip, words

SHOWN = 12


class History:
    """What the server listed last.

    jobs : as the server describes them, newest first; trouble : why it did not; asking : it is being asked
    """

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.trouble: Failure | None = None
        self.asking = False


_now = History()

if TYPE_CHECKING:
    _Mixin = bpy.types.Operator
else:
    _Mixin = object  # as in `operators.generate`


def errand(connection: Connection, work: Callable[[], object]) -> None:
    """Do something on the server on a thread, and list its jobs anew."""

    def ask() -> list[dict[str, Any]]:
        work()
        found = [job for job in server.jobs(connection).get("jobs", []) if isinstance(job, dict) and "jobId" in job]
        for job in found[:SHOWN]:
            path = _thumbnail(job)
            if job.get("status") == "COMPLETED" and not path.is_file():
                with suppress(Failure):  # its files may have expired
                    server.thumbnail(connection, str(job["jobId"]), path)
        return found

    def known(found: list[dict[str, Any]]) -> None:
        _now.jobs, _now.trouble, _now.asking = found, None, False
        watch.redraw()

    def refused(failure: Failure) -> None:
        _now.trouble, _now.asking = failure, False
        watch.redraw()

    _now.asking = True
    background.run(ask, known, refused)


def _thumbnail(job: dict[str, Any]) -> Path:
    folder = session.current().folder / "thumbnails"
    folder.mkdir(exist_ok=True)
    return folder / f"{job['jobId']}.png"


def _name(job: dict[str, Any]) -> str:
    """The picture's name where the job was asked for here, else when it was."""
    here = next((each for each in session.current().jobs.all() if each.job_id == job["jobId"]), None)
    return here.name if here else str(job.get("createdAt", ""))[:16].replace("T", " ")


def _listed(job_id: str) -> dict[str, Any]:
    return next((job for job in _now.jobs if job["jobId"] == job_id), {"jobId": job_id})


class _OnServer(_Mixin):
    """What the operators have in common that concern a job of the list."""

    job_id: StringProperty(options={"HIDDEN"})


class Refresh(bpy.types.Operator):
    """List the jobs that the server has of this account"""

    bl_idname = "spherelinks.history_refresh"
    bl_label = "Refresh"

    def execute(self, context: bpy.types.Context) -> Outcome:
        try:
            errand(preferences.get(context).connection(), lambda: None)
        except Failure as failure:
            return refuse(self, failure)
        return {"FINISHED"}


class Import(_OnServer, bpy.types.Operator):
    """Bring this object into the scene, for no further credit"""

    bl_idname = "spherelinks.history_import"
    bl_label = "Import"

    def execute(self, context: bpy.types.Context) -> Outcome:
        name = _name(_listed(self.job_id))
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
            errand(connection, lambda: server.download(connection, job_id, target))
        except Failure as failure:
            return refuse(self, failure)
        return {"FINISHED"}


class Delete(_OnServer, bpy.types.Operator):
    """Delete this job with its files on the server; one at work is cancelled and its credit comes back"""

    bl_idname = "spherelinks.history_delete"
    bl_label = "Delete on the Server"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> Outcome:
        job_id = self.job_id
        try:
            connection = preferences.get(context).connection()
            errand(connection, lambda: server.delete(connection, job_id))
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
    """Put this job's picture and settings into the panel, to generate from them again"""

    bl_idname = "spherelinks.history_again"
    bl_label = "Use Again"

    def execute(self, context: bpy.types.Context) -> Outcome:
        job_id = self.job_id
        wanted = _listed(job_id).get("options", {})
        path = session.current().folder / f"{job_id}.picture"
        try:
            connection = preferences.get(context).connection()
        except Failure as failure:
            return refuse(self, failure)

        def fetched(_: None) -> None:
            settings.fill(bpy.context.scene, wanted)
            chosen = settings.chosen(bpy.context.scene)
            chosen.source, chosen.filepath = "FILE", str(path)
            watch.redraw()

        def refused(failure: Failure) -> None:
            _now.trouble = failure
            watch.redraw()

        background.run(lambda: server.picture(connection, job_id, path), fetched, refused)
        return {"FINISHED"}


class Panel(Sidebar):
    bl_idname = "SPHERELINKS_PT_history"
    bl_parent_id = "SPHERELINKS_PT_main"
    bl_label = "History"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        text = "Asking the server" if _now.asking else "Refresh"
        layout.operator("spherelinks.history_refresh", text=text, icon="FILE_REFRESH")
        if _now.trouble is not None:
            tip(layout, _now.trouble, context.region.width)
        for job in _now.jobs[:SHOWN]:
            box = layout.box()
            icon = thumbnails.icon(_thumbnail(job))
            if icon:
                box.template_icon(icon_value=icon, scale=3.0)
            done = job.get("status") == "COMPLETED"
            state = "" if done else words("At work") if job.get("status") == "PROCESSING" else words("Failed")
            row = box.row(align=True)
            row.label(text=f"{_name(job)}  {state}".rstrip(), translate=False)
            offered: tuple[tuple[str, Any, bool], ...] = (
                ("import", "IMPORT", done),
                ("download", "FILE_TICK", done),
                ("again", "FILE_REFRESH", True),
                ("open", "URL", True),
                ("delete", "TRASH", True),
            )
            for operator, symbol, shown in offered:
                if shown:
                    row.operator(f"spherelinks.history_{operator}", text="", icon=symbol).job_id = job["jobId"]


def clear() -> None:
    """Forget what was listed."""
    _now.jobs, _now.trouble, _now.asking = [], None, False


classes = (Refresh, Import, Download, Delete, Open, Again, Panel)
