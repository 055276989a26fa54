"""Looks over what a brick says about itself, so that the build names what the studio would refuse or a person would
miss."""

from __future__ import annotations

import re
from typing import Any, get_args

from .brick import Category, Definition
from .ports import Port

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 64


def problems(brick: Definition, version: str | None = None) -> list[str]:
    """Everything that is wrong with a brick; an empty list if nothing is."""
    return [
        *_texts(brick, version),
        *_ports("input", brick.input_ports),
        *_ports("output", brick.output_ports),
        *(text for name, schema in brick.schema["properties"].items() for text in _default(name, schema)),
    ]


def _texts(brick: Definition, version: str | None) -> list[str]:
    found = []
    namespace, _, name = brick.id.partition(":")
    if not (_is_name(namespace) and _is_name(name)):
        found.append(f"id `{brick.id}`: it should be `namespace:name`, both lower-case words joined by `-`")
    if not re.match(r"\d+\.\d+\.\d+", brick.version or version or ""):
        found.append(f"version `{brick.version or version}`: write one such as 0.1.0 in pyproject.toml")
    if not brick.label:
        found.append("label: there is none")
    if not brick.doc:
        found.append("docstring: there is none to tell the person what the brick does")
    if brick.category not in get_args(Category):
        found.append(f"category `{brick.category}`: it should be one of {', '.join(get_args(Category))}")
    return found


def _ports(side: str, ports: tuple[Port, ...]) -> list[str]:
    found = []
    for port in ports:
        if not _is_name(port.name):
            found.append(f"{side} `{port.name}`: its name should be lower-case words joined by `-`")
        if not port.doc:
            found.append(f"{side} `{port.name}`: it has no doc to explain it")
    return found


def _default(name: str, schema: dict[str, Any]) -> list[str]:
    value = schema["default"]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    outside = is_number and not schema.get("minimum", value) <= value <= schema.get("maximum", value)
    not_offered = "enum" in schema and value not in schema["enum"]
    return [f"parameter `{name}`: its default {value!r} is not allowed"] if outside or not_offered else []


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None
