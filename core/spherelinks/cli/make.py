"""generate, finish and convert."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from spherelinks.cli.command import command, show
from spherelinks.cli.failing import failed
from spherelinks.formats import writing
from spherelinks.options import DEFAULT_GENERATOR, MEASURES, METRES, Options

if TYPE_CHECKING:
    from spherelinks.pipeline import Asset

_SHARED = {name for field, info in Options.model_fields.items() for name in (field, info.alias)}
_OUTPUT = f"the extension sets the format: {writing.ENDINGS}"


def add(commands: Any) -> None:
    """Add the commands that make files."""
    make = command(commands, "generate", _generate, "Turn one picture into one GLB.")
    make.add_argument("picture", metavar="PICTURE", type=Path, help="a JPEG, PNG or WebP file")
    make.add_argument("-o", "--output", metavar="OUT.glb", type=Path, required=True, help=_OUTPUT)
    for field in ("diffusion_steps", "seed"):
        make.add_argument(f"--{field.replace('_', '-')}", type=int, help=_describe(field))
    make.add_argument("--generator", help=_describe("generator"))
    make.add_argument(
        "--option",
        dest="own",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        type=_own_option,
        help="an option of the generator's own, such as guidance=7.5; can be given several times",
    )
    _add_finishing(make)

    rework = command(commands, "finish", _finish, "Turn any mesh into one closed, textured, game-ready GLB.")
    rework.add_argument("mesh", metavar="MESH", type=Path, help="a GLB, glTF, OBJ, PLY or STL file")
    rework.add_argument("-o", "--output", metavar="OUT.glb", type=Path, required=True, help=_OUTPUT)
    rework.add_argument("--up", choices=("y", "z"), help="the mesh's upward axis. Default: z for STL, else y")
    rework.add_argument(
        "--unit",
        choices=tuple(METRES),
        help="the mesh's unit, which gives the asset its real size; instead of --height",
    )
    _add_finishing(rework)

    change = command(
        commands, "convert", _convert, "Convert an asset to another format: a picture, USDZ, OBJ, PLY or STL."
    )
    change.add_argument("asset", metavar="ASSET.glb", type=Path, help="a GLB written by generate or finish")
    change.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help=_OUTPUT)


def _add_finishing(make: argparse.ArgumentParser) -> None:
    """The options of every command that makes an asset."""
    make.add_argument("--name", help=f"{_describe('name')} Default: the file's name.")
    for field, kind in (("texture_size", int), ("simplify_ratio", float), ("target_faces", int)):
        make.add_argument(f"--{field.replace('_', '-')}", type=kind, help=_describe(field))
    size = make.add_mutually_exclusive_group()
    for measure in MEASURES:
        size.add_argument(
            f"--{measure}",
            dest="dimensions",
            metavar="LENGTH",
            type=partial(_length, measure),
            help=f"the object's real size by its {measure}{' side' * (measure == 'longest')}: a number with a unit"
            f" ({', '.join(METRES)}), such as 31cm; default: --longest 1m",
        )
    make.add_argument(
        "--lods",
        metavar="RATIOS",
        type=ratios,
        help="coarser levels of detail, as fractions of the asset's faces, such as 0.5,0.25",
    )
    make.add_argument("--pivot", metavar="{base,center}", help=_describe("pivot"))
    make.add_argument("--collider", metavar="{none,box,convex,decomposed}", help=_describe("collider"))
    make.add_argument("--texture-format", metavar="{jpeg,png,webp}", help=_describe("texture_format"))
    make.add_argument("--compression", metavar="{none,quantized,meshopt}", help=_describe("compression"))
    for flag in ("normal_map", "occlusion", "delight"):
        text = Options.model_fields[flag].description
        make.add_argument(f"--{flag.replace('_', '-')}", action="store_const", const=True, help=text)


def _describe(field: str) -> str:
    info = Options.model_fields[field]
    default = "" if info.default is None else f" Default: {info.default}."
    return f"{info.description}{default}".replace("%", "%%")  # argparse treats % in help texts as a format


def _own_option(text: str) -> tuple[str, Any]:
    """NAME=VALUE; the value is JSON, such as 7.5 or true, else a text."""
    name, equals, value = text.partition("=")
    if not name or not equals or name in _SHARED:
        raise argparse.ArgumentTypeError(f"{text!r} is not an option of a generator's own: give NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def ratios(text: str) -> list[float]:
    """Comma-separated numbers; argparse reports anything else as an invalid ratios value."""
    return [float(ratio) for ratio in text.split(",")]


def _length(measure: str, text: str) -> dict[str, Any]:
    """A length such as 31cm as options.dimensions; the unit defaults to metres."""
    found = re.fullmatch(rf"(\d+\.?\d*|\.\d+) ?({'|'.join(METRES)})?", text)
    if not found:
        units = ", ".join(METRES)
        raise argparse.ArgumentTypeError(f"{text!r} is not a length: give a number and one of {units}, such as 31cm")
    return {measure: float(found[1]), "unit": found[2] or "m"}


@contextmanager
def _nothing_to_clean_up(*, as_json: bool) -> Iterator[None]:
    """Context manager: an interrupt ends the process immediately.

    For work in memory only: compiled code and imports of native libraries do not tolerate an exception, and some crash.
    """

    def leave(signum: int, frame: object) -> NoReturn:
        code = failed(KeyboardInterrupt(), as_json=as_json)
        sys.stdout.flush()
        os._exit(code)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _generate(arguments: argparse.Namespace) -> None:
    options, output = _options(arguments), _output(arguments)
    with _nothing_to_clean_up(as_json=arguments.json):
        from spherelinks.pipeline import generate

        with _progress_bar() as progress:
            asset = generate(arguments.picture, options, progress)
    _deliver(asset, output, as_json=arguments.json)


def _finish(arguments: argparse.Namespace) -> None:
    options, output = _options(arguments), _output(arguments)
    with _nothing_to_clean_up(as_json=arguments.json):
        from spherelinks.pipeline import finish

        with _progress_bar() as progress:
            asset = finish(arguments.mesh, options, progress, up=arguments.up, unit=arguments.unit)
    _deliver(asset, output, as_json=arguments.json)


def _options(arguments: argparse.Namespace) -> Options:
    values = vars(arguments)
    given = {name: values[name] for name in Options.model_fields if values.get(name) is not None}
    own = dict(values.get("own", ()))
    if not own:
        return Options(**given)
    from spherelinks.generators import registry

    return registry.card(given.get("generator", DEFAULT_GENERATOR)).options(**given, **own)


def _deliver(asset: Asset, output: Path, *, as_json: bool) -> None:
    asset.save(output)
    report = asset.report
    if as_json:
        print(json.dumps({"path": str(output), "report": dict(report)}))
        return
    print(f"{output}: {report.faces} faces, {report.texture_size} px texture, {_megabytes(output)}")
    for warning in report.warnings:
        print(f"note: {warning}", file=sys.stderr)


def _output(arguments: argparse.Namespace) -> Path:
    """The output path, checked before any work."""
    output: Path = arguments.output
    writing.kind_of(output)
    writing.check_folder(output)
    return output


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def _convert(arguments: argparse.Namespace) -> None:
    output = _output(arguments)
    glb = arguments.asset.read_bytes()
    with _nothing_to_clean_up(as_json=arguments.json):
        data = writing.convert(glb, writing.kind_of(output))
    writing.save(data, output)
    record = {"path": str(output), "bytes": output.stat().st_size}
    show(record, as_json=arguments.json, line=f"{{path}}: {_megabytes(output)}")


@contextmanager
def _progress_bar() -> Iterator[Callable[[str, float], None] | None]:
    """A progress bar on stderr if that is a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=100, bar_format="{desc:<10} {bar:30} {percentage:3.0f}% {elapsed}", leave=False) as bar:

        def show(stage: str, done: float) -> None:
            bar.set_description_str(stage, refresh=False)
            bar.n = round(100 * done)
            bar.refresh()

        yield show
