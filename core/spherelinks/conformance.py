"""What every generator and every matte must hold, as tests that pytest runs against a card, or a matte::

    from spherelinks.conformance import GeneratorConformance
    from my_package.card import CARD

    class TestMine(GeneratorConformance):
        card = CARD
        options = {"diffusion_steps": 2}  # whatever makes it quick

    class TestMyMatte(MatteConformance):
        matte = MATTE

A class for each in a test file is enough; docs/generators.md and docs/mattes.md explain the rules.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any, ClassVar
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import Cancelled, GeneratorFailed, SphereLinksError
from spherelinks.generation import registry
from spherelinks.generation.card import Card
from spherelinks.mesh.surface import extract
from spherelinks.options import Options
from spherelinks.picture import mattes
from spherelinks.pipeline import generate
from spherelinks.shape import Frame, Shape, Surface

HEAVY = frozenset({"cv2", "diffusers", "jax", "onnxruntime", "scipy", "tensorflow", "torch", "transformers"})
"""Libraries that reading a card must not import."""

SIDE = 512
"""Of the frames, px: the least that the pipeline makes."""
GRID = 48
"""Cells along each side, on which silhouettes are compared."""
OVERLAP = 0.8
"""The least intersection over union of a matte with a plain object before a plain background."""
LIKENESS, AHEAD = 0.6, 0.1
"""The least intersection over union of the shape's silhouette and the picture's, and how far it must be above that of a
mirrored or turned picture."""


class GeneratorConformance:
    """The tests. A subclass whose name begins with Test names the card.

    card : of the generator
    options : by their names in Python, for every run: such as few steps, so that the tests are quick
    """

    card: ClassVar[Card]
    options: ClassVar[Mapping[str, Any]] = {}

    # --- the card

    def test_an_entry_point_of_its_name_leads_to_the_card(self) -> None:
        installed = registry.look()
        problem = installed.problems.get(self.card.name, "no entry point has its name")
        assert installed.cards.get(self.card.name) == self.card, f"{self.card.name} is not installed: {problem}"

    def test_reading_the_card_imports_nothing_heavy(self) -> None:
        points = [point.value for point in entry_points(group=registry.GROUP) if point.name == self.card.name]
        code = "import pkgutil, sys; pkgutil.resolve_name(sys.argv[1]); print(*sys.modules)"
        for value in points:
            done = subprocess.run([sys.executable, "-c", code, value], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            heavy = HEAVY & set(done.stdout.split())
            assert not heavy, f"reading {value} imports {', '.join(sorted(heavy))}: import it where the generator is"

    def test_the_card_can_be_announced_to_another_machine(self) -> None:
        announced = json.loads(json.dumps(self.card.announced()))
        assert Card.of(announced).announced() == announced

    def test_what_it_needs_is_here(self) -> None:
        missing = self.card.needs.missing()
        assert missing is None, f"the other tests cannot run: {missing}"

    # --- the generator

    def test_the_same_frame_and_options_give_the_same_bytes(self) -> None:
        first = _bytes(self._shape())
        assert _bytes(self._shape()) == first, "a second run differs: seed every random number, sum in a fixed order"
        again = self.card.load().generate(_frame(), self._options(), _ignore)
        assert _bytes(again) == first, "another process's generator differs"

    def test_what_it_heeds_makes_a_difference_and_the_rest_makes_none(self) -> None:
        seen = {}
        for name, python, values in (("diffusionSteps", "diffusion_steps", (1, 3)), ("seed", "seed", (1, 2))):
            one, other = (
                _bytes(registry.instance(self.card).generate(_frame(), self._options(**{python: value}), _ignore))
                for value in values
            )
            seen[name] = one != other
        heeds = {name: name in self.card.heeds for name in seen}
        assert seen == heeds, f"the card says that it heeds {self.card.heeds}; what makes a difference: {seen}"

    def test_the_shape_stands_upright_and_faces_the_viewer(self) -> None:
        shape = self._shape()
        seen, picture = _silhouette(shape), _silhouette_of(_frame().matte)
        likeness = {
            "the picture": _overlap(seen, picture),
            "the picture mirrored left to right": _overlap(seen, picture[:, ::-1]),
            "the picture upside down": _overlap(seen, picture[::-1]),
            "the picture turned by 180 degrees": _overlap(seen, picture[::-1, ::-1]),
        }
        (most, best), (_, second) = sorted(likeness.items(), key=lambda each: -each[1])[:2]
        assert best > LIKENESS, f"seen from +Z with +Y up, its silhouette is not the picture's: {likeness}"
        assert most == "the picture", f"seen from +Z with +Y up, it is {most}"
        assert best > second + AHEAD, f"seen from +Z with +Y up, it is hardly more like the picture: {likeness}"
        if shape.camera is not None:
            assert shape.camera.eye[2] > 0, "its camera does not look from +Z"

    def test_progress_rises_and_stays_between_nothing_and_all(self) -> None:
        told: list[float] = []
        self._shape(progress=told.append)
        assert told, "progress is never called"
        assert told == sorted(told), f"progress falls: {told}"
        assert told[0] >= 0, f"progress begins at {told[0]}"
        assert told[-1] <= 1, f"progress ends at {told[-1]}"

    def test_cancelling_in_progress_comes_out_as_it_is(self) -> None:
        def stop(share: float) -> None:
            raise Cancelled("The user has cancelled.")

        try:
            self._shape(progress=stop)
        except Cancelled:
            return
        except Exception as error:
            raise AssertionError(f"Cancelled became {type(error).__name__}: let it pass") from error
        raise AssertionError("Cancelled was swallowed")

    def test_odd_frames_give_a_shape_or_generator_failed(self) -> None:
        y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE - 0.5
        odd = {
            "a hair": (np.abs(x) < 0.004) & (np.abs(y) < 0.42),
            "a dot": np.hypot(x, y) < 0.01,
            "two things": (np.abs(np.abs(x) - 0.25) < 0.1) & (np.abs(y) < 0.1),
            "a ring": np.abs(np.hypot(x, y) - 0.3) < 0.06,
            "nearly all": (np.abs(x) < 0.49) & (np.abs(y) < 0.49),
        }
        for name, matte in odd.items():
            frame = Frame(_frame().rgb, matte.astype(np.float32))
            try:
                shape = self._shape(frame)
            except GeneratorFailed:
                continue
            except Exception as error:
                raise AssertionError(f"{name} in the picture became {type(error).__name__}: {error}") from error
            assert _finite(shape), f"{name} in the picture gives numbers that are not finite"

    def test_it_leaves_the_frame_as_it_is(self) -> None:
        frame = _frame()
        self._shape(frame)
        assert np.array_equal(frame.rgb, _frame().rgb), "it changes the frame's colours"
        assert np.array_equal(frame.matte, _frame().matte), "it changes the frame's matte"

    def test_it_uses_the_pictures_that_its_card_says(self) -> None:
        front = _frame()
        behind = Frame(front.rgb[:, ::-1, ::-1].copy(), front.matte[:, ::-1].copy())
        alone, both = _bytes(self._shape()), _bytes(self._shape(replace(front, others={"back": behind})))
        used = both != alone
        assert used == self.card.views, f"the card says views={self.card.views}; a picture of the back is used: {used}"
        if used:
            again = _bytes(self._shape(replace(front, others={"back": behind})))
            assert again == both, "with a picture of the back, a second run differs"

    def test_it_needs_no_network(self) -> None:
        with _offline():
            self.card.load().generate(_frame(), self._options(), _ignore)

    def test_the_pipeline_makes_an_asset_of_it(self) -> None:
        frame = _frame()
        picture = np.dstack([frame.rgb, (255 * frame.matte).astype(np.uint8)])
        asset = generate(picture, {**self.options, "generator": self.card.name, "texture_size": 512})
        made = asset.report.generator
        assert (made.name, made.version) == (self.card.name, self.card.version), asset.report.warnings
        assert asset.report.watertight
        assert asset.report.checks is not None
        assert asset.report.checks.passed, asset.report.checks.errors

    # --- helpers

    def _options(self, **more: Any) -> Options:
        return self.card.options(**{"generator": self.card.name, **self.options, **more})

    def _shape(self, frame: Frame | None = None, progress: Callable[[float], Any] | None = None) -> Shape:
        return registry.instance(self.card).generate(frame or _frame(), self._options(), progress or _ignore)


class MatteConformance:
    """The tests of a matte. A subclass whose name begins with Test names it.

    matte : what its entry point names
    """

    matte: ClassVar[mattes.Matte]

    def test_an_entry_point_of_its_name_leads_to_it(self) -> None:
        assert mattes.installed().get(self.matte.name) == self.matte
        assert mattes.named(self.matte.name) == self.matte

    def test_it_finds_a_plain_object_without_the_network_and_the_same_again(self) -> None:
        picture, truth = _photograph()
        before = picture.copy()
        with _offline():
            found, again = (self.matte.find(picture, _unsaid) for _ in range(2))
        assert found.alpha.shape == truth.shape
        assert 0 <= found.overlap <= 1
        overlap = _overlap(found.alpha > 0.5, truth)
        assert overlap > OVERLAP, f"its alpha overlaps the object by {overlap:.2f} only"
        assert np.array_equal(found.alpha, again.alpha), "the same picture gives another alpha"
        assert np.array_equal(picture, before), "it changes the picture"

    def test_odd_pictures_give_an_alpha_or_an_error_of_ours(self) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
        for picture in (noise, np.zeros((64, 64, 3), np.uint8), noise[:1], noise[:40, :3]):
            try:
                found = self.matte.find(np.ascontiguousarray(picture), _unsaid)
            except SphereLinksError:
                continue
            assert found.alpha.shape == picture.shape[:2]

    def test_the_report_names_it(self) -> None:
        picture, _ = _photograph()
        made = generate(picture, matte=self.matte.name, generator="inflate", texture_size=512).report
        assert made.matte is not None
        assert (made.matte.name, made.matte.version) == (self.matte.name, self.matte.version)


def _ignore(share: float) -> None:
    pass


def _unsaid(note: str) -> None:
    pass


@contextmanager
def _offline() -> Iterator[None]:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it opens a connection: what it needs must be installed before")

    with patch.object(socket.socket, "connect", refuse), patch.object(socket, "getaddrinfo", refuse):
        yield


def _photograph() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The object of the frame before a light wall, with a camera's noise, and where it is."""
    frame = _frame()
    cover = frame.matte[..., None]
    noise = np.random.default_rng(0).normal(0, 2, frame.rgb.shape)
    return np.clip(frame.rgb * cover + 235 * (1 - cover) + noise, 0, 255).astype(np.uint8), frame.matte > 0.5


