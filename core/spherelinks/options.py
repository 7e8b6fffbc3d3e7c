"""The options of a generation: one model for the library, the command line and the API."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from spherelinks.errors import InvalidOption, shortened
from spherelinks.model import Model
from spherelinks.picture import mattes

DEFAULT_GENERATOR = "lift"

MESH_FACES = 20_000
"""Faces that :func:`spherelinks.finish` keeps at most where nothing else is asked for."""

Measure = Literal["height", "width", "depth", "longest"]
MEASURES: tuple[Measure, ...] = ("height", "width", "depth", "longest")

Unit = Literal["m", "cm", "mm", "in", "ft"]
Pivot = Literal["base", "center"]
Collider = Literal["none", "box", "convex", "decomposed"]
TextureFormat = Literal["jpeg", "png", "webp"]
Compression = Literal["none", "quantized", "meshopt"]
METRES: dict[Unit, float] = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}
SIZE_LIMITS: dict[Unit, tuple[float, float]] = {
    unit: (0.001 / metres, 1000 / metres) for unit, metres in METRES.items()
}
"""Smallest and largest measure in each unit: 1 mm and 1000 m."""


def _one_measure(schema: dict[str, Any]) -> None:
    """State in JSON Schema what ``Dimensions`` checks: exactly one measure, with limits that depend on the unit."""
    schema["allOf"] = [
        {"oneOf": [{"required": [name], "properties": {name: {"type": "number"}}} for name in MEASURES]},
        {
            "oneOf": [
                {
                    "required": [] if unit == "m" else ["unit"],
                    "properties": {"unit": {"const": unit}}
                    | {name: {"minimum": low, "maximum": high} for name in MEASURES},
                }
                for unit, (low, high) in SIZE_LIMITS.items()
            ]
        },
    ]


class Dimensions(Model):
    """The real size of the object: exactly one measure, in ``unit``. The others follow; proportions are kept."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, json_schema_extra=_one_measure
    )

    height: float | None = Field(default=None, description="Along y.")
    width: float | None = Field(default=None, description="Along x.")
    depth: float | None = Field(default=None, description="Along z.")
    longest: float | None = Field(default=None, description="The longest side.")
    unit: Unit = Field(default="m", description="Unit of the measure.")

    @model_validator(mode="after")
    def _check(self) -> Dimensions:
        given = [name for name in MEASURES if getattr(self, name) is not None]
        if len(given) != 1:
            raise InvalidOption(
                f"options.dimensions gives {' and '.join(given) or 'no measure'}; give exactly one.",
                hint="Give one of height, width, depth and longest; the others follow, since proportions are kept.",
                field="options.dimensions",
            )
        low, high = SIZE_LIMITS[self.unit]
        value = getattr(self, given[0])
        if not low <= value <= high:
            raise InvalidOption(
                f"options.dimensions.{given[0]} is {value:g} {self.unit}: sizes range from 1 mm to 1000 m.",
                hint=f"Give a number from {low:g} to {high:g} {self.unit}, or another unit.",
                field=f"options.dimensions.{given[0]}",
            )
        return self

    @property
    def measure(self) -> tuple[Measure, float]:
        """The given measure, and its length in metres."""
        name = next(name for name in MEASURES if getattr(self, name) is not None)
        return name, getattr(self, name) * METRES[self.unit]


_READABLE = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
"""A single line of text with at least one visible character."""


def _one_aim(schema: dict[str, Any]) -> None:
    """State in JSON Schema that ``simplifyRatio`` and ``targetFaces`` exclude each other."""
    schema["not"] = {
        "required": ["simplifyRatio", "targetFaces"],
        "properties": {"targetFaces": {"type": "integer"}},
    }


def _of_ready_mattes(schema: dict[str, Any]) -> None:
    """The values that this machine takes."""
    schema["enum"] = mattes.ready()


