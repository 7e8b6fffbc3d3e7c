"""Everything that the extension says to its user is there in every language, and nothing else."""

import ast
import json
import string
from pathlib import Path

import pytest

from blender_addon import translations

ADDON = Path(translations.__file__).parent
# the server says these
PRESETS = json.loads((ADDON.parent / "contract" / "generators.json").read_text("utf-8"))["presets"]
TABLES = {"REMEDIES", "STAGES", "STATES"}
CHOICES = {"SOURCES", "PLACES", "FACINGS", "SHADINGS", "ARRANGEMENTS"}
SHOWN = {"label", "operator"}


def said():
    """The English texts of the sources: labels, tooltips, messages."""
    trees = (ast.parse(path.read_text()) for path in ADDON.rglob("*.py") if path.name != "translations.py")
    found = {text for tree in trees for node in ast.walk(tree) for text in texts(node)}
    return found - {"", "SphereLinks"} | {text for preset in PRESETS for text in (preset["name"], preset["purpose"])}


def texts(node):
    match node:
        case ast.ClassDef(bases=bases, body=body):
            if any(ast.unparse(base).endswith(".Operator") for base in bases) and ast.get_docstring(node):
                yield ast.get_docstring(node)
            for line in body:
                if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "bl_label":
                    yield from constants(line.value)
        case ast.Call(func=ast.Name(id="words"), args=[ast.Constant(value=str(text))]):
            yield text
        case ast.Call(func=function, keywords=keywords):
            name = ast.unparse(function).rpartition(".")[2]
            wanted = {"name", "description"} if name.endswith("Property") else {"text"} if name in SHOWN else set()
            wanted = {"hint"} if name == "Failure" else wanted
            for keyword in keywords:
                if keyword.arg in wanted:
                    yield from constants(keyword.value)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(values=values)) if name in TABLES:
            for value in values:
                yield from constants(value)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Tuple(elts=choices)) if name in CHOICES:
            for choice in choices:
                for part in choice.elts[1:3]:
                    yield from constants(part)
        case _:
            pass


def constants(node):
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=otherwise):
            yield from constants(body)
            yield from constants(otherwise)
        case _:
            pass  # put together elsewhere


def test_every_text_is_translated():
    assert said() == set(translations.TEXTS)


@pytest.mark.parametrize("index", range(len(translations.LANGUAGES)), ids=translations.LANGUAGES)
def test_translations_have_the_same_blanks_and_no_full_stop_in_tooltips(index):
    for english, others in translations.TEXTS.items():
        assert blanks(others[index]) == blanks(english), english
        assert others[index].strip() == others[index] != ""
        assert others[index].endswith((".", "。")) == english.endswith("."), english


def blanks(text):
    if '{"seed"' in text:  # JSON, no blank
        return []
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)
