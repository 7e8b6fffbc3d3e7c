"""Every text of the extension is in contract/strings.csv, and every Blender-only text there is used."""

import ast
import json
from pathlib import Path

from blender_addon import shared, translations

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


def test_every_text_is_in_the_table(contract):
    assert contract.path("strings.csv") == shared.STRINGS
    rows = list(translations.rows())
    assert said() <= {row["en"] for row in rows}
    assert {row["en"] for row in rows if row["_editors"] == "blender"} <= said()


def test_no_text_has_two_translations():
    texts = [row["en"] for row in translations.rows()]
    assert len(texts) == len(set(texts))


def test_blender_is_given_every_text_in_every_language():
    table = translations.translations()
    assert set(table) == {"de_DE", "fr_FR", "es", "ja_JP", "zh_HANS"}
    for texts in table.values():
        assert {(context, text) for context in ("*", "Operator") for text in said()} <= set(texts)
    assert table["de_DE"]["Operator", "Generate"] == "Erzeugen"