class Options(Model):
    """The options of one generation, immutable.

    Python names are snake_case; the API's camelCase names are accepted too. Nothing is clamped: an unknown name, a
    wrong type or a value out of range raises :class:`spherelinks.errors.InvalidOption`, which names all three.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        json_schema_extra=_one_aim,
    )

    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="Name of the asset, in its file and in lists. A name that an engine would take for an instruction "
        "is changed: car_wheel becomes car_wheel_asset.",
        examples=["blue mug"],
        json_schema_extra={"pattern": _READABLE},
    )
    texture_size: int = Field(default=1024, ge=512, le=2048, description="Side of the square base colour texture, px.")
    simplify_ratio: float = Field(default=0.95, ge=0, le=0.99, description="Fraction of faces to remove.")
    target_faces: Annotated[int, Field(ge=4, le=1_000_000)] | None = Field(
        default=None, description="Number of faces to aim for, within 2 %; replaces simplifyRatio."
    )
    diffusion_steps: int = Field(
        default=12,
        ge=1,
        le=50,
        description="Sampling steps, for generators that use them (lift-flow); for others the report says that they "
        "had no effect.",
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=2**32 - 1,
        description="The same picture, options, seed and engine version give the same bytes.",
    )
    generator: str = Field(
        default=DEFAULT_GENERATOR, min_length=1, max_length=64, description="Name of the generator to use."
    )
    matte: str = Field(
        default=mattes.DEFAULT,
        min_length=1,
        max_length=64,
        description="What finds the object in a picture without transparency: auto (image processing, and a network "
        "where the background is busy), u2netp (the network alone), rembg if it is installed, or a plug-in.",
        json_schema_extra=_of_ready_mattes,
    )
    dimensions: Dimensions | None = Field(
        default=None,
        description="Real size of the object, by one measure; without it the longest side is 1 m.",
        examples=[{"height": 0.31, "unit": "m"}],
    )
    pivot: Pivot = Field(
        default="base",
        description="Where the origin is: below the object's centre on the ground, or at the "
        "centre of its bounding box.",
    )
    lods: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(strict=False)] = Field(
        default=(),
        max_length=4,
        description="Coarser levels of detail, as fractions of the asset's faces. LOD1 is the largest, whatever "
        "the order. Leave them out for Godot, which makes its own.",
        examples=[[0.5, 0.25]],
        json_schema_extra={"uniqueItems": True},
    )
    collider: Collider = Field(
        default="none",
        description="Invisible collision mesh, named as game engines expect: a box, a convex hull, or up to 16 "
        "hulls that follow the shape.",
    )
    texture_format: TextureFormat = Field(
        default="jpeg",
        description="File format of the textures. png is lossless and some eight times larger; webp takes half of "
        "jpeg's bytes, for programs that support EXT_texture_webp.",
    )
    compression: Compression = Field(
        default="none",
        description="How the mesh is written: none is read everywhere; quantized, for programs that support "
        "KHR_mesh_quantization, takes two thirds of the bytes; meshopt, for those that support "
        "EXT_meshopt_compression, a third.",
    )

    normal_map: bool = Field(
        default=False,
        description="Adds a normal map of the detail that simplification removed, and the tangents needed to use it.",
    )
    occlusion: bool = Field(
        default=False, description="Adds ambient occlusion: how much ambient light reaches each point of the surface."
    )
    delight: bool = Field(
        default=False, description="Removes the picture's lighting from its colours, as far as the shape explains it."
    )

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _invalid_option(type(self), error.errors()[0]) from error

    @field_validator("name")
    @classmethod
    def _on_one_line(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(_READABLE, name):
            raise InvalidOption(
                f"options.name is {shortened(repr(name))}: it has a control character, or no visible one.",
                hint="Give one line of text, such as 'blue mug'.",
                field="options.name",
            )
        return name

    @field_validator("matte")
    @classmethod
    def _installed(cls, matte: str) -> str:
        return mattes.named(matte).name

    @field_validator("lods")
    @classmethod
    def _falling(cls, ratios: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(ratios)) < len(ratios):
            raise InvalidOption(
                f"options.lods is {list(ratios)}: every level must be different.",
                hint="Give each ratio once, such as [0.5, 0.25].",
                field="options.lods",
            )
        return tuple(sorted(ratios, reverse=True))

    @model_validator(mode="after")
    def _check(self) -> Options:
        if self.target_faces is not None and "simplify_ratio" in self.model_fields_set:
            raise InvalidOption(
                f"options.targetFaces is {self.target_faces} and options.simplifyRatio is {self.simplify_ratio:g}: "
                "both set the number of faces.",
                hint="Remove simplifyRatio to set the number of faces, or targetFaces to set the fraction.",
                field="options.targetFaces",
            )
        return self

    @model_serializer(mode="wrap")
    def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # simplifyRatio has no effect beside targetFaces, and the result must validate again; few assets have a name,
        # or a matte of their own
        idle = {"simplify_ratio", "simplifyRatio"} if self.target_faces is not None else set()
        idle |= {"name"} if self.name is None else set()
        idle |= {"matte"} if self.matte == mattes.DEFAULT else set()
        return {name: value for name, value in handler(self).items() if name not in idle}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Options:
        """Options as the API accepts them: only camelCase names, and 1024.0 is an integer, as in JSON."""
        for name, field in cls.model_fields.items():
            if name in values and name != field.alias:
                raise _unknown_option(cls, name)
        return cls(**{k: int(v) if isinstance(v, float) and v.is_integer() else v for k, v in values.items()})


def name_of_file(filename: str) -> str | None:
    """The name that an asset gets from its picture's file: its stem, as far as ``name`` may be that; None if not."""
    stem = re.split(r"[/\\]", filename)[-1].rpartition(".")[0] or filename
    name = re.sub(r"[\x00-\x1f\x7f-\x9f]", "", stem).strip()[:64].rstrip()
    return name or None


