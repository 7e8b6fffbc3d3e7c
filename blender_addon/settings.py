"""The user's choices, stored with the scene, so that they return with the file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from .client.errors import Failure
from .client.options import Description, Field, Form, Value

SOURCES = (
    ("FILE", "File", "A JPEG, PNG or WebP file", "FILE_IMAGE", 0),
    ("IMAGE", "Image", "An image that is open in Blender", "IMAGE_DATA", 1),
    ("RENDER", "Render", "The current render", "RENDER_STILL", 2),
    ("VIEW", "View", "What the 3D viewport shows, without its overlays", "VIEW3D", 3),
)
PLACES = (
    ("CURSOR", "3D Cursor", "Stand at the 3D cursor"),
    ("ORIGIN", "World Origin", "Stand at the origin of the world"),
)
FACINGS = (
    ("WORLD", "World", "The photographed side faces the world's front, -Y"),
    ("VIEW", "View", "The photographed side faces the viewer"),
)
SHADINGS = (
    ("NORMALS", "As Made", "With the normals of the asset"),
    ("SMOOTH", "Smooth", "Smooth shading"),
    ("FLAT", "Flat", "Flat shading"),
)
ARRANGEMENTS = (
    ("GRID", "Grid", "Side by side, in rows and columns"),
    ("STACK", "Stacked", "All in one place, each in its own collection"),
)


APART = ("generator", "name")
"""Options that no preset sets."""


def presets() -> list[tuple[str, str, str]]:
    """Key, name and purpose of the server's presets."""
    return _presets


def _preset_items(self: Settings, context: bpy.types.Context) -> list[tuple[str, str, str]]:
    return _presets


def _preset_chosen(self: Settings, context: bpy.types.Context) -> None:
    values = options(context.scene)
    wanted: Mapping[str, Any] = next((preset[3] for preset in values.form.presets if preset[0] == self.preset), {})
    for name, value in values.description.preset(wanted).items():
        if name not in APART:
            setattr(values, name, value)


class Settings(bpy.types.PropertyGroup):
    source: EnumProperty(name="Source", description="Where the picture comes from", items=SOURCES)
    filepath: StringProperty(name="Picture", description="JPEG, PNG or WebP file, 10 MB at most", subtype="FILE_PATH")
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
    image: PointerProperty(type=bpy.types.Image, name="Image", description="An image that is open in Blender")
    preset: EnumProperty(
        name="Preset",
        description="Sets all options at once",
        items=_preset_items,
        update=_preset_chosen,
    )
    height: FloatProperty(
        name="Real Height",
        description="Height of the real object; 0 makes its longest side one metre",
        unit="LENGTH",
        min=0.0,
        soft_max=10.0,
        max=1000.0,
    )
    place: EnumProperty(name="Place", description="Where the object will stand", items=PLACES)
    facing: EnumProperty(name="Facing", description="Which way its photographed side will face", items=FACINGS)
    shading: EnumProperty(name="Shading", description="How its faces are shaded", items=SHADINGS)
    own_collection: BoolProperty(name="Own Collection", description="Put each object into its own collection")
    mark_asset: BoolProperty(
        name="Mark as Asset", description="Show the object in the asset browser, in the catalogue SphereLinks"
    )
    arrangement: EnumProperty(name="Arrange", description="How several objects are arranged", items=ARRANGEMENTS)
    spacing: FloatProperty(
        name="Spacing",
        description="Distance between objects in a grid",
        unit="LENGTH",
        default=1.5,
        min=0.0,
        soft_max=10.0,
    )


def chosen(scene: bpy.types.Scene) -> Settings:
    """The choices that belong to a scene."""
    found: Settings = scene.spherelinks  # type: ignore[attr-defined]  # ours, see `registration`
    return found


def sides(scene: bpy.types.Scene) -> dict[str, str]:
    """The paths of the other sides' pictures that are chosen, by side, as far as the generator uses them."""
    return {view: path for view in options(scene).description.sides if (path := getattr(chosen(scene), view))}


def options(scene: bpy.types.Scene) -> Any:
    """The values of the server's options in a scene; ``description`` is of those that the chosen generator takes."""
    return scene.spherelinks_options  # type: ignore[attr-defined]  # ours, see `show_options`


_shown: list[Any] = []
_presets: list[tuple[str, str, str]] = []
"""Kept here, since Blender does not keep references to the texts of dynamic enums."""


