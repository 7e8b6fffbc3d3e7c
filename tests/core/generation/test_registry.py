"""Plug-ins: one that is not a card, fails or hangs is named, and hides no other."""

import time

import plugins
import pytest

from spherelinks.errors import InvalidOption
from spherelinks.generation import registry
from spherelinks.generation.card import Card

SOURCE = """
from spherelinks.generation.card import Card

class Old:
    name, version, fallback = "old", "1", None

CARD = Card("{name}", "1", "{module}:Old")
OTHER = Card("somebody-else", "1", "{module}:Old")
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a plug-in by the entry point's name; its module is ``plugin_`` and that name."""

    def make(name: str, value: str, source: str = SOURCE) -> None:
        module = f"plugin_{name}"
        source = source.format(name=name, module=module)
        plugins.install(tmp_path / module, monkeypatch, module, source, {name: f"{module}:{value}"})

    return make


def test_a_plug_in_is_found_beside_ours(install) -> None:
    install("good", "CARD")
    assert set(registry.available()) >= {"good", "inflate", "lift", "lift-flow"}
    assert isinstance(registry.card("good"), Card)
    assert not isinstance(registry.load("good"), Card)


@pytest.mark.parametrize(
    ("name", "value", "source", "said"),
    [
        ("classy", "Old", SOURCE, "not a Card"),
        ("lacking", "MISSING", SOURCE, "MISSING"),
        ("renamed", "OTHER", SOURCE, "somebody-else"),
        ("broken", "CARD", "import no_such_library", "no_such_library"),
        ("leaving", "CARD", "raise SystemExit(3)", "SystemExit"),
        ("wrong", "CARD", "from spherelinks.generation.card import Card\nCARD = Card('wrong', '', 'a:B')", "version"),
    ],
)
def test_what_cannot_be_used_is_named_and_hides_no_other(install, name, value, source, said) -> None:
    install(name, value, source)
    install("fine", "CARD")
    installed = registry.look()
    assert said in installed.problems[name]
    assert name not in installed.cards
    assert installed.cards.keys() >= {"fine", "inflate", "lift", "lift-flow"}
    with pytest.raises(InvalidOption) as caught:
        registry.card(name)
    assert said in caught.value.message
    assert "lift" in caught.value.hint


def test_a_slow_card_keeps_nobody_waiting_and_is_there_once_it_is_read(install, monkeypatch) -> None:
    monkeypatch.setattr(registry, "PATIENCE_S", 0.3)
    install("slow", "CARD", "import time; time.sleep(1.5)\n" + SOURCE)
    installed = registry.look()
    assert "heavy" in installed.problems["slow"]
    assert installed.cards.keys() >= {"inflate", "lift", "lift-flow"}
    deadline = time.monotonic() + 20
    while "slow" not in registry.available():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "slow" not in registry.look().problems


def test_nobody_takes_the_name_of_ours(install) -> None:
    install("inflate", "CARD")
    installed = registry.look()
    assert installed.cards["inflate"].generator == "spherelinks.generation.inflate:Inflate"
    assert "inflate (plugin-inflate)" in installed.problems
