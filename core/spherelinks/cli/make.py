"""generate, finish and convert: the commands that make files."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from spherelinks.cli.command import show
from spherelinks.cli.failing import described, exit_code, failed
from spherelinks.errors import InvalidOption, InvalidRequest
from spherelinks.formats import writing
from spherelinks.generation import registry
from spherelinks.generation.card import Card
from spherelinks.generation.cards import LiftOptions
from spherelinks.model import terms
from spherelinks.options import DEFAULT_GENERATOR, MEASURES, MESH_FACES, METRES, Options, from_text, renamed

if TYPE_CHECKING:
    from spherelinks.pipeline import Asset, Progress

_SHARED = {name for field, info in Options.model_fields.items() for name in (field, info.alias)}
_OUTPUT = f"the extension sets the format: {writing.ENDINGS}"
_SEVERAL = f"{_OUTPUT}; for several inputs a folder, which gets a GLB for each"

_SIDES = {
    "back": "a picture of the same object from behind; PICTURE then shows its front",
    "left": "a picture of it from the left of who faces the front",
    "right": "a picture of it from the right of who faces the front",
}


def _generate_arguments(make: argparse.ArgumentParser) -> None:
    make.set_defaults(run=_generate)
    make.add_argument("inputs", metavar="PICTURE", nargs="+", type=Path, help="a JPEG, PNG or WebP file")
    make.add_argument("-o", "--output", metavar="OUT.glb", type=Path, required=True, help=_SEVERAL)
    make.add_argument(
        "--mask",
        metavar="FILE",
        type=Path,
        help="a second picture, of the same size or proportions, that says where the object is: white, or opaque; the "
        "rest is black, or transparent",
    )
    for view, text in _SIDES.items():
        make.add_argument(f"--{view}", metavar="FILE", type=Path, help=text)
    for field in ("diffusion_steps", "seed"):
        make.add_argument(_flag(field), metavar="N", type=int, help=_describe(field))
    names = ", ".join(sorted(point.name for point in entry_points(group=registry.GROUP)))
    make.add_argument("--generator", metavar="NAME", help=f"{_describe('generator')} Installed: {names}.")
    make.add_argument("--matte", metavar="NAME", help=_describe("matte"))
    make.add_argument(
        "--option",
        dest="own",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        type=_own_option,
        help="An option of the generator's own; can be given several times. Those of lift and lift-flow: "
        + " ".join(f"{field}: {_describe(field, LiftOptions)}" for field in _own_names(LiftOptions).values()),
    )
    _add_finishing(make, faces=_describe("simplify_ratio"), size="--longest 1m")


def _finish_arguments(rework: argparse.ArgumentParser) -> None:
    rework.set_defaults(run=_finish)
    rework.add_argument(
        "inputs",
        metavar="MESH",
        nargs="+",
        type=Path,
        help="a GLB, glTF, OBJ, PLY, STL, DAE, 3MF or USD file, or a ZIP",
    )
    rework.add_argument("-o", "--output", metavar="OUT.glb", type=Path, required=True, help=_SEVERAL)
    rework.add_argument(
        "--up",
        choices=("y", "z"),
        help="The mesh's upward axis. Defaults to what the file says, else z for STL, y for others.",
    )
    rework.add_argument(
        "--unit",
        choices=tuple(METRES),
        help="The unit of its coordinates, instead of --height. Defaults to what the file says, else mm for STL, m for "
        "others.",
    )
    rework.add_argument(
        "--keep-mesh",
        action="store_true",
        help="Keep its triangles and normals, open or not; only its materials are baked into one atlas.",
    )
    rework.add_argument(
        "--keep-uv",
        action="store_true",
        help="Keep its texture coordinates, materials and image files, too, byte for byte.",
    )
    faces = f"{Options.model_fields['simplify_ratio'].description} From 0 to 0.99; without it and --target-faces at "
    _add_finishing(rework, faces=f"{faces}most {MESH_FACES} faces are kept.", size="the size of the mesh")


def _convert_arguments(change: argparse.ArgumentParser) -> None:
    change.set_defaults(run=_convert)
    change.add_argument("asset", metavar="ASSET.glb", type=Path, help="a GLB written by generate or finish")
    change.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help=_OUTPUT)


ARGUMENTS = {"generate": _generate_arguments, "finish": _finish_arguments, "convert": _convert_arguments}
"""What adds the arguments of each command, and the function that runs it, to its parser."""


def _add_finishing(make: argparse.ArgumentParser, *, faces: str, size: str) -> None:
    """The options of every command that makes an asset; what becomes of faces and size without them."""
    make.add_argument("--name", metavar="NAME", help=f"{_describe('name')} Defaults to the file's name.")
    make.add_argument("--texture-size", metavar="PX", type=int, help=_describe("texture_size"))
    make.add_argument("--simplify-ratio", metavar="R", type=float, help=faces)
    make.add_argument("--target-faces", metavar="N", type=int, help=_describe("target_faces"))
    sizes = make.add_mutually_exclusive_group()
    for measure in MEASURES:
        sizes.add_argument(
            f"--{measure}",
            dest="dimensions",
            metavar="LENGTH",
            type=partial(_length, measure),
            help=f"The object's real size by its {measure}{' side' * (measure == 'longest')}: a number with a unit"
            f" ({', '.join(METRES)}), such as 31cm, from 1 mm to 1000 m. Defaults to {size}.",
        )
    make.add_argument("--lods", metavar="RATIOS", type=ratios, help=f"{_describe('lods')} Such as 0.5,0.25.")
    make.add_argument("--pivot", metavar="{base,center}", help=_describe("pivot"))
    make.add_argument("--collider", metavar="{none,box,convex,decomposed}", help=_describe("collider"))
    make.add_argument("--texture-format", metavar="{jpeg,png,webp}", help=_describe("texture_format"))
    make.add_argument("--compression", metavar="{none,quantized,meshopt}", help=_describe("compression"))
    for field in ("normal_map", "occlusion", "delight"):
        text = Options.model_fields[field].description
        make.add_argument(_flag(field), action="store_const", const=True, help=text)


def _flag(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _describe(field: str, model: type[Options] = Options) -> str:
    info = model.model_fields[field]
    text = f"{in_flags(info.description or '')} {terms(info)}".rstrip()
    return text.replace("%", "%%")  # argparse treats % in help texts as a format


def in_flags(text: str) -> str:
    """A message of the library or the API with the names of the options as they are on the command line."""
    flags = {name: _flag(field) for field, info in Options.model_fields.items() for name in (field, info.alias)}
    flags["unit"] = "--unit"
    apart = {f"dimensions.{measure}": f"--{measure}" for measure in MEASURES}
    apart |= {name: _flag(name) for name in ("keep_mesh", "keep_uv")}
    text = re.sub(r"\boptions\.([a-zA-Z_]+(?:\.[a-z]+)?)", lambda found: (flags | apart).get(found[1], found[0]), text)
    text = re.sub(rf"(?<![-\w])({'|'.join(apart)})\b", lambda found: apart[found[1]], text)
    text = renamed(text, _flag)
    return re.sub(rf"^({'|'.join(name for name in flags if name)})(?= is )", lambda found: flags[found[1]], text)


def _own_option(text: str) -> tuple[str, str]:
    """NAME=VALUE, of a generator's own option."""
    name, equals, value = text.partition("=")
    if name in _SHARED:
        raise argparse.ArgumentTypeError(f"{name} is an option of all generators, with a flag of its own")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not an option of a generator's own: give NAME=VALUE")
    return name, value