def _frame() -> Frame:
    """A thing like no mirror image of itself: a tall bar at the left, a foot to the right, a head; lit from above."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE - 0.5
    bar = (x > -0.26) & (x < -0.1) & (np.abs(y) < 0.42)
    foot = (x > -0.26) & (x < 0.26) & (y > 0.26) & (y < 0.42)
    head = np.hypot(x + 0.18, y + 0.32) < 0.1
    inside = bar | foot | head
    light = 0.9 - 0.4 * (y + 0.5)
    rgb = np.clip(np.dstack([230 * light, (90 + 160 * (x + 0.5)) * light, 70 * light]), 0, 255).astype(np.uint8)
    return Frame(rgb, inside.astype(np.float32))


def _bytes(shape: Shape) -> bytes:
    """All that decides the asset, so that two shapes can be compared."""
    parts: list[Any]
    if isinstance(shape, Surface):
        parts = [shape.vertices, shape.faces, shape.color, shape.uv, *shape.textures, shape.texture_of]
    else:
        parts = [shape.field, shape.origin, np.float64(shape.spacing), shape.color]
    if shape.camera is not None:
        parts += [shape.camera.world_to_clip, shape.camera.eye]
    return b"|".join(np.ascontiguousarray(part).tobytes() for part in parts if part is not None)


def _finite(shape: Shape) -> bool:
    return bool(np.isfinite(shape.vertices if isinstance(shape, Surface) else shape.field).all())


def _silhouette(shape: Shape) -> NDArray[np.bool_]:
    """(GRID, GRID), top row first: what of its bounding box the shape covers, seen from +Z."""
    if isinstance(shape, Surface):
        vertices, faces = shape.vertices, shape.faces
    else:
        vertices, faces, _ = extract(shape.field, shape.origin, shape.spacing)
    vertices = np.asarray(vertices, np.float64)
    a, b, c = (vertices[faces[:, k], :2] for k in range(3))
    u, v = b - a, c - a
    area = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    draw = np.random.default_rng(0)
    chosen = draw.choice(len(faces), 100_000, p=area / area.sum())
    s, t = np.sort(draw.random((2, len(chosen))), axis=0)
    points = s[:, None] * a[chosen] + (t - s)[:, None] * b[chosen] + (1 - t)[:, None] * c[chosen]
    low, high = points.min(axis=0), points.max(axis=0)
    cell = np.minimum((GRID * (points - low) / (high - low)).astype(int), GRID - 1)
    covered = np.zeros((GRID, GRID), bool)
    covered[GRID - 1 - cell[:, 1], cell[:, 0]] = True
    return covered


def _silhouette_of(matte: NDArray[np.float32]) -> NDArray[np.bool_]:
    """The same of the frame's matte."""
    rows, columns = np.nonzero(matte > 0.5)
    low, high = np.array([rows.min(), columns.min()]), np.array([rows.max() + 1, columns.max() + 1])
    centres = (np.arange(GRID) + 0.5) / GRID
    down, right = ((low[k] + centres * (high[k] - low[k])).astype(int) for k in range(2))
    covered: NDArray[np.bool_] = matte[np.ix_(down, right)] > 0.5
    return covered


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())
