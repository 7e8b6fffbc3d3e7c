"""The operator that imports a finished job's asset as an object."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from .. import objects, session
from ..client.errors import Failure
from .outcome import Outcome, refuse


class Place(bpy.types.Operator):
    """Import the object into this file"""

    bl_idname = "spherelinks.place"
    bl_label = "Import Object"
    bl_options = {"UNDO"}  # noqa: RUF012  # read by Blender, which wants it so

    job: StringProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> Outcome:
        jobs = session.current().jobs
        job = jobs.get(self.job)
        try:
            if job is None or not jobs.asset(job.id).is_file():
                raise Failure("file_error", "The asset of this job is gone.", hint="Generate it again.")
            if context.mode != "OBJECT":
                raise Failure("busy", "Objects can be imported in Object Mode only.", hint="Leave the current mode.")
            thumbnail = jobs.thumbnail(job.id)
            objects.place(context, job, jobs.asset(job.id), thumbnail)
        except (Failure, OSError) as error:
            if job is not None and job.state == "ready":
                failure = error if isinstance(error, Failure) else Failure("file_error", str(error))
                problem = {"code": failure.code, "message": failure.message, "hint": failure.hint}
                jobs.update(job.id, state="failed", problem=problem)
            return refuse(self, error)
        jobs.update(job.id, state="placed")
        jobs.prune()
        return {"FINISHED"}


classes = (Place,)