def _own_names(model: type[Options]) -> dict[str, str]:
    """The options of a generator's own: their fields, by the names that the API has for them."""
    return {info.alias or name: name for name, info in model.model_fields.items() if name not in Options.model_fields}


def _with_own(card: Card, given: dict[str, Any], own: dict[str, str]) -> Options:
    """The shared options and a generator's own. Raises InvalidOption, which calls the latter as --option does."""
    names = _own_names(card.options)
    values = {}
    for name, text in own.items():
        field = names.get(name, name)
        if field not in names.values():
            near = difflib.get_close_matches(name, names.values(), n=1)
            known = f"Its own: {', '.join(names.values())}." if names else "It has none of its own."
            raise InvalidOption(
                f"--option {name} is no option of {card.name}.",
                hint=f"Did you mean {near[0]}?" if near else known,
                field=f"options.{name}",
            )
        alias = next(alias for alias, known in names.items() if known == field)
        values[field] = from_text(card.options, (alias,), text)
    try:
        return card.options(**given, **values)
    except InvalidOption as error:
        wrong = error.field or ""
        if (mine := names.get(wrong.removeprefix("options."))) is None:
            raise
        message = error.message.replace(wrong, f"--option {mine}", 1)
        raise InvalidOption(message, hint=error.hint, field=error.field, value=error.value) from error