def from_text(model: type[Options], path: Sequence[str], text: str) -> object:
    """The value of an option that is given as text, such as in a form: JSON, but text where the option is text.

    Numbers of a list may also be separated by commas. Any other text is returned as it is, for ``model`` to refuse.

    path : the option's API name, and that of its part, such as ("dimensions", "height")
    """
    try:
        kind = _schema(model, path).get("type")
    except (KeyError, StopIteration):
        return text  # no such option
    if kind == "string":
        return text
    try:
        return json.loads(f"[{text}]" if kind == "array" and not text.lstrip().startswith("[") else text)
    except (ValueError, RecursionError):
        return text


class OptionValues(TypedDict, total=False):
    """The options as keywords, for type checkers."""

    name: str | None
    texture_size: int
    simplify_ratio: float
    target_faces: int | None
    diffusion_steps: int
    seed: int
    generator: str
    matte: str
    dimensions: Dimensions | Mapping[str, object] | None
    pivot: Pivot
    lods: Sequence[float]
    collider: Collider
    texture_format: TextureFormat
    compression: Compression
    normal_map: bool
    occlusion: bool
    delight: bool


def chosen(
    options: Options | Mapping[str, object] | None,
    values: Mapping[str, object],
    model_of: Callable[[str], type[Options]] = lambda generator: Options,
) -> Options:
    """Options given to a function in Python: a model or a mapping, and keywords that override it.

    model_of : the model of a generator's options, by its name

    Raises InvalidOption, whose text and ``field`` name the option as Python does, such as ``texture_size``; what
    ``model_of`` raises passes.
    """
    if isinstance(options, Options):
        given: dict[str, object] = {name: getattr(options, name) for name in options.model_fields_set}
    elif isinstance(options, Mapping) or options is None:
        given = dict(options or {})
    else:
        raise InvalidOption(
            f"options is a {type(options).__name__}.",
            hint="Give spherelinks.Options, a dict, or keywords such as texture_size=2048.",
            field="options",
        )
    generator = {**given, **values}.get("generator", DEFAULT_GENERATOR)
    model = model_of(generator) if isinstance(generator, str) else Options
    names = {field.alias: name for name, field in model.model_fields.items()}
    given = {**{names.get(name, name): value for name, value in given.items()}, **values}
    for name in given:
        if name not in model.model_fields:
            near = difflib.get_close_matches(str(name), model.model_fields, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known options: {', '.join(model.model_fields)}."
            if name in Dimensions.model_fields:
                hint = f'It is one of the dimensions: dimensions={{"{name}": …}}.'
            raise InvalidOption(f"{shortened(repr(name))} is not an option.", hint=hint, field=str(name))
    try:
        return model(**given)
    except InvalidOption as error:
        words = (_in_python(model, text) for text in (error.message, error.hint, error.field or ""))
        message, hint, field = words
        raise InvalidOption(message, hint=hint, field=field, value=error.value, complaint=error.complaint) from error


def _in_python(model: type[Options], text: str) -> str:
    """A message with the options' API names replaced by their Python names."""
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    return re.sub(rf"(?:\boptions\.)?\b({'|'.join(names)})\b", lambda found: names[found[1]], text)


_SEVERAL = {spelling: name for name in Options.model_fields if "_" in name for spelling in (name, to_camel(name))}
"""Both spellings of each shared option whose name has several words, and its field; one word is the same everywhere."""
_SPELLED = re.compile(rf"(?<![\w./\\-])(?:options\.)?({'|'.join(_SEVERAL)})(?![\w/\\-]|\.\w)")  # no part of a path


def renamed(text: str, name: Callable[[str], str]) -> str:
    """A text in which each option of several words is called as ``name`` calls its field, however it was spelled."""
    return _SPELLED.sub(lambda found: name(_SEVERAL[found[1]]), text)


def _invalid_option(model: type[Options], detail: ErrorDetails) -> InvalidOption:
    """The first of pydantic's errors as one that names the option, its value and the remedy."""
    path = [step if isinstance(step, int) else to_camel(step) for step in detail["loc"]]
    if detail["type"] == "extra_forbidden":
        return _unknown_option(model, str(detail["loc"][-1]), path[:-1])
    name = _written(path)
    value = shortened(repr(detail["input"]))
    complaint = re.sub("^(Input|String|Tuple)", "it", detail["msg"].split(" or instance of ")[0])
    complaint = complaint.replace("dictionary", "object").replace("tuple", "list").removesuffix(" after validation")
    return InvalidOption(
        f"{name} is {value}: {complaint}.",
        hint=_allowed(model, path),
        field=name,
        value=detail["input"],
        complaint=complaint,
    )


def _unknown_option(model: type[Options], name: str, parent: Sequence[str | int] = ()) -> InvalidOption:
    known = sorted(_schema(model, parent)["properties"])
    near = difflib.get_close_matches(to_camel(shortened(name)), known, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known options: {', '.join(known)}."
    full = _written([*parent, shortened(name)])
    return InvalidOption(f"{full} is not a known option.", hint=hint, field=full)


def _written(path: Sequence[str | int]) -> str:
    """An option as it appears in a request, such as options.dimensions.height."""
    return "options" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


def _schema(model: type[Options], path: Sequence[str | int]) -> dict[str, Any]:
    """The JSON Schema of the option at a path, with its default."""
    root = model.model_json_schema()
    node: dict[str, Any] = root
    for step in path:
        outer = node["items"] if isinstance(step, int) else node["properties"][step]
        inner = next(kind for kind in outer.get("anyOf", [outer]) if kind.get("type") != "null")
        if "$ref" in inner:
            inner = root["$defs"][inner["$ref"].rpartition("/")[2]]
        node = inner | {key: outer[key] for key in ("default", "examples") if key in outer}
    return node


def _allowed(model: type[Options], path: Sequence[str | int]) -> str:
    """What may be given at a path, from its JSON Schema."""
    schema = _schema(model, path)
    otherwise = f"; the default is {json.dumps(default)}" if (default := schema.get("default")) is not None else ""
    if "examples" in schema:
        return f"Give a value such as {json.dumps(schema['examples'][0])}{otherwise}."
    if "enum" in schema:
        return f"Give one of {', '.join(schema['enum'])}{otherwise}."
    if "minimum" in schema:
        kind = "an integer" if schema["type"] == "integer" else "a number"
        return f"Give {kind} from {schema['minimum']} to {schema['maximum']}{otherwise}."
    if "exclusiveMinimum" in schema:
        return f"Give a number above {schema['exclusiveMinimum']:g} and below {schema['exclusiveMaximum']:g}."
    return f"Give a {schema['type']}{otherwise}."
