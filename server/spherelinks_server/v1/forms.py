"""A request for a job as multipart/form-data: read as the JSON body that it stands for, and the files."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any, NoReturn

from flask import request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from spherelinks import options
from spherelinks.errors import InvalidRequest, shortened
from spherelinks.options import DEFAULT_GENERATOR, Options
from spherelinks.shape import SIDES
from spherelinks_server.v1.models import options_of

MEDIA_TYPE = "multipart/form-data"
FILES = ("image", "mask", *SIDES)
"""The fields that may be files: the picture, which is the front's, its mask, and those of other sides."""

_MAX_PARTS = 100
_DEEPEST = 3
"""Parts of the longest name, such as options.dimensions.height."""
_HINT = "Send the picture's file as image; with curl: -F image=@mug.jpg"
_SIDES_HINT = f"Send the front's file as image, and those of other sides as {', '.join(SIDES)}."


@dataclass(frozen=True)
class Form:
    """body : the fields as in a JSON body; files : by the name of their field, one of ``FILES``"""

    body: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)


def read(most_text: int) -> Form:
    """The form that the request's body holds.

    Options are fields such as ``options.seed`` and ``options.dimensions.height``, or one field ``options`` of JSON; the
    same goes for ``output``. Without ``options.name`` the asset gets the name of the picture's file, if that has one.

    most_text : size limit of all fields together, characters, the files apart

    Raises InvalidRequest, which names the field.
    """
    fields, files = _parts(most_text)
    _check(fields, files)
    body: dict[str, Any] = {}
    model = options_of(_generator(fields))
    for name in sorted(fields, key=lambda name: name.count(".")):  # options before options.seed
        _put(body, name, _value(name, fields[name], model))
    chosen = body.setdefault("options", {})
    if "image" in files and isinstance(chosen, dict) and "name" not in chosen:
        stem = options.name_of_file(files["image"].filename or "")
        chosen |= {"name": stem} if stem else {}
    return Form(body, {name: _content(name, file) for name, file in files.items()})


def _parts(most_text: int) -> tuple[dict[str, str], dict[str, FileStorage]]:
    """The text fields by name, and the files."""
    parser = FormDataParser(
        stream_factory=_in_memory,
        max_form_parts=_MAX_PARTS,
        silent=False,
    )
    data = io.BytesIO(request.get_data(cache=False))
    try:
        _, form, files = parser.parse(data, request.mimetype, None, request.mimetype_params)
    except RequestEntityTooLarge as error:
        raise InvalidRequest(f"The form has more than {_MAX_PARTS} fields.", hint=_HINT) from error
    except ValueError as error:
        raise InvalidRequest(
            "The body is not valid multipart/form-data.", hint="Let your HTTP client write body and Content-Type."
        ) from error
    texts, pictures = [*form.items(multi=True)], [*files.items(multi=True)]
    size = sum(len(name) + len(text) for name, text in texts)
    if size > most_text:
        raise InvalidRequest(f"The form has {size} characters beside its files; the limit is {most_text}.", hint=_HINT)
    names = [name for name, _ in (*texts, *pictures)]
    for name in names:
        if names.count(name) > 1:
            _twice(name)
    return dict(texts), dict(pictures)


def _in_memory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> io.BytesIO:
    """Where a file goes: the body is in memory already, and bounded."""
    return io.BytesIO()


def _twice(name: str) -> NoReturn:
    name = shortened(name)
    raise InvalidRequest(f"{name} is given twice.", hint="Give each field once.", field=name)


def _unknown(name: str, kind: str, hint: str = _HINT) -> InvalidRequest:
    name = shortened(name)
    return InvalidRequest(f"{name} is not a known {kind}.", hint=hint, field=name)


def _hint(name: str) -> str:
    """How the file of that name is sent."""
    return _HINT if name == "image" else f"Send the file as {name}; with curl: -F {name}=@{name}.png"


def _check(fields: dict[str, str], files: dict[str, FileStorage]) -> None:
    """Raises InvalidRequest unless there is one picture, at most one mask, and at most one of each other side."""
    if "images" in fields:
        raise InvalidRequest("images is a field of JSON bodies.", hint=_SIDES_HINT, field="images")
    if other := next((name for name in files if name not in FILES), None):
        raise _unknown(other, "file", _HINT if "image" not in files else f"{_SIDES_HINT} A mask's is mask.")
    for name in FILES:
        if name in fields:
            raise InvalidRequest(f"{name} is a text, not a file.", hint=_hint(name), field=name)
        others = [f"{name}{form}" for form in ("Url", "Base64") if f"{name}{form}" in fields]
        if name in files and others:
            raise InvalidRequest(f"{name} and {others[0]} are both given.", hint="Give one of the two.", field=name)
        if name == "image" and name not in files and not others:
            raise InvalidRequest(f"{name} is missing.", hint=_HINT, field=name)


def _content(name: str, file: FileStorage) -> bytes:
    data = file.stream.read()
    if not data:
        raise InvalidRequest(f"{name} is empty.", hint=_hint(name), field=name)
    return data


def _generator(fields: dict[str, str]) -> str:
    """The generator that the form asks for."""
    name: object = fields.get("options.generator")
    if name is None:
        given = _json("options", fields["options"]) if "options" in fields else {}
        name = given.get("generator") if isinstance(given, dict) else None
    return name if isinstance(name, str) else DEFAULT_GENERATOR


def _value(name: str, text: str, model: type[Options]) -> object:
    """A field's value as it would be in JSON."""
    if name in ("options", "output"):
        return _json(name, text)
    head, _, rest = name.partition(".")
    return options.from_text(model, rest.split("."), text) if head == "options" and rest else text


def _json(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            f"{name} is not valid JSON.",
            hint=f"Give a JSON object, or fields such as {_EXAMPLES[name]}.",
            field=name,
        ) from error


_EXAMPLES = {"options": "options.textureSize=2048", "output": "output.putUrl=https://…"}


def _put(body: dict[str, Any], name: str, value: object) -> None:
    """Put a value where its dotted name says."""
    *outer, last = name.split(".") if name.startswith(("options.", "output.")) else [name]
    if len(outer) >= _DEEPEST:
        raise _unknown(name, "field")
    place: Any = body
    for step in outer:
        place = place.setdefault(step, {})
        if not isinstance(place, dict):
            _twice(name)
    if last in place:
        _twice(name)
    place[last] = value
