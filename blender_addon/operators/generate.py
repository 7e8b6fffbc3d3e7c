"""Operators that turn a picture into an object: in the background from the window, waiting in scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import StringProperty

from .. import objects, pictures, settings, submission
from ..client.errors import Failure
from ..client.jobs import Job
from ..client.server import SIDES
from .outcome import Outcome, refuse

if TYPE_CHECKING:
    _Mixin = bpy.types.Operator
else:
    _Mixin = object  # Blender registers the properties of a mix-in only if it is not an operator itself


class Asking(_Mixin):
    """What the operators that request an object have in common."""

    filepath: StringProperty(
        name="Picture", description="Picture file; leave empty for the one in the panel", subtype="FILE_PATH"
    )
    back: StringProperty(
        name="Back", description="Picture of the same object from the back, if you have one", subtype="FILE_PATH"
    )
    left: StringProperty(
        name="Left",
        description="Picture of the same object from the left, as you face its front",
        subtype="FILE_PATH",
    )
    right: StringProperty(
        name="Right",
        description="Picture of the same object from the right, as you face its front",
        subtype="FILE_PATH",
    )
    options: StringProperty(
        name="Options", description="API options as a JSON object; leave empty for those in the panel"
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> Outcome:
        """Send the picture on a thread; the object is imported when it is ready."""
        try:
            submission.start(context, self.new_job(context))
        except (Failure, OSError) as error:
            return refuse(self, error)
        return {"FINISHED"}

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Wait until the object is in the scene: for scripts."""
        try:
            submission.finish(context, self.new_job(context))
        except (Failure, OSError) as error:
            return refuse(self, error)
        return {"FINISHED"}

    def new_job(self, context: bpy.types.Context) -> Job:
        given = {view: path for view in SIDES if (path := getattr(self, view))}
        if self.filepath:
            picture = pictures.from_file(Path(bpy.path.abspath(self.filepath)))
        else:
            picture = pictures.chosen(context)
            given = given or settings.sides(context.scene)
        sides = {view: pictures.from_file(Path(bpy.path.abspath(path))).data for view, path in given.items()}
        return submission.new_job(context, picture, self.wanted(context), self.placement(context), sides=sides)

    def placement(self, context: bpy.types.Context) -> dict[str, Any]:
        return settings.placement(context)

    def wanted(self, context: bpy.types.Context) -> dict[str, Any]:
        if not self.options:
            return settings.request(context.scene)
        try:
            given = json.loads(self.options)
        except ValueError:
            given = None
        if not isinstance(given, dict):
            raise Failure("invalid_option", "The options are not a JSON object.", hint='Give them as {"seed": 1}.')
        return given


class Generate(Asking, bpy.types.Operator):
    """Turn the picture into an object of the scene"""

    bl_idname = "spherelinks.generate"
    bl_label = "Generate"


class Replace(Asking, bpy.types.Operator):
    """Generate again in place of the active object, which keeps its transform, parent, collections and name"""

    bl_idname = "spherelinks.replace"
    bl_label = "Replace Active Object"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return objects.is_ours(context.active_object)

    def placement(self, context: bpy.types.Context) -> dict[str, Any]:
        name = context.active_object.name if context.active_object else ""
        return {**super().placement(context), "replace": name}


classes = (Generate, Replace)
