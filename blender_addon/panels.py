"""The panel in the 3D viewport's sidebar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from . import history, objects, preferences, session, settings, thumbnails
from .client.errors import Failure
from .client.jobs import Job
from .preferences import draw_server
from .text import paragraph, tip, words

STAGES = {
    "queued": "Waiting in the queue",
    "starting": "Starting",
    "decode": "Reading the picture",
    "matte": "Finding the object",
    "frame": "Framing the object",
    "generator": "Making the shape",
    "finishing": "Finishing mesh and texture",
    "completed": "Done",
}
STATES = {
    "waiting": "Waiting",
    "sending": "Sending the picture",
    "fetching": "Fetching the object",
    "ready": "Ready to import",
    "placed": "Imported",
    "cancelled": "Cancelled",
}
SHOWN = 12


class Sidebar(bpy.types.Panel):
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "SphereLinks"


class Main(Sidebar):
    bl_idname = "SPHERELINKS_PT_main"
    bl_label = "SphereLinks"

    def draw_header(self, context: bpy.types.Context) -> None:
        self.layout.label(icon_value=thumbnails.mark())

    def draw(self, context: bpy.types.Context) -> None:
        layout, now = self.layout, session.current()
        width = context.region.width if context.region else 0
        draw_picture(layout, context)
        if settings.presets():
            layout.grid_flow(columns=2, align=True).prop(settings.chosen(context.scene), "preset", expand=True)
        column = layout.column()
        column.scale_y = 1.5
        column.operator("spherelinks.generate", icon="MESH_MONKEY")
        if objects.is_ours(context.active_object):
            layout.operator("spherelinks.replace", icon="FILE_REFRESH")
        draw_credits(layout, context, now, width)


class Sides(Sidebar):
    bl_idname = "SPHERELINKS_PT_sides"
    bl_parent_id = "SPHERELINKS_PT_main"
    bl_label = "Other Sides"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(settings.options(context.scene).description.sides)

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """What is sent, when the panel is closed, too."""
        count = len(settings.sides(context.scene))
        if count:
            self.layout.label(text=str(count), icon="IMAGE_DATA", translate=False)

    def draw(self, context: bpy.types.Context) -> None:
        layout, chosen = self.layout, settings.chosen(context.scene)
        layout.use_property_split = True
        layout.use_property_decorate = False
        for view in settings.options(context.scene).description.sides:
            layout.prop(chosen, view)
        previews = [thumbnails.icon(Path(bpy.path.abspath(path))) for path in settings.sides(context.scene).values()]
        row = layout.row()
        for preview in filter(None, previews):
            row.template_icon(icon_value=preview, scale=4.0)


class Options(Sidebar):
    bl_idname = "SPHERELINKS_PT_options"
    bl_parent_id = "SPHERELINKS_PT_main"
    bl_label = "Options"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        layout, options = self.layout, settings.options(context.scene)
        layout.use_property_split = True
        layout.use_property_decorate = False
        idle = {name for other, name in options.description.excluded if getattr(options, other, None)}
        for field in options.description.fields:
            row = layout.row()
            row.active = field.name not in idle
            row.prop(options, field.name)
        if not options.description.fields:
            layout.label(text="Test the connection to see them", icon="INFO")


class Placement(Sidebar):
    bl_idname = "SPHERELINKS_PT_placement"
    bl_parent_id = "SPHERELINKS_PT_main"
    bl_label = "Placement"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        layout, chosen = self.layout, settings.chosen(context.scene)
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("height", "place", "facing", "shading", "own_collection", "mark_asset"):
            layout.prop(chosen, name)


class Batch(Sidebar):
    bl_idname = "SPHERELINKS_PT_batch"
    bl_parent_id = "SPHERELINKS_PT_main"
    bl_label = "Several Pictures"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        layout, chosen = self.layout, settings.chosen(context.scene)
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(chosen, "arrangement")
        row = layout.row()
        row.active = chosen.arrangement == "GRID"
        row.prop(chosen, "spacing")
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("spherelinks.generate_files", icon="FILE_FOLDER")


class JobList(Sidebar):
    bl_idname = "SPHERELINKS_PT_jobs"
    bl_parent_id = "SPHERELINKS_PT_main"
    bl_label = "Jobs"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(session.current().jobs.all())

    def draw(self, context: bpy.types.Context) -> None:
        now = session.current()
        width = context.region.width if context.region else 0
        jobs = now.jobs.all()
        first = [job for job in jobs if job.at_work]
        rest = [job for job in reversed(jobs) if not job.at_work]
        for job in [*first, *rest][:SHOWN]:
            draw_job(self.layout, job, now, width)
        if len(jobs) > SHOWN:
            self.layout.label(text=words("and {count} more").format(count=len(jobs) - SHOWN), translate=False)
        self.layout.operator("spherelinks.forget_all", icon="TRASH")


class Past(Sidebar):
    bl_idname = "SPHERELINKS_PT_history"
    bl_parent_id = "SPHERELINKS_PT_main"
    bl_label = "History"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        text = "Contacting the server" if history.now.asking else "Refresh"
        layout.operator("spherelinks.history_refresh", text=text, icon="FILE_REFRESH")
        if history.now.trouble is not None:
            tip(layout, history.now.trouble, context.region.width)
        for job in history.now.jobs[: history.SHOWN]:
            box = layout.box()
            icon = thumbnails.icon(history.thumbnail(job))
            if icon:
                box.template_icon(icon_value=icon, scale=3.0)
            done = job.get("status") == "COMPLETED"
            state = "" if done else words("At work") if job.get("status") == "PROCESSING" else words("Failed")
            row = box.row(align=True)
            row.label(text=f"{history.name(job)}  {state}".rstrip(), translate=False)
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


def draw_picture(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The picture's source and preview."""
    chosen = settings.chosen(context.scene)
    layout.row().prop(chosen, "source", expand=True)
    if chosen.source == "FILE":
        row = layout.row(align=True)
        row.prop(chosen, "filepath", text="")
        row.operator("spherelinks.paste", text="", icon="PASTEDOWN")
        preview = thumbnails.icon(Path(bpy.path.abspath(chosen.filepath))) if chosen.filepath else 0
    elif chosen.source == "IMAGE":
        layout.template_ID(chosen, "image", open="image.open")
        preview = chosen.image.preview_ensure().icon_id if chosen.image else 0
    else:
        preview = 0
    if preview:
        layout.template_icon(icon_value=preview, scale=6.0)