def attach() -> None:
    """Give every scene its choices."""
    bpy.types.Scene.spherelinks = PointerProperty(type=Settings)  # type: ignore[attr-defined,func-returns-value]


def detach() -> None:
    """Take them away again."""
    del bpy.types.Scene.spherelinks  # type: ignore[attr-defined]


def show_options(form: Form) -> None:
    """Replace the options' properties by those of a server; values are kept by name."""
    if _shown and _shown[0].form == form:
        return
    hide_options()
    _shown.append(_build(form))
    _presets[:] = [preset[:3] for preset in form.presets]
    bpy.utils.register_class(_shown[0])
    bpy.types.Scene.spherelinks_options = PointerProperty(  # type: ignore[attr-defined,func-returns-value]
        type=_shown[0]
    )


def hide_options() -> None:
    """Take the options' properties away again."""
    if _shown:
        del bpy.types.Scene.spherelinks_options  # type: ignore[attr-defined]
        bpy.utils.unregister_class(_shown.pop())
        _presets.clear()


def _build(form: Form) -> Any:
    """A property group with a property for every generator's options; ``description`` is of those of the one that is
    chosen.
    """

    def description(self: Any) -> Description:
        return form.of(getattr(self, "generator", ""))

    return type(
        "SPHERELINKS_PG_options",
        (bpy.types.PropertyGroup,),
        {
            "__annotations__": {field.name: _property(field) for field in form.fields()},
            "__module__": __name__,
            "form": form,
            "description": property(description),
        },
    )


def _property(field: Field) -> Any:
    common: dict[str, Any] = {"name": field.label, "description": field.description, "default": field.default}
    match field.kind:
        case "integer":
            return IntProperty(**common, min=int(field.low), max=int(field.high))
        case "number":
            return FloatProperty(**common, min=field.low, max=field.high, precision=3)
        case "boolean":
            return BoolProperty(**common)
        case "choice":
            return EnumProperty(**common, items=[(choice, choice.title(), "") for choice in field.choices])
        case _:
            return StringProperty(**common)


def request(scene: bpy.types.Scene) -> dict[str, Any]:
    """The options to send, as the panel shows them. Raises Failure."""
    shown, height = options(scene), chosen(scene).height
    description: Description = shown.description
    values: dict[str, Value] = {field.name: getattr(shown, field.name) for field in description.fields}
    try:
        wanted = description.request(values)
    except ValueError as error:
        raise Failure("invalid_option", str(error)) from error
    if height > 0 and description.sizes:
        wanted["dimensions"] = {"height": round(height * scene.unit_settings.scale_length, 6), "unit": "m"}
    return wanted


def fill(scene: bpy.types.Scene, wanted: dict[str, Any]) -> None:
    """Show the options of an earlier job but for its name; those it left out have their defaults."""
    shown = options(scene)
    form: Form = shown.form
    for field in form.fields():
        value = wanted.get(field.name) if field.name != "name" else None
        if field.kind == "numbers":
            value = ", ".join(str(each) for each in value or ())
        known = value is not None and (field.kind != "choice" or value in field.choices)
        setattr(shown, field.name, value if known else field.default)
    size = wanted.get("dimensions") or {}
    metres = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}.get(size.get("unit", "m"), 1.0)
    chosen(scene).height = (size.get("height") or 0.0) * metres / scene.unit_settings.scale_length


def placement(context: bpy.types.Context) -> dict[str, Any]:
    """Where and how to place the object, fixed now: JSON values read by `objects.place`."""
    scene = context.scene
    wanted = chosen(scene)
    view = context.region_data if isinstance(context.region_data, bpy.types.RegionView3D) else None
    return {
        "location": list(scene.cursor.location[:]) if wanted.place == "CURSOR" else [0.0, 0.0, 0.0],
        "turn": turn_to(view) if wanted.facing == "VIEW" and view else 0.0,
        "shading": wanted.shading,
        "ownCollection": wanted.own_collection,
        "markAsset": wanted.mark_asset,
    }


def turn_to(view: bpy.types.RegionView3D) -> float:
    """Rotation about Z, radians, that turns an object's front, -Y, to the viewer; 0 from straight above or below."""
    x, y, _ = view.view_rotation @ _out_of_the_screen()
    return math.atan2(y, x) + math.pi / 2 if math.hypot(x, y) > 1e-3 else 0.0


def _out_of_the_screen() -> Any:
    from mathutils import Vector

    return Vector((0.0, 0.0, 1.0))


classes = (Settings,)
