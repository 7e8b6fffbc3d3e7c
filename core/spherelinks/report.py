"""The report of a finished asset: one model for the library, stored jobs and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_serializer, field_validator
from pydantic.alias_generators import to_camel

from spherelinks.model import Model
from spherelinks.options import renamed


def _absent(value: object) -> bool:
    return value is None


class _Part(Model):
    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)


class Maker(_Part):
    """Name and version of what made the shape."""

    name: str = Field(examples=["lift"])
    version: str = Field(examples=["1"])


class TextureSizes(_Part):
    """Side of each texture of the asset itself, px; those that it does not have are left out."""

    base_color: int
    normal: int | None = Field(default=None, exclude_if=_absent)
    occlusion: int | None = Field(default=None, exclude_if=_absent)
    metallic_roughness: int | None = Field(default=None, exclude_if=_absent)
    emissive: int | None = Field(default=None, exclude_if=_absent)


class Extent(_Part):
    """The sides of the asset's box, to a thousandth of a millimetre."""

    width: float = Field(description="Along x.")
    height: float = Field(description="Along y.")
    depth: float = Field(description="Along z.")
    unit: Literal["m"]


class Level(_Part):
    """A coarser level of detail."""

    faces: int
    vertices: int
    texture_size: int = Field(description="Side of its base colour texture, px.")


class ColliderReport(_Part):
    """The collision bodies of the asset."""

    kind: Literal["box", "convex", "decomposed"]
    bodies: int
    faces: int
    vertices: int


class Checks(_Part):
    """Our own check of the finished file. An asset that fails it is an error, never an answer."""

    passed: bool
    errors: list[str]


Lowered = Literal["medium", "low"]


class Reason(_Part):
    """A reason to doubt a model: told as errors are, by a stable code, what is the case, and what would help."""

    code: str = Field(description="Stable; docs/report.md lists them.", examples=["cut_off"])
    level: Lowered = Field(description="What the confidence is at most, for this reason.")
    message: str = Field(description="What is the case; also one of the warnings.")
    hint: str = Field(description="What would help.")


class Confidence(_Part):
    """How likely the model is what the picture shows, as far as can be told without knowing the object."""

    level: Literal["high", "medium", "low"] = Field(description="The lowest of its reasons' levels; high without any.")
    reasons: list[Reason]


class Report(_Part, Mapping[str, Any]):
    """What was made and how.

    Attributes have Python names (``report.texture_size``). As a mapping it is the API's JSON object, plain values under
    camelCase names: ``report["textureSize"]``, ``dict(report)``; so ``report.warnings`` speak of ``simplify_ratio``,
    ``report["warnings"]`` of ``simplifyRatio``. docs/report.md explains each field. ``deviation``, ``textures`` and
    ``checks`` are None, and absent from the JSON, only in reports stored by versions before 0.2;
    :func:`spherelinks.generate` always sets them. ``matte`` is absent, too, where no picture was searched for its
    object, and ``confidence`` where no picture was guessed from.
    """

    generator: Maker = Field(description="What made the shape; the fallback if the requested generator failed.")
    matte: Maker | None = Field(
        default=None,
        exclude_if=_absent,
        description="What found the object in the picture; absent if its own transparency or a mask did.",
    )
    faces: int = Field(description="Triangles in the file.")
    faces_extracted: int = Field(description="Triangles of the generator's surface, before simplification.")
    deviation: float | None = Field(
        default=None,
        exclude_if=_absent,
        description="Maximum distance, in m, of the full surface from the simplified one.",
    )
    vertices: int = Field(description="Vertices in the file; those on a seam count once for each side.")
    bytes: int = Field(description="Size of the GLB.")
    texture_size: int = Field(description="Side of the square base colour texture, px.")
    textures: TextureSizes | None = Field(default=None, exclude_if=_absent)
    dimensions: Extent
    watertight: bool = Field(description="Whether every edge has two faces.")
    manifold: bool = Field(description="Whether the faces around every vertex form one fan.")
    genus: int = Field(description="Number of handles.")
    parts: int = Field(description="Number of separate bodies.")
    parts_removed: int = Field(description="Floaters and inner shells that were removed.")
    lods: list[Level] = Field(description="The coarser levels of detail, finest first.")
    collider: ColliderReport | None = Field(description="Its collision bodies; null if it has none.")
    checks: Checks | None = Field(default=None, exclude_if=_absent)
    timings: dict[str, float | dict[str, float]] = Field(
        description="Milliseconds of each stage, and of each step of `finishing`."
    )
    confidence: Confidence | None = Field(
        default=None,
        exclude_if=_absent,
        description="How likely the model is what the picture shows; absent for a mesh that was finished.",
    )
    warnings: list[str] = Field(description="What the user should know, in plain words.")

    @field_validator("warnings")
    @classmethod
    def _pythons(cls, warnings: list[str]) -> list[str]:
        return [renamed(each, str) for each in warnings]

    @field_serializer("warnings", when_used="json")
    def _apis(self, warnings: list[str]) -> list[str]:
        return [renamed(each, to_camel) for each in warnings]

    @property
    def _json(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)

    def __getitem__(self, name: str) -> Any:
        return self._json[name]

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # a mapping's, not pydantic's pairs
        return iter(self._json)

    def __len__(self) -> int:
        return len(self._json)

    def __eq__(self, other: object) -> bool:
        return self._json == dict(other) if isinstance(other, Mapping) else NotImplemented
