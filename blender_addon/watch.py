"""The timer that brings to Blender what the threads have done, and the handlers that know of files."""

from __future__ import annotations

import traceback
from contextlib import suppress

import bpy
from bpy.app.handlers import persistent

from . import preferences, session, submission, thumbnails
from .client import background
from .client.errors import Failure
from .client.jobs import ENDED, Job
from .text import words

BUSY_S = 0.1
IDLE_S = 0.5

_seen = {"version": -1}
_at_work: set[str] = set()


def tick() -> float:
    """The timer's function: seconds until the next look."""
    now = session.current()
    try:
        look(now)
    except Exception:  # Blender would drop the timer, and nothing would ever be handed over again
        traceback.print_exc()
    return BUSY_S if now.runner.busy() or background.busy() else IDLE_S


def look(now: session.Session) -> None:
    """Hand over what is due: at most one object a time, so that the window is never held for long."""
    due = background.drain()
    version = now.jobs.version
    if due or version != _seen["version"]:
        _seen["version"] = version
        redraw()
        _tell_of_ends(now.jobs.all())
    job = next((job for job in now.jobs.all() if job.state == "ready" and is_for_this_file(job)), None)
    if job is not None and _may_place():
        place(job)


def is_for_this_file(job: Job) -> bool:
    """Whether a job that is ready is this Blender's, and belongs to the file that is open."""
    return session.current().jobs.is_mine(job) and job.document == bpy.data.filepath


def place(job: Job) -> None:
    """Place a job's object in one undo step. The job says how that went."""
    window = bpy.context.window_manager.windows[0] if bpy.context.window_manager.windows else None
    area = next((a for a in window.screen.areas if a.type == "VIEW_3D"), None) if window else None
    region = next((r for r in area.regions if r.type == "WINDOW"), None) if area else None
    try:
        with bpy.context.temp_override(window=window, area=area, region=region):
            submission.place(job)
    except RuntimeError:
        pass  # the operator has said why, in the job


def redraw() -> None:
    """Draw again where jobs and the server are shown."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PREFERENCES"):
                area.tag_redraw()


def _may_place() -> bool:
    """Not while the user edits, paints or drags something: that would end or break it."""
    if bpy.context.mode != "OBJECT":
        return False
    windows = bpy.context.window_manager.windows
    return not any("UNDO" in operator.bl_options for window in windows for operator in window.modal_operators)


def _tell_of_ends(jobs: list[Job]) -> None:
    """A pop-up for each job that has failed since the last look, wherever the panel is; new figures of the credits."""
    ended = [job for job in jobs if job.id in _at_work and not job.at_work]
    for job in ended:
        if job.state == "failed" and job.problem is not None:
            _pop_up(job.name, job.problem)
    if ended:
        with suppress(Failure):
            session.current().check(preferences.get(bpy.context).connection(), redraw)
    _at_work.clear()
    _at_work.update(job.id for job in jobs if job.at_work)


def _pop_up(name: str, problem: dict[str, str]) -> None:
    def draw(menu: bpy.types.UIPopupMenu, context: bpy.types.Context) -> None:
        menu.layout.label(text=problem["message"], translate=False)
        if problem["hint"]:
            menu.layout.label(text=words(problem["hint"]), icon="INFO", translate=False)

    windows = bpy.context.window_manager.windows
    if windows:
        with bpy.context.temp_override(window=windows[0]):
            bpy.context.window_manager.popup_menu(draw, title=f"SphereLinks: {name}", icon="ERROR")


@persistent  # type: ignore[untyped-decorator]
def saved(*_: object) -> None:
    """A file that was never saved has a path now: its jobs go with it."""
    now = session.current()
    for job in now.jobs.all():
        if job.document == "" and job.state not in ENDED and now.jobs.is_mine(job):
            now.jobs.update(job.id, document=bpy.data.filepath)


def pick_up() -> None:
    """Go on with what an earlier Blender has left, and learn what the server has to say."""
    now = session.current()
    try:
        preference = preferences.get(bpy.context)
        preferences.warm_keychain(preference)
        connection = preference.connection()
    except Failure:
        return  # the preferences tell what is missing
    now.resume(connection)
    now.check(connection, redraw)


def register() -> None:
    bpy.app.handlers.save_post.append(saved)
    if not bpy.app.background:  # where timers never fire, and one that is left over breaks the end of the process
        bpy.app.timers.register(tick, first_interval=IDLE_S, persistent=True)
        bpy.app.timers.register(pick_up, first_interval=IDLE_S, persistent=True)  # a file may be loaded meanwhile


def unregister() -> None:
    bpy.app.handlers.save_post.remove(saved)
    for timer in (tick, pick_up):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    _at_work.clear()
    thumbnails.clear()
