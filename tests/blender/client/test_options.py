"""The form is the server's own description: every option that a panel can show, within the server's ranges."""

import pytest

from blender_addon.client.options import PRESETS, describe
from spherelinks.options import Options


@pytest.fixture(scope="module")
def description():
    return describe(Options.model_json_schema())


def test_every_option_of_the_server_has_a_field(description):
    names = {field.name for field in description.fields}
    left_out = {"dimensions", "compression"}
    assert names == {field.alias for field in Options.model_fields.values()} - left_out
    assert description.sizes


def test_labels_are_the_names_in_words(description):
    labels = {field.name: field.label for field in description.fields}
    assert labels["textureSize"] == "Texture Size"
    assert labels["seed"] == "Seed"


def test_defaults_are_not_sent(description):
    assert description.request({field.name: field.default for field in description.fields}) == {}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_options_that_the_server_takes(description, preset):
    request = description.request(description.preset(preset))
    assert request == PRESETS[preset]
    Options.from_json(request)


def test_single_precision_does_not_make_a_new_value(description):
    assert description.request({"simplifyRatio": 0.949999988079071}) == {}
    assert description.request({"simplifyRatio": 0.800000011920929}) == {"simplifyRatio": 0.8}


def test_of_two_that_exclude_each_other_one_is_sent(description):
    assert description.request({"simplifyRatio": 0.5, "targetFaces": 800}) == {"targetFaces": 800}


def test_numbers_are_read_from_text(description):
    request = description.request({"lods": "0.5, 0.25"})
    assert Options.from_json(request).lods == (0.5, 0.25)
    with pytest.raises(ValueError, match="give numbers"):
        description.request({"lods": "half"})
