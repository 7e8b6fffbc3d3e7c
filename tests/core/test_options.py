"""Options: defaults of the contract, both spellings, and refusals that name field, value and remedy."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spherelinks import Options
from spherelinks.errors import InvalidOption
from spherelinks.options import MEASURES, METRES, SIZE_LIMITS


def test_defaults_are_the_contracts():
    assert Options().model_dump(by_alias=True, mode="json") == {
        "textureSize": 1024,
        "simplifyRatio": 0.95,
        "targetFaces": None,
        "diffusionSteps": 12,
        "seed": 0,
        "generator": "lift",
        "dimensions": None,
        "pivot": "base",
        "lods": [],
        "collider": "none",
        "textureFormat": "jpeg",
        "compression": "none",
        "normalMap": False,
        "occlusion": False,
        "delight": False,
    }


def test_both_spellings_are_accepted():
    assert Options(texture_size=600) == Options(textureSize=600)


@given(
    texture=st.integers(512, 2048),
    ratio=st.floats(0, 0.99),
    steps=st.integers(1, 50),
    seed=st.integers(0, 2**32 - 1),
)
def test_everything_in_range_is_kept_as_given(texture, ratio, steps, seed):
    options = Options(texture_size=texture, simplify_ratio=ratio, diffusion_steps=steps, seed=seed)
    assert (options.texture_size, options.simplify_ratio) == (texture, ratio)
    assert (options.diffusion_steps, options.seed) == (steps, seed)
    assert_kept(options)


def assert_kept(options: Options) -> None:
    """They come back from JSON as they went there, as the queue sends them."""
    assert Options(**json.loads(json.dumps(options.model_dump(by_alias=True, mode="json")))) == options
    assert Options.from_json(options.model_dump(by_alias=True, mode="json")) == options


@given(st.text(min_size=1, max_size=64))
def test_a_name_is_one_line_with_something_on_it(name):
    shown = any(not (each.isspace() or unicodedata.category(each) == "Cc") for each in name)
    if shown and not any(unicodedata.category(each) == "Cc" for each in name):
        assert Options(name=name).name == name
        assert_kept(Options(name=name))
    else:
        with pytest.raises(InvalidOption, match=r"options\.name is") as caught:
            Options(name=name)
        assert caught.value.field == "options.name"
        assert "one line" in caught.value.hint


@pytest.mark.parametrize("name", ["", "x" * 65, 5, ["a"]])
def test_a_name_of_another_length_or_type_is_refused(name):
    with pytest.raises(InvalidOption, match=r"options\.name is") as caught:
        Options(name=name)
    assert caught.value.field == "options.name"


@given(st.integers(4, 1_000_000))
def test_a_number_of_faces_may_be_given_instead_of_a_ratio(faces):
    options = Options(target_faces=faces)
    assert "simplifyRatio" not in options.model_dump(by_alias=True)
    assert_kept(options)
    assert Options.from_json({"targetFaces": float(faces)}) == options


@pytest.mark.parametrize("ratio", [0.95, 0.5])
def test_faces_and_ratio_exclude_each_other(ratio):
    with pytest.raises(InvalidOption) as caught:
        Options(target_faces=500, simplify_ratio=ratio)
    assert caught.value.field == "options.targetFaces"
    assert "500" in caught.value.message
    assert str(ratio) in caught.value.message
    assert "Remove simplifyRatio" in caught.value.hint
    assert Options(target_faces=None, simplify_ratio=ratio).simplify_ratio == ratio


@given(st.lists(st.floats(0, 1, exclude_min=True, exclude_max=True), unique=True, max_size=4))
def test_levels_of_detail_fall_whatever_their_order(ratios):
    options = Options(lods=ratios)
    assert list(options.lods) == sorted(ratios, reverse=True)
    assert_kept(options)


@pytest.mark.parametrize("ratio", [0, 1, 1.5, -0.1, float("nan"), "0.5", None])
def test_a_level_of_detail_is_a_share(ratio):
    with pytest.raises(InvalidOption) as caught:
        Options(lods=[0.5, ratio])
    assert caught.value.field == "options.lods[1]"
    assert repr(ratio) in caught.value.message
    assert "above 0 and below 1" in caught.value.hint


@given(st.sampled_from(MEASURES), st.sampled_from(list(METRES)), st.floats(0, 1))
def test_a_size_in_any_unit_is_kept_and_known_in_metres(measure, unit, share):
    low, high = SIZE_LIMITS[unit]
    value = min(max(low + (high - low) * share, low), high)
    options = Options(dimensions={measure: value, "unit": unit})
    name, metres = options.dimensions.measure
    assert name == measure
    assert metres == pytest.approx(value * METRES[unit])
    assert 0.000999 < metres < 1000.001
    assert_kept(options)


def test_sizes_are_metres_unless_said_otherwise():
    assert Options(dimensions={"height": 2}).dimensions.measure == ("height", 2)
    assert Options(dimensions={"longest": 12, "unit": "in"}).dimensions.measure == ("longest", pytest.approx(0.3048))


@pytest.mark.parametrize(
    ("dimensions", "field", "named", "remedy"),
    [
        ({}, "", "no measure", "one of height, width, depth and longest"),
        ({"unit": "cm"}, "", "no measure", "one of height, width, depth and longest"),
        ({"height": 1, "width": 2}, "", "height and width", "one of height, width, depth and longest"),
        ({"height": 0}, ".height", "0 m", "from 0.001 to 1000 m"),
        ({"depth": -3, "unit": "cm"}, ".depth", "-3 cm", "from 0.1 to 100000 cm"),
        ({"width": 1000.1}, ".width", "1000.1", "from 0.001 to 1000 m"),
        ({"longest": 0.9, "unit": "mm"}, ".longest", "0.9 mm", "from 1 to 1e+06 mm"),
        ({"height": float("nan")}, ".height", "nan", "a number"),
        ({"height": float("inf")}, ".height", "inf", "a number"),
        ({"height": "31cm"}, ".height", "'31cm'", "a number"),
        ({"height": True}, ".height", "True", "a number"),
        ({"height": 1, "unit": "yd"}, ".unit", "'yd'", "m, cm, mm, in, ft"),
        ({"heigth": 1}, ".heigth", "heigth", "'height'"),
        (0.31, "", "0.31", '{"height": 0.31, "unit": "m"}'),
        ([0.31], "", "0.31", '{"height": 0.31, "unit": "m"}'),
    ],
)
def test_a_size_that_cannot_be_is_refused(dimensions, field, named, remedy):
    for make in (lambda: Options(dimensions=dimensions), lambda: Options.from_json({"dimensions": dimensions})):
        with pytest.raises(InvalidOption) as caught:
            make()
        assert caught.value.field == f"options.dimensions{field}"
        assert f"options.dimensions{field}" in caught.value.message
        assert named in caught.value.message
        assert remedy in caught.value.hint


@pytest.mark.parametrize(
    ("given_options", "named", "remedy"),
    [
        ({"textureSize": 511}, "511", "from 512 to 2048"),
        ({"textureSize": 2049}, "2049", "from 512 to 2048"),
        ({"textureSize": 1024.5}, "1024.5", "an integer"),
        ({"textureSize": "1024"}, "'1024'", "an integer"),
        ({"simplifyRatio": 0.995}, "0.995", "from 0 to 0.99"),
        ({"simplifyRatio": -0.1}, "-0.1", "from 0 to 0.99"),
        ({"simplifyRatio": float("nan")}, "nan", "a number"),
        ({"targetFaces": 3}, "3", "from 4 to 1000000"),
        ({"targetFaces": 1_000_001}, "1000001", "from 4 to 1000000"),
        ({"targetFaces": 99.5}, "99.5", "an integer"),
        ({"diffusionSteps": 0}, "0", "from 1 to 50"),
        ({"diffusionSteps": True}, "True", "an integer"),
        ({"seed": -1}, "-1", "from 0 to 4294967295"),
        ({"seed": 2**32}, str(2**32), "from 0 to 4294967295"),
        ({"generator": ""}, "''", "string"),
        ({"generator": None}, "None", "string"),
        ({"pivot": "top"}, "'top'", "one of base, center"),
        ({"collider": "sphere"}, "'sphere'", "one of none, box, convex, decomposed"),
        ({"lods": 0.5}, "0.5", "[0.5, 0.25]"),
        ({"lods": [0.5, 0.4, 0.3, 0.2, 0.1]}, "at most 4", "[0.5, 0.25]"),
        ({"lods": [0.5, 0.5]}, "[0.5, 0.5]", "once"),
    ],
)
def test_bad_values_are_refused_not_clamped(given_options, named, remedy):
    with pytest.raises(InvalidOption) as caught:
        Options(**given_options)
    (name,) = given_options
    assert caught.value.field == f"options.{name}"
    assert f"options.{name}" in caught.value.message
    assert named in caught.value.message
    assert remedy in caught.value.hint


def test_an_unknown_option_suggests_the_nearest_one():
    with pytest.raises(InvalidOption) as caught:
        Options(texturSize=1024)
    assert caught.value.field == "options.texturSize"
    assert "'textureSize'" in caught.value.hint


def test_json_has_camel_case_names_and_one_kind_of_number():
    assert Options.from_json({"textureSize": 600.0, "seed": 3}) == Options(texture_size=600, seed=3)
    with pytest.raises(InvalidOption, match="texture_size") as caught:
        Options.from_json({"texture_size": 600})
    assert "'textureSize'" in caught.value.hint
    with pytest.raises(InvalidOption, match="self"):
        Options.from_json({"self": 1})


def test_options_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Options().seed = 3  # type: ignore[misc]


def test_long_values_are_cut_in_the_message():
    with pytest.raises(InvalidOption) as caught:
        Options(seed="9" * 10_000)
    assert len(caught.value.message) < 300