def draw_credits(layout: bpy.types.UILayout, context: bpy.types.Context, now: session.Session, width: int) -> None:
    """A job's cost and the credits left, or why they are unknown."""
    try:
        preferences.get(context).ready()
    except Failure as failure:
        tip(layout, failure, width)
        layout.operator("spherelinks.show_preferences", icon="PREFERENCES")
        return
    row = layout.row(align=True)
    if now.info is not None and now.trouble is None and not now.checking:
        price = now.info.price(getattr(settings.options(context.scene), "generator", ""))
        if now.info.credits is None:
            text = words("This account has no limit")
        elif price == 1:
            text = words("Costs 1 credit, {credits} left").format(credits=now.info.credits)
        else:
            text = words("Costs {price} credits, {credits} left").format(price=price, credits=now.info.credits)
        row.label(text=text, icon="CHECKMARK", translate=False)
    else:
        draw_server(row, now, width)
    row.operator("spherelinks.test_connection", text="", icon="FILE_REFRESH")


def draw_job(layout: bpy.types.UILayout, job: Job, now: session.Session, width: int) -> None:
    """One job: its picture, progress and buttons."""
    box = layout.box()
    row = box.row(align=True)
    icon = thumbnails.icon(now.jobs.thumbnail(job.id)) or thumbnails.icon(now.jobs.picture(job.id))
    row.label(text=job.name, icon_value=icon, translate=False)
    if job.at_work:
        row.operator("spherelinks.cancel", text="", icon="X").job = job.id
        row = box.row()
        row.progress(factor=job.progress / 100, text=state(job))
        return
    if job.state in ("ready", "placed"):
        row.operator("spherelinks.place", text="", icon="IMPORT").job = job.id
    elif job.state == "failed":
        row.operator("spherelinks.retry", text="", icon="FILE_REFRESH").job = job.id
    row.operator("spherelinks.forget", text="", icon="TRASH").job = job.id
    if job.problem is not None:
        failure = Failure(job.problem["code"], job.problem["message"], hint=job.problem["hint"])
        tip(box, failure, width)
    else:
        paragraph(box, state(job), 0, "CHECKMARK" if job.state == "placed" else "INFO")


def state(job: Job) -> str:
    """A job's progress, in words."""
    if job.state != "working":
        return words(STATES.get(job.state, ""))
    text = words(STAGES.get(job.stage, "At work"))
    return f"{text}, {job.progress} %" + (f", {job.eta} s" if job.eta is not None else "")


classes = (Main, Sides, JobList, Options, Placement, Batch, Past)
