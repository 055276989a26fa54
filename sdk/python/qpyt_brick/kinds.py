"""From Python types to kinds of ports: `Image | None` is a picture that may be missing, `list[str]` any number of
texts."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from .media import Image, Tensor

PortKind = Literal["image", "mask", "text", "number", "boolean", "json", "tensor", "any"]
"""What flows through a port."""

Mask = Annotated[Image, "mask"]
"""A picture with one channel; white is "in"."""

Json = Annotated[Any, "json"]
"""Any value that JSON can hold."""


@dataclass(frozen=True)
class Value:
    """What a port that accepts anything carries: a kind and what it holds."""

    kind: Literal["image", "tensor", "text", "number", "boolean", "json"]
    content: Any


@dataclass(frozen=True)
class Shape:
    """How many values of which kind a port carries."""

    kind: PortKind
    optional: bool = False
    many: bool = False


_PLAIN: dict[Any, PortKind] = {
    Image: "image",
    Tensor: "tensor",
    str: "text",
    float: "number",
    int: "number",
    bool: "boolean",
    dict: "json",
    Value: "any",
}


def shape(annotation: Any) -> Shape | None:
    """The shape that a type stands for; none if no port can carry it."""
    inner = or_none(annotation)
    if inner is not None:
        found = shape(inner)
        return None if found is None or found.many else Shape(found.kind, optional=True)
    if get_origin(annotation) is list:
        found = shape(get_args(annotation)[0])
        return None if found is None or found.many else Shape(found.kind, many=True)
    kind = _kind(annotation)
    return None if kind is None else Shape(kind)


def _kind(annotation: Any) -> PortKind | None:
    if get_origin(annotation) is Annotated:
        return next((mark for mark in annotation.__metadata__ if mark in ("mask", "json")), None)
    return _PLAIN.get(get_origin(annotation) or annotation)


def or_none(annotation: Any) -> Any | None:
    """`T` of `T | None`; none for other types."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return None
    others = [part for part in get_args(annotation) if part is not type(None)]
    is_optional = len(others) == 1 and len(get_args(annotation)) == 2
    return others[0] if is_optional else None
