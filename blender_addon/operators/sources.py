"""Operators that choose the picture."""

from __future__ import annotations

import bpy

from .. import pictures, session, settings, submission
from ..client.errors import Failure
from .outcome import Outcome, refuse


class Paste(bpy.types.Operator):
    """Use the picture on the clipboard"""

    bl_idname = "spherelinks.paste"
    bl_label = "Paste Picture"

    def execute(self, context: bpy.types.Context) -> Outcome:
        path = session.current().folder / "Clipboard.png"
        try:
            path.write_bytes(pictures.from_clipboard(context).data)
        except (Failure, OSError) as error:
            return refuse(self, error)
        chosen = settings.chosen(context.scene)
        chosen.source, chosen.filepath = "FILE", str(path)
        return {"FINISHED"}


class UseImage(bpy.types.Operator):
    """Turn the image of this editor into an object of the scene"""

    bl_idname = "spherelinks.use_image"
    bl_label = "Object from Image"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return isinstance(context.space_data, bpy.types.SpaceImageEditor) and context.space_data.image is not None

    def execute(self, context: bpy.types.Context) -> Outcome:
        space = context.space_data
        image = space.image if isinstance(space, bpy.types.SpaceImageEditor) else None
        try:
            wanted, where = settings.request(context.scene), settings.placement(context)
            submission.start(context, submission.new_job(context, pictures.from_image(image), wanted, where))
        except (Failure, OSError) as error:
            return refuse(self, error)
        return {"FINISHED"}


classes = (Paste, UseImage)