def ratios(text: str) -> list[float]:
    """Comma-separated numbers."""
    try:
        return [float(ratio) for ratio in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers, such as 0.5,0.25") from error


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


def _generate(arguments: argparse.Namespace) -> int:
    def work(picture: Path, options: Options, progress: Progress | None) -> Asset:
        from spherelinks.pipeline import generate

        return generate(picture, options, progress, mask=mask, back=back, left=left, right=right)

    mask, back, left, right = (getattr(arguments, name) for name in ("mask", *_SIDES))
    beside: dict[str, Path | None] = {"mask": mask, "back": back, "left": left, "right": right}
    for name, path in beside.items():
        if path is None:
            continue
        if len(arguments.inputs) > 1:
            what = "mask" if name == "mask" else f"picture of the {name}"
            raise InvalidRequest(
                f"--{name} is '{path}', one {what} for {len(arguments.inputs)} pictures.",
                hint="Give one picture with it.",
            )
        _check_input(path)
    return _make(arguments, work)


def _finish(arguments: argparse.Namespace) -> int:
    def work(mesh: Path, options: Options, progress: Progress | None) -> Asset:
        from spherelinks.pipeline import finish

        kept = {"keep_mesh": arguments.keep_mesh, "keep_uv": arguments.keep_uv}
        return finish(mesh, options, progress, up=arguments.up, unit=arguments.unit, **kept)

    return _make(arguments, work)


def _make(arguments: argparse.Namespace, work: Callable[[Path, Options, Progress | None], Asset]) -> int:
    """One asset, or several into a folder, where what is wrong with one does not keep the others from being made."""
    with _told_in_flags():
        options = _options(arguments)
    folder: Path = arguments.output
    if len(arguments.inputs) == 1 and not folder.is_dir():
        _deliver(arguments, arguments.inputs[0], _output(folder), options, work)
        return 0
    outputs = _outputs(arguments.inputs, folder)
    if options.name is not None and len(outputs) > 1:
        raise InvalidRequest(
            f"--name is '{options.name}', one name for {len(outputs)} assets.",
            hint="Leave it out: each has its file's.",
        )
    code, records = 0, []
    for path, output in outputs.items():
        try:
            records.append(_deliver(arguments, path, output, options, work, alone=False))
        except Exception as error:
            code = code or exit_code(error)
            records.append({"input": str(path), "error": described(error)})
            if not arguments.json:
                failed(error, as_json=False, of=path)
    if arguments.json:
        print(json.dumps(records))
    return code


def _outputs(inputs: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Each input's file in the folder. Raises InvalidRequest for two that would get the same one."""
    if not folder.is_dir():
        raise InvalidRequest(
            f"--output is '{folder}', which is no folder: {len(inputs)} files go into one.",
            hint="Give a folder." if folder.suffix else f"Make it first, with: mkdir {folder}",
        )
    outputs: dict[Path, Path] = {}
    for path in inputs:
        output = folder / f"{path.stem}.glb"
        for earlier, taken in outputs.items():
            if taken == output:
                raise InvalidRequest(f"{earlier} and {path} would both become {output}.", hint="Rename one of them.")
        outputs[path] = output
    return outputs


@contextmanager
def _told_in_flags() -> Iterator[None]:
    """What is wrong with an option is said of the flag that gave it."""
    try:
        yield
    except InvalidOption as error:
        message, hint = in_flags(error.message), in_flags(error.hint)
        raise InvalidOption(
            message, hint=hint, field=error.field, value=error.value, complaint=error.complaint
        ) from error


def _options(arguments: argparse.Namespace) -> Options:
    values = vars(arguments)
    given = {name: values[name] for name in Options.model_fields if values.get(name) is not None}
    own = dict(values.get("own", ()))
    if not own:
        return Options(**given)
    return _with_own(registry.card(given.get("generator", DEFAULT_GENERATOR)), given, own)


def _deliver(
    arguments: argparse.Namespace,
    path: Path,
    output: Path,
    options: Options,
    work: Callable[[Path, Options, Progress | None], Asset],
    *,
    alone: bool = True,
) -> dict[str, Any]:
    """Make one asset and say so, as JSON where it is the only one and that is wanted. Returns its record."""
    _check_input(path)
    with _nothing_to_clean_up(as_json=arguments.json), _told_in_flags(), _progress_bar() as progress:
        asset = work(path, options, progress)
    left_out: list[str] = []
    asset.save(output, left_out.append)
    report = asset.report.model_copy(update={"warnings": [*asset.report.warnings, *left_out]})
    record = {"path": str(output), "report": dict(report)}
    if arguments.json:
        if alone:
            print(json.dumps(record))
        return {"input": str(path), **record}
    size = report.dimensions
    sides = f"{size.width:.3g} × {size.height:.3g} × {size.depth:.3g} m"
    sure = f", {report.confidence.level} confidence" if report.confidence else ""
    faces = f"{report.faces} face{'s' * (report.faces != 1)}"
    print(f"{output}: {faces}, {sides}, {report.texture_size} px texture, {_megabytes(output)}{sure}")
    hints = {reason.message: f" {reason.hint}" for reason in (report.confidence.reasons if report.confidence else ())}
    whose = "" if alone else f"{output}: "
    _show_notes(whose + in_flags(warning + hints.get(warning, "")) for warning in report.warnings)
    return record


def _show_notes(notes: Iterable[str]) -> None:
    for each in notes:
        print(f"note: {each}", file=sys.stderr)


def _check_input(path: Path) -> None:
    """Raises OSError for a file that cannot be read, whatever the command."""
    with path.open("rb"):
        pass


def _output(output: Path) -> Path:
    """The output path, checked before any work."""
    writing.kind_of(output)
    writing.check_folder(output)
    return output


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def _convert(arguments: argparse.Namespace) -> None:
    output = _output(arguments.output)
    glb = arguments.asset.read_bytes()
    notes: list[str] = []
    with _nothing_to_clean_up(as_json=arguments.json):
        data = writing.convert(glb, writing.kind_of(output), notes.append)
    writing.save(data, output)
    record = {"path": str(output), "bytes": output.stat().st_size} | ({"warnings": notes} if notes else {})
    show(record, as_json=arguments.json, line=f"{{path}}: {_megabytes(output)}")
    if not arguments.json:
        _show_notes(notes)


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
