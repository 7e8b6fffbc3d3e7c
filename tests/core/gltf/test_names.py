"""Names: those that a program would take for instructions are changed, and remain readable."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spherelinks.gltf.names import DEFAULT, MOST_BYTES, RESERVED, safe

ENGINES = Path(__file__).resolve().parents[3] / "docs" / "engines.md"
KEPT_BY_BLENDER = 63
LONGEST = "{}_collider_16-convcolonly"

words = st.sampled_from([word for rule in RESERVED for word in rule.words])
parts = words | st.sampled_from(["_", "-", " ", "$", "mug", "01", "Scene", "蓝"]) | st.text(max_size=8)
texts = st.lists(parts, max_size=6).map("".join)


@pytest.mark.parametrize("rule", RESERVED, ids=lambda rule: f"{rule.program} {rule.words[0]} {rule.place}")
def test_every_rule_is_kept_and_written_down(rule):
    assert rule.pattern.search(rule.example)
    name = safe(rule.example)
    assert not rule.pattern.search(name)
    # readable: every word of it is still there
    assert [word for word in re.findall(r"\w+", rule.example) if word not in name] == []
    listed = ", ".join(f"`{word}`" for word in rule.words).replace("|", r"\|")
    row = f"| {rule.program} | {rule.place} | {listed} | {rule.effect} | {rule.source} |"
    assert row in ENGINES.read_text("utf-8")


@pytest.mark.parametrize(
    "name", ["mug", "protocol", "mycol", "Wheel", "blue mug (2)", "wheel-chair", "scenery", "蓝色的杯子"]
)
def test_other_names_stay_as_they_are(name):
    assert safe(name) == name


@pytest.mark.parametrize("name", ["", " ", "...", "??", "_", "\x00"])
def test_what_says_nothing_has_the_default(name):
    assert safe(name) == DEFAULT


@given(texts)
@example("\udcff")
@example("a" * 27 + "_wheelbarrows_and_more")
@example("e" + "\u0301" * 80)
def test_no_name_is_an_instruction_whatever_it_was(text):
    name = safe(text)
    assert name
    assert [rule for rule in RESERVED if rule.pattern.search(name)] == []
    assert name == name.strip()
    assert name.isprintable()
    assert len(name.encode()) <= MOST_BYTES
    assert len(LONGEST.format(name).encode()) <= KEPT_BY_BLENDER
    assert safe(name) == name
