"""The OpenAPI document and the pages that show it, all served from here: they work offline."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from flask import Blueprint, Response, json, render_template
from flask_openapi3.openapi import OpenAPI
from PIL import Image, ImageDraw
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from spherelinks.generation.card import Card
from spherelinks.options import DEFAULT_GENERATOR
from spherelinks.shape import SIDES
from spherelinks_server import headers
from spherelinks_server.dashboard import gate
from spherelinks_server.services import services
from spherelinks_server.v1 import forms, models
from spherelinks_server.v1.api import SECURITY_SCHEME

_SCALAR = str(files("flask_openapi3_scalar") / "templates" / "scalar" / "js")
_CONFIGURATION = {
    "authentication": {"preferredSecurityScheme": SECURITY_SCHEME},
    "withDefaultFonts": False,
    "hideClientButton": True,
    "showDeveloperTools": "never",
    "telemetry": False,
    "agent": {"disabled": True},
    "mcp": {"disabled": True},
    "documentDownloadType": "json",
    "defaultHttpClient": {"targetKey": "shell", "clientKey": "curl"},
}
_SAMPLES = {
    ("/v1/generate", "post"): """\
JOB=$(curl -sSf SERVER_ADDRESS/v1/generate -H "Authorization: Bearer $SPHERELINKS_KEY" \\
  -F image=@mug.jpg | grep -o 'job_[0-9a-z]*')""",
    ("/v1/status/{jobId}", "get"): """\
curl -sSf "SERVER_ADDRESS/v1/status/$JOB?wait=60" -H "Authorization: Bearer $SPHERELINKS_KEY\"""",
    ("/v1/download/{jobId}", "get"): """\
curl -sSf SERVER_ADDRESS/v1/download/$JOB -H "Authorization: Bearer $SPHERELINKS_KEY" -o mug.glb""",
}
"""What to paste into a shell, by path and method."""
_SERVER = "SERVER_ADDRESS"
_REF = "#/components/schemas/{model}"


class _Untitled(GenerateJsonSchema):
    """Schemas without the titles that pydantic derives from field names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def document(app: OpenAPI, offered: Mapping[str, Card]) -> dict[str, Any]:
    """The OpenAPI 3.1 document: the framework's paths with pydantic's schemas; the framework's own lose keywords.

    offered : the generators to choose from, by name

    In its samples, ``_SERVER`` stands for the address.
    """
    written: dict[str, Any] = app.api_doc
    used: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in models.REQUESTS),
        *((model, "serialization") for model in models.ANSWERS),
    ]
    _, schemas = models_json_schema(used, ref_template=_REF, schema_generator=_Untitled)
    written["components"]["schemas"] = schemas["$defs"]
    schemas["$defs"]["GenerateForm"] = _form(schemas["$defs"]["GenerateRequest"])
    options = schemas["$defs"]["Options"]
    options["description"] = "The options. An unknown option or a value out of range is refused, never clamped."
    generator = options["properties"]["generator"]
    generator["enum"] = list(offered)
    del generator["minLength"], generator["maxLength"]
    for name, owners in _owned(offered).items():
        declared, names = owners[0].own[name], [card.name for card in owners]
        others = [other for other in offered if other not in names]
        only = f"Only for {', '.join(names)}: {declared['description']}"
        options["properties"].setdefault(name, {**declared, "description": only})
        refused = {"required": [name, "generator"], "properties": {"generator": {"enum": others}}}
        by_default = {"required": [name], "not": {"required": ["generator"]}}
        rules = [refused] * bool(others) + [by_default] * (DEFAULT_GENERATOR in others)
        options.setdefault("allOf", []).extend({"not": rule} for rule in rules)
    for path in written["paths"].values():
        for operation in path.values():
            parameters = operation.get("parameters", [])
            # the framework assumes that everything is validated; an operation with only a path has nothing to validate
            if "requestBody" not in operation and all(parameter["in"] == "path" for parameter in parameters):
                operation["responses"].pop("400", None)
            for parameter in parameters:
                parameter["schema"] = _without_null(parameter["schema"])
    generate = written["paths"]["/v1/generate"]["post"]
    generate["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": _REF.format(model="GenerateRequest")}, "example": _example()},
            forms.MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="GenerateForm")}},
        },
    }
    for (path, method), source in _SAMPLES.items():
        sample = {"lang": "shell", "label": "curl", "source": source}
        written["paths"][path][method]["x-codeSamples"] = [sample]
    return written


@functools.cache
def _example() -> dict[str, Any]:
    """A request that works as it stands: its picture is inside."""
    disc = Image.new("RGB", (48, 48), "white")
    ImageDraw.Draw(disc).ellipse((8, 8, 40, 40), fill="tomato")
    buffer = io.BytesIO()
    disc.quantize(16).save(buffer, "PNG", optimize=True)
    picture = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return {"imageUrl": picture, "options": {"textureSize": 1024, "simplifyRatio": 0.95}}


def _form(request: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a form, which takes what a JSON request takes, with a file in place of its pictures."""
    image = {
        "type": "string",
        "format": "binary",
        "description": "A JPEG, PNG or WebP file of at most 10 MB. The asset gets the file's name unless "
        "`options.name` is given.",
    }
    files = {"image": image}
    files["mask"] = image | {"description": "A file of the same size that says where the object is, as `maskUrl` does."}
    for view in SIDES:
        told = f"A file that shows the {view} of the same object; `image` then shows its front."
        files[view] = image | {"description": told}
    pictures = ("images", *(f"{name}{form}" for name in files for form in ("Url", "Base64")))
    others = {name: field for name, field in request["properties"].items() if name not in pictures}
    return {
        "type": "object",
        "description": "The picture's file and the options: as JSON, or as fields of their own, such as "
        "`options.textureSize` and `options.dimensions.height`.",
        "properties": files | {name: _without_null(field) for name, field in others.items()},
        "required": ["image"],
        "additionalProperties": False,
    }


def _owned(offered: Mapping[str, Card]) -> dict[str, list[Card]]:
    """The options that only some generators have, and the cards of those."""
    found: dict[str, list[Card]] = {}
    for card in offered.values():
        for name in card.own:
            found.setdefault(name, []).append(card)
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter or field of a form: it may be left out, but cannot be null."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default", "title")}
    default = {"default": schema["default"]} if schema.get("default") is not None else {}
    return (kinds[0] if len(kinds) == 1 else {}) | rest | default


def blueprint(app: OpenAPI) -> Blueprint:
    """``/v1/openapi.json``, and ``/v1/docs`` to browse it."""
    pages = Blueprint("docs", __name__, static_folder=_SCALAR, static_url_path="/v1/docs/assets")
    written: dict[tuple[tuple[str, str], ...], str] = {}

    @pages.get("/v1/openapi.json")
    @pages.get("/openapi.json")
    def openapi() -> Response:
        cards = services().generators.cards
        key = tuple((card.name, card.version) for card in cards.values())
        if key not in written:
            written.clear()
            written[key] = json.dumps(document(app, cards), indent=2)
        here = json.dumps(gate.base_url()).strip('"')
        return Response(written[key].replace(_SERVER, here), mimetype="application/json")

    @pages.get("/v1/docs")
    @pages.get("/docs")
    def browse() -> Response:
        page = Response(render_template("docs.html", configuration=_CONFIGURATION), mimetype="text/html")
        page.headers["Content-Security-Policy"] = headers.DOCS_POLICY
        return page

    return pages
