"""The report of a finished asset: one model for the library, stored jobs and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from spherelinks.model import Model


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


class Report(_Part, Mapping[str, Any]):
    """What was made and how.

    Attributes have Python names (``report.texture_size``). As a mapping it is the API's JSON object, plain values under
    camelCase names: ``report["textureSize"]``, ``dict(report)``. docs/report.md explains each field. ``deviation``,
    ``textures`` and ``checks`` are None, and absent from the JSON, only in reports stored by versions before 0.2;
    :func:`spherelinks.generate` always sets them.
    """

    generator: Maker = Field(description="What made the shape; the fallback if the requested generator failed.")
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
    warnings: list[str] = Field(description="What the user should know, in plain words.")

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
