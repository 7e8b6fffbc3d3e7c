"""From a picture to a job: what all ways to request an object have in common."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

import bpy

from . import preferences, session, settings
from .client.jobs import Job
from .client.options import as_name
from .pictures import Picture


def new_job(
    context: bpy.types.Context,
    picture: Picture,
    options: dict[str, Any],
    placement: dict[str, Any],
    batch: str = "",
    sides: Mapping[str, bytes] = types.MappingProxyType({}),
) -> Job:
    """A job on disk that nobody works on yet: named by its options, else after the picture.

    sides : pictures of the object's other sides

    Raises Failure, OSError.
    """
    name = str(options.get("name", "")) or picture.name
    if settings.options(context.scene).description.takes("name") and as_name(name):  # older servers refuse it
        options = {**options, "name": as_name(name)}
    return session.current().jobs.new(
        preferences.get(context).address(),
        name,
        picture.data,
        sides,
        options=options,
        placement=placement,
        document=bpy.data.filepath,
        batch=batch,
    )


def start(context: bpy.types.Context, job: Job) -> None:
    """Run the job on a thread; `watch` places the object when it is ready. Raises Failure."""
    now, preference = session.current(), preferences.get(context)
    now.runner.limit_s = preference.minutes * 60
    now.runner.start(job.id, preference.connection())


def finish(context: bpy.types.Context, job: Job) -> None:
    """Run the job synchronously and place the object: for scripts. Raises Failure; RuntimeError from placing."""
    now, preference = session.current(), preferences.get(context)
    now.runner.limit_s = preference.minutes * 60
    now.runner.run(job, preference.connection())
    place(job)


def place(job: Job) -> None:
    """Place a job's object in one undo step. Raises RuntimeError with what its operator reports."""
    operators: Any = bpy.ops
    operators.spherelinks.place("EXEC_DEFAULT", True, job=job.id)
