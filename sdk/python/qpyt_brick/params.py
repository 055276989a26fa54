"""Parameters: the fields of a brick's class, which the person fills in through a form. Their JSON Schema (2020-12)
has the `x-` keys that the studio's forms read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from .kinds import or_none
from .names import label

Choice = str | tuple[str, str] | tuple[str, str, str]
"""A value that the person may choose: the value, with a label, and with the heading of a group."""

Widget = Literal["text", "prompt", "model", "seed", "size", "styles", "image", "mask", "colour", "folder"]
"""An editor other than the one that follows from the type."""

_NONE_GIVEN = object()
_JSON_TYPES: dict[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}
_EMPTY: dict[str, Any] = {"string": "", "boolean": False, "integer": 0, "number": 0.0}


def param(
    default: Any = _NONE_GIVEN,
    *,
    doc: str = "",
    title: str | None = None,
    min: float | None = None,
    max: float | None = None,
    step: float | None = None,
    multiple_of: float | None = None,
    max_items: int | None = None,
    choices: Sequence[Choice] | None = None,
    widget: Widget | None = None,
    hints: Mapping[str, Any] | None = None,
) -> Any:
    """A parameter. Without `default` it is empty, 0, off, none or the first of its choices. `step` is how far one press
    of an arrow key goes; `multiple_of` allows multiples only. `hints` are further keys for the form, such as
    `{"x-model-family": "stable-diffusion"}`."""
    keywords = {
        "title": title,
        "description": doc or None,
        "minimum": min,
        "maximum": max,
        "multipleOf": multiple_of,
        "maxItems": max_items,
        "x-step": multiple_of if step is None else step,
        "x-widget": widget,
        **(hints or {}),
    }
    metadata = {"keywords": keywords, "choices": choices}
    if default is _NONE_GIVEN:
        return dataclasses.field(metadata=metadata)
    if isinstance(default, list):
        return dataclasses.field(metadata=metadata, default_factory=lambda: list(default))
    return dataclasses.field(metadata=metadata, default=default)


def complete(cls: type, name: str, annotation: Any) -> dict[str, Any]:
    """Gives the field its default, and says the parameter's schema."""
    field = cls.__dict__.get(name, param())
    if not isinstance(field, dataclasses.Field):
        field = param(field)
    setattr(cls, name, field)
    schema, choices = _type(cls, name, annotation, field.metadata["choices"])
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        _set_default(field, _empty(schema, choices))
    default = field.default if field.default is not dataclasses.MISSING else field.default_factory()
    keywords = {key: value for key, value in field.metadata["keywords"].items() if value is not None}
    return {**schema, "title": label(name), "default": default, **keywords}


def _type(cls: type, name: str, annotation: Any, choices: Sequence[Choice] | None) -> tuple[dict[str, Any], list[str]]:
    inner = or_none(annotation)
    if inner is not None:
        schema, offered = _type(cls, name, inner, choices)
        return {**schema, "type": [schema["type"], "null"]}, offered
    if get_origin(annotation) is list:
        items, _ = _type(cls, name, get_args(annotation)[0], choices)
        return {"type": "array", "items": items}, []
    if get_origin(annotation) is Literal:
        annotation, choices = str, choices or get_args(annotation)
    if annotation not in _JSON_TYPES:
        raise TypeError(
            f"{cls.__name__}.{name}: a parameter can't be {annotation}; it may be str, bool, int, float, a Literal of "
            "texts, a list of those or one of those or None"
        )
    schema = {"type": _JSON_TYPES[annotation]}
    return (schema, []) if choices is None else _offer(schema, choices)


def _offer(schema: dict[str, Any], choices: Sequence[Choice]) -> tuple[dict[str, Any], list[str]]:
    """Writes the values allowed, and side by side with them their labels and groups."""
    parts = [(choice,) if isinstance(choice, str) else choice for choice in choices]
    values = [part[0] for part in parts]
    schema |= {"enum": values, "x-labels": [part[1] if len(part) > 1 else part[0] for part in parts]}
    if any(len(part) > 2 for part in parts):
        schema["x-groups"] = [part[2] if len(part) > 2 else "" for part in parts]
    return schema, values


def _empty(schema: dict[str, Any], choices: list[str]) -> Any:
    match schema["type"]:
        case list():
            return None
        case "array":
            return []
        case plain:
            return choices[0] if choices else _EMPTY[plain]


def _set_default(field: dataclasses.Field[Any], default: Any) -> None:
    if isinstance(default, list):
        field.default_factory = list
    else:
        field.default = default
