"""The conformance suite: our generators pass it, and it catches faulty ones."""

from dataclasses import replace
from typing import ClassVar

import plugins
import pytest

from spherelinks import conformance
from spherelinks.conformance import GeneratorConformance
from spherelinks.errors import GeneratorFailed
from spherelinks.generation import registry
from spherelinks.generation.cards import INFLATE, LIFT, LIFT_FLOW


class TestInflate(GeneratorConformance):
    card = INFLATE


class TestLift(GeneratorConformance):
    card = LIFT


class TestLiftFlow(GeneratorConformance):
    card = LIFT_FLOW
    options: ClassVar = {"diffusion_steps": 2}


WRONG = """
import os
import socket
from dataclasses import replace
import numpy as np
from spherelinks.generation.card import Card, Needs
from spherelinks.generation.inflate import Inflate

class Mirrored(Inflate):
    def generate(self, frame, options, progress):
        made = super().generate(frame, options, progress)
        return replace(made, field=made.field[::-1].copy())

class Lying(Inflate):
    def generate(self, frame, options, progress):
        made = super().generate(frame, options, progress)
        return replace(made, field=np.ascontiguousarray(made.field.transpose(0, 2, 1)), camera=None)

class Random(Inflate):
    def generate(self, frame, options, progress):
        made = super().generate(frame, options, progress)
        return replace(made, field=made.field + np.float32(1e-6 * os.urandom(1)[0]))

class Seeded(Inflate):
    def generate(self, frame, options, progress):
        made = super().generate(frame, options, progress)
        return replace(made, field=made.field + np.float32(1e-6 * options.seed))

class Falling(Inflate):
    def generate(self, frame, options, progress):
        made = super().generate(frame, options, progress)
        progress(0.5)
        return made

class Silent(Inflate):
    def generate(self, frame, options, progress):
        return super().generate(frame, options, lambda share: None)

class Swallowing(Inflate):
    def generate(self, frame, options, progress):
        try:
            progress(0.1)
        except Exception:
            pass
        return super().generate(frame, options, lambda share: None)

class Crashing(Inflate):
    def generate(self, frame, options, progress):
        if frame.matte.mean() < 0.01:
            raise ZeroDivisionError("nothing there")
        return super().generate(frame, options, progress)

class Writing(Inflate):
    def generate(self, frame, options, progress):
        frame.rgb[:] = 0
        return super().generate(frame, options, progress)

class Calling(Inflate):
    def generate(self, frame, options, progress):
        socket.create_connection(("127.0.0.1", 9))

class Broken(Inflate):
    def generate(self, frame, options, progress):
        made = super().generate(frame, options, progress)
        return replace(made, field=np.ones_like(made.field))

KINDS = (Mirrored, Lying, Random, Seeded, Falling, Silent, Swallowing, Crashing, Writing, Calling, Broken)
for kind in KINDS:
    name = kind.__name__.lower()
    globals()[name.upper()] = Card(name, "1", f"wrong_plugin:{kind.__name__}", heeds=())
NEEDY = Card("needy", "1", "wrong_plugin:Inflate", needs=Needs(modules=("no_such_module",)))
"""
CAUGHT = {
    "mirrored": "test_the_shape_stands_upright_and_faces_the_viewer",
    "lying": "test_the_shape_stands_upright_and_faces_the_viewer",
    "random": "test_the_same_frame_and_options_give_the_same_bytes",
    "seeded": "test_what_it_heeds_makes_a_difference_and_the_rest_makes_none",
    "falling": "test_progress_rises_and_stays_between_nothing_and_all",
    "silent": "test_progress_rises_and_stays_between_nothing_and_all",
    "swallowing": "test_cancelling_in_progress_comes_out_as_it_is",
    "crashing": "test_odd_frames_give_a_shape_or_generator_failed",
    "writing": "test_it_leaves_the_frame_as_it_is",
    "calling": "test_it_needs_no_network",
    "needy": "test_what_it_needs_is_here",
    # importing the plug-in's one module loads Inflate, and with it OpenCV
    "broken": "test_reading_the_card_imports_nothing_heavy",
}


def suite(card):
    made = GeneratorConformance()
    made.__class__ = type("Suite", (GeneratorConformance,), {"card": card})
    return made


@pytest.fixture
def wrong(tmp_path, monkeypatch):
    points = {name: f"wrong_plugin:{name.upper()}" for name in CAUGHT}
    plugins.install(tmp_path, monkeypatch, "wrong_plugin", WRONG, points)


@pytest.mark.parametrize("name", CAUGHT)
def test_what_is_wrong_is_caught(wrong, name):
    made = suite(registry.card(name))
    made.test_an_entry_point_of_its_name_leads_to_the_card()
    with pytest.raises(AssertionError) as caught:
        getattr(made, CAUGHT[name])()
    assert str(caught.value), "it says what"


def test_a_shape_that_is_none_does_not_pass_for_an_asset(wrong):
    with pytest.raises(GeneratorFailed):
        suite(registry.card("broken")).test_the_pipeline_makes_an_asset_of_it()


def test_a_card_that_is_not_installed_is_caught():
    with pytest.raises(AssertionError, match="no entry point"):
        suite(replace(INFLATE, name="elsewhere")).test_an_entry_point_of_its_name_leads_to_the_card()


def test_a_generator_that_pretends_to_heed_the_seed_is_caught():
    with pytest.raises(AssertionError, match="makes a difference"):
        suite(replace(INFLATE, heeds=("seed",))).test_what_it_heeds_makes_a_difference_and_the_rest_makes_none()


def test_a_generator_that_pretends_to_use_other_sides_is_caught():
    with pytest.raises(AssertionError, match="views=True"):
        suite(replace(INFLATE, views=True)).test_it_uses_the_pictures_that_its_card_says()


def test_meshes_are_compared_too(tmp_path, monkeypatch):
    source = """
import numpy as np
from spherelinks.generation.card import Card
from spherelinks.generation.inflate import Inflate
from spherelinks.mesh.surface import extract
from spherelinks.shape import Surface

class Meshed:
    turn = 1
    def generate(self, frame, options, progress):
        made = Inflate().generate(frame, options, progress)
        vertices, faces, _ = extract(made.field, made.origin, made.spacing)
        return Surface((vertices * (self.turn, 1, self.turn)).astype(np.float32), faces)

class Behind(Meshed):
    turn = -1

MESHED, BEHIND = Card("meshed", "1", "meshed_plugin:Meshed"), Card("behind", "1", "meshed_plugin:Behind")
"""
    points = {"meshed": "meshed_plugin:MESHED", "behind": "meshed_plugin:BEHIND"}
    plugins.install(tmp_path, monkeypatch, "meshed_plugin", source, points)
    good = suite(registry.card("meshed"))
    good.test_the_shape_stands_upright_and_faces_the_viewer()
    good.test_the_same_frame_and_options_give_the_same_bytes()
    good.test_the_pipeline_makes_an_asset_of_it()
    with pytest.raises(AssertionError, match="mirrored left to right"):
        suite(registry.card("behind")).test_the_shape_stands_upright_and_faces_the_viewer()


def test_the_thing_in_the_frame_is_no_mirror_image_of_itself():
    picture = conformance._silhouette_of(conformance._frame().matte)
    for turned in (picture[:, ::-1], picture[::-1], picture[::-1, ::-1]):
        assert conformance._overlap(picture, turned) < conformance.LIKENESS
