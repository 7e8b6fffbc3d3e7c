"""The base of our pydantic models: help(), dir() and completion show what a model means, not how pydantic works."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

_FIELDS = "\n\nFields\n------\n"


class _Shown(ModelMetaclass):
    """Hides what pydantic adds from dir(), which help() and completion use."""

    def __dir__(cls) -> list[str]:
        own = (base for base in cls.__mro__ if base not in (Model, *BaseModel.__mro__))
        names = {name for base in own for name in vars(base) if not name.startswith(("_", "model_"))}
        return sorted({*names, *cls.model_fields})  # type: ignore[attr-defined]  # known of the models only


class Model(BaseModel, metaclass=_Shown):
    """Lists the fields below a subclass's docstring, and gives its signature their Python names."""

    def __dir__(self) -> list[str]:
        return dir(type(self))

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not cls.model_fields:
            return
        told = (_told(name, field, cls.model_fields) for name, field in cls.model_fields.items())
        cls.__doc__ = inspect.cleandoc(cls.__doc__ or "").partition(_FIELDS)[0] + _FIELDS + "\n".join(told)
        keyword, empty = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.empty
        cls.__signature__ = inspect.Signature(
            [
                inspect.Parameter(name, keyword, default=empty if field.is_required() else field.get_default())
                for name, field in cls.model_fields.items()
            ]
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        found = handler.resolve_ref_schema(described)
        if "description" in found:  # the fields have theirs beside them
            found["description"] = found["description"].partition(_FIELDS)[0]
        return described


def terms(field: FieldInfo) -> str:
    """A field's range and default: ``From 512 to 2048; defaults to 1024.``"""
    parts = [text for text in (_range(field), _choice(field)) if text]
    if not field.is_required() and (default := field.get_default()) not in (None, ()):
        parts.append(f"defaults to {default}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _told(name: str, field: FieldInfo, fields: Mapping[str, FieldInfo]) -> str:
    """A field's lines in its model's docstring, in which other fields have their Python names, too."""
    aliases = {other.alias: name for name, other in fields.items() if other.alias}
    text = f"{name} : {field.description or _purpose(field)} {terms(field)}".rstrip()
    if aliases:
        text = re.sub(rf"\b({'|'.join(aliases)})\b", lambda found: aliases[found[1]], text)
    return textwrap.fill(text, 110, subsequent_indent="    ", break_on_hyphens=False)


def _range(field: FieldInfo) -> str:
    limits = [*field.metadata]
    for kind in get_args(field.annotation):
        limits += [limit for info in getattr(kind, "__metadata__", ()) for limit in getattr(info, "metadata", [info])]
    bounds = {
        name: getattr(limit, name) for limit in limits for name in ("ge", "gt", "le", "lt") if hasattr(limit, name)
    }
    if "ge" in bounds and "le" in bounds:
        return f"from {bounds['ge']} to {bounds['le']}"
    if "gt" in bounds and "lt" in bounds:
        return f"above {bounds['gt']} and below {bounds['lt']}"
    return ""


def _choice(field: FieldInfo) -> str:
    return (
        f"one of {', '.join(map(str, get_args(field.annotation)))}" if get_origin(field.annotation) is Literal else ""
    )


def _purpose(field: FieldInfo) -> str:
    """The first line of the docstring of a field's model, else the field's type."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, Model):
            return (kind.__doc__ or "").partition("\n")[0]
    return f"{getattr(field.annotation, '__name__', field.annotation)}."
