"""Cards: invalid ones are refused by name, reading one loads nothing heavy, unmet needs are reported."""

import enum
import subprocess
import sys
from typing import Literal

import plugins
import pytest
from pydantic import Field

from spherelinks.errors import GeneratorFailed, InvalidOption
from spherelinks.generation import cards, machine
from spherelinks.generation.card import Card, Needs
from spherelinks.options import Options


class Guided(Options):
    guidance_scale: float = Field(default=7.5, ge=1, le=20, description="How closely to follow the picture.")
    quality: Literal["fast", "good"] = Field(default="good", description="Speed or detail.")
    sharp: bool = Field(default=False, description="Keep edges.")
    limit: int | None = Field(default=None, ge=1, le=99, description="At most so many.")


def card(**changes: object) -> Card:
    return Card(**{"name": "one", "version": "1", "generator": "module:Class", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": "One"}, "'One'"),
        ({"name": "x" * 65}, "64 at most"),
        ({"version": ""}, "version"),
        ({"generator": "module.Class"}, r"module\.Class"),
        ({"fallback": "one"}, "itself"),
        ({"heeds": ("textureSize",)}, "textureSize"),
        ({"price": 0}, "price is 0"),
        ({"price": 1001}, "1001"),
        ({"price": 1.5}, "1.5"),
        ({"options": dict}, "dict"),
    ],
)
def test_a_card_that_cannot_be_is_refused(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        card(**changes)


class Unbounded(Options):
    guidance: float = Field(default=7.5, ge=1, description="No upper limit.")


class Undescribed(Options):
    guidance: float = Field(default=7.5, ge=1, le=2)


class Required(Options):
    guidance: float = Field(ge=1, le=2, description="Without a default.")


class Anew(Options):
    seed: int = Field(default=3, ge=0, le=9, description="Another seed.")


class Colour(enum.Enum):
    RED = "red"


class Nested(Options):
    colour: Colour = Field(default=Colour.RED, description="Not written out.")


@pytest.mark.parametrize("options", [Unbounded, Undescribed, Required, Anew, Nested])
def test_an_option_that_no_form_could_show_is_refused_by_name(options: type[Options]) -> None:
    (name,) = options.__annotations__
    with pytest.raises(ValueError, match=f"options.{name}"):
        card(options=options)


def test_options_of_its_own_have_the_rules_and_the_errors_of_the_shared_ones() -> None:
    own = card(options=Guided).own
    assert list(own) == ["guidanceScale", "quality", "sharp", "limit"]
    options = Guided.from_json({"guidanceScale": 3, "limit": 5.0, "textureSize": 512})
    assert isinstance(options, Guided)
    assert (options.guidance_scale, options.limit, options.texture_size) == (3, 5, 512)
    assert options.model_dump(by_alias=True)["guidanceScale"] == 3
    for wrong, said in (
        ({"guidanceScale": 30}, "from 1 to 20"),
        ({"quality": "bad"}, "fast, good"),
        ({"guidance": 3}, "'guidanceScale'"),
        ({"guidance_scale": 3}, "'guidanceScale'"),
    ):
        with pytest.raises(InvalidOption) as caught:
            Guided.from_json(wrong)
        assert said in caught.value.hint
    with pytest.raises(InvalidOption, match=r"options\.guidanceScale"):
        Options.from_json({"guidanceScale": 3})


def test_what_a_machine_lacks_is_told(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Needs().missing() is None
    assert "'no_such.module'" in str(Needs(modules=("json", "no_such.module")).missing())
    assert "weights.bin" in str(Needs(files=(tmp_path / "weights.bin",)).missing())
    (tmp_path / "weights.bin").touch()
    assert Needs(files=(tmp_path / "weights.bin",)).missing() is None
    assert "9000 MiB" in str(Needs(memory_mb=9000).missing(8192))
    assert Needs(memory_mb=8192).missing(8192) is None
    monkeypatch.setattr(machine, "gpu_memory_mb", lambda: 0)
    assert "there is none here" in str(Needs(gpu_memory_mb=1).missing())
    monkeypatch.setattr(machine, "gpu_memory_mb", lambda: 24_000)
    assert Needs(gpu_memory_mb=24_000).missing() is None
    assert "24000 MiB" in str(Needs(gpu_memory_mb=40_000).missing())


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the driver's program is a shell script")
def test_a_gpu_is_found_by_its_drivers_program(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 24564\necho 143771\n")
    program.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for path, found in ((tmp_path, 143771), (tmp_path / "elsewhere", 0)):
        monkeypatch.setenv("PATH", str(path))
        machine.gpu_memory_mb.cache_clear()
        assert machine.gpu_memory_mb() == found
    machine.gpu_memory_mb.cache_clear()


def test_a_generator_that_does_not_load_says_why() -> None:
    for where, said in (("no_such_module:Class", "no_such_module"), ("json:Nothing", "Nothing"), ("sys:exit", "Exit")):
        with pytest.raises(GeneratorFailed, match=said):
            card(generator=where).load()


def test_a_generator_that_lacks_memory_is_not_called_broken(tmp_path, monkeypatch) -> None:
    source = "class Large:\n    def __init__(self):\n        raise MemoryError\n"
    plugins.install(tmp_path, monkeypatch, "large_plugin", source, {})
    with pytest.raises(MemoryError):
        card(generator="large_plugin:Large").load()


def test_reading_our_cards_loads_nothing_heavy() -> None:
    code = "import spherelinks.generation.registry as r, sys; assert 'lift' in r.available(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "cv2", "onnxruntime"} & set(done.stdout.split())


def test_our_generators_can_run_here() -> None:
    for ours in (cards.INFLATE, cards.LIFT, cards.LIFT_FLOW):
        assert ours.needs.missing(512) is None, "the least memory that may be set is enough"
