"""The form is the server's own description: every option that a panel can show, within the server's ranges."""

import pytest
from pydantic import Field

from blender_addon.client.info import Info
from blender_addon.client.options import describe
from spherelinks.options import Options
from spherelinks.presets import PRESETS


@pytest.fixture(scope="module")
def description():
    return describe(Options.model_json_schema())


def test_every_option_of_the_server_has_a_field(description):
    names = {field.name for field in description.fields}
    left_out = {"dimensions", "compression"}
    assert names == {field.alias for field in Options.model_fields.values()} - left_out
    assert description.sizes


def test_defaults_are_not_sent(description):
    assert description.request({field.name: field.default for field in description.fields}) == {}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.key)
def test_presets_are_options_that_the_server_takes(description, preset):
    request = description.request(description.preset(preset.options))
    assert request == preset.options
    Options.from_json(request)


def test_each_generator_has_its_own_options():
    def number(high):
        return {"type": "integer", "minimum": 1, "maximum": high, "default": 1}

    offered = {
        "plain": {
            "options": {"properties": {"seed": number(9), "steps": number(50), "generator": {}}},
            "ignores": ["seed"],
        },
        "rich": {
            "options": {"properties": {"seed": number(9), "steps": number(99), "guidance": number(5)}},
            "ignores": [],
        },
    }
    form = Info("http://127.0.0.1", "Owner", "owner", 1, offered, []).form()
    assert [field.name for field in form.of("plain").fields] == ["steps", "generator"]
    assert [field.name for field in form.of("rich").fields] == ["seed", "steps", "guidance"]
    shown = {field.name: field for field in form.fields()}
    assert list(shown) == ["steps", "generator", "seed", "guidance"]
    assert shown["steps"].high == 99
    values = {"seed": 3, "steps": 60, "guidance": 2, "generator": "plain"}
    assert form.of("rich").request(values) == {"seed": 3, "steps": 60, "guidance": 2}
    with pytest.raises(ValueError, match="Steps is 60: this generator takes 1 to 50"):
        form.of("plain").request(values)
    assert form.of("plain").request(values | {"steps": 2}) == {"steps": 2}


def test_an_option_of_a_generators_own_is_in_its_form_alone_and_its_price_is_known():
    class Tuned(Options):
        ball_size: float = Field(default=0.5, ge=0.1, le=0.9, description="Radius of the ball.")

    generators = {
        "lift": {"options": Options.model_json_schema(), "ignores": []},
        "tuned": {"options": Tuned.model_json_schema(), "ignores": ["seed"], "price": 5},
    }
    info = Info("http://127.0.0.1", "Owner", "owner", 1, generators, [])
    assert (info.price("lift"), info.price("tuned"), info.price("")) == (1, 5, 1)
    form = info.form()
    own = {field.name: field for field in form.of("tuned").fields}["ballSize"]
    assert (own.label, own.kind, own.default, own.low, own.high) == ("Ball Size", "number", 0.5, 0.1, 0.9)
    assert form.of("tuned").request({"generator": "tuned", "ballSize": 0.3}) == {"generator": "tuned", "ballSize": 0.3}
    assert form.of("lift").request({"generator": "lift", "ballSize": 0.3}) == {}
