"""Operators on a job in the list."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from .. import preferences, session, watch
from ..client.errors import Failure
from ..client.jobs import Job
from .outcome import Outcome, refuse


def _job(job_id: str) -> Job:
    job = session.current().jobs.get(job_id)
    if job is None:
        raise Failure("unknown_job", "There is no such job any more.")
    return job


class Cancel(bpy.types.Operator):
    """Stop this job, here and on the server; its credit is returned"""

    bl_idname = "spherelinks.cancel"
    bl_label = "Cancel Job"

    job: StringProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> Outcome:
        try:
            session.current().cancel(_job(self.job), preferences.get(context).connection())
        except Failure as failure:
            return refuse(self, failure)
        watch.redraw()
        return {"FINISHED"}


class Retry(bpy.types.Operator):
    """Resume this job where it stopped; one that failed on the server is sent again"""

    bl_idname = "spherelinks.retry"
    bl_label = "Try Again"

    job: StringProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> Outcome:
        try:
            session.current().retry(_job(self.job), preferences.get(context).connection())
        except (Failure, OSError) as error:
            return refuse(self, error)
        return {"FINISHED"}


class Forget(bpy.types.Operator):
    """Remove this job from the list; the server keeps its results"""

    bl_idname = "spherelinks.forget"
    bl_label = "Remove from List"

    job: StringProperty(options={"HIDDEN"})

    def execute(self, context: bpy.types.Context) -> Outcome:
        session.current().jobs.forget(self.job)
        return {"FINISHED"}


class ForgetAll(bpy.types.Operator):
    """Remove all finished jobs from the list; the server keeps their results"""

    bl_idname = "spherelinks.forget_all"
    bl_label = "Clear List"

    def execute(self, context: bpy.types.Context) -> Outcome:
        jobs = session.current().jobs
        for job in jobs.all():
            if not job.at_work and job.state != "ready":
                jobs.forget(job.id)
        return {"FINISHED"}


classes = (Cancel, Retry, Forget, ForgetAll)
