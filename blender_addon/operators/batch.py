"""Several pictures at once: chosen in the file browser, dropped on a view, or a whole folder."""

from __future__ import annotations

import uuid
from pathlib import Path

import bpy
from bpy.props import CollectionProperty, StringProperty

from .. import objects, pictures, settings, submission
from ..client.errors import Failure
from ..client.jobs import Job
from .outcome import Outcome, refuse


class GenerateFiles(bpy.types.Operator):
    """Turn picture files into objects, one each: a selection of files, or a whole folder if none is selected"""

    bl_idname = "spherelinks.generate_files"
    bl_label = "Objects from Pictures"

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE"})
    filter_glob: StringProperty(default=";".join(f"*{s}" for s in pictures.SUFFIXES), options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        if self.directory:  # dropped: the files are known
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Queue them all; without a window, wait for each in turn."""
        try:
            jobs = self.new_jobs(context)
            for job in jobs:
                (submission.finish if bpy.app.background else submission.start)(context, job)
        except (Failure, OSError) as error:
            return refuse(self, error)
        return {"FINISHED"}

    def new_jobs(self, context: bpy.types.Context) -> list[Job]:
        """Write all to disk before the first is sent, so that none is lost. Raises Failure, OSError."""
        paths = self.paths()
        chosen = settings.chosen(context.scene)
        options, where = settings.request(context.scene), settings.placement(context)
        batch = uuid.uuid4().hex if len(paths) > 1 else ""
        found = [pictures.from_file(path) for path in paths]
        jobs = []
        for index, picture in enumerate(found):
            mine = dict(where)
            if batch and chosen.arrangement == "GRID":
                mine["location"] = objects.next_on_grid(where["location"], index, len(found), chosen.spacing)
            elif batch:
                mine["ownCollection"] = True
            # one name is not for many
            each = {name: value for name, value in options.items() if name != "name"} if batch else options
            jobs.append(submission.new_job(context, picture, each, mine, batch))
        return jobs

    def paths(self) -> list[Path]:
        folder = Path(bpy.path.abspath(self.directory))
        names = [file.name for file in self.files if file.name]
        if names:
            return [folder / name for name in names]
        try:
            found = sorted(path for path in folder.iterdir() if path.suffix.lower() in pictures.SUFFIXES)
        except OSError as error:
            raise Failure("file_error", f"{folder} cannot be read: {error.strerror}.") from error
        if not found:
            raise Failure("picture_unreadable", f"There is no JPEG, PNG or WebP file in {folder}.")
        return found


class Drop(bpy.types.FileHandler):
    """Pictures dropped on a 3D viewport"""

    bl_idname = "SPHERELINKS_FH_pictures"
    bl_label = "Objects from Pictures (SphereLinks)"
    bl_import_operator = "spherelinks.generate_files"
    bl_file_extensions = ";".join(pictures.SUFFIXES)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


classes = (GenerateFiles, Drop)
