"""Ports: what a brick takes and gives, as the fields of two classes."""

from __future__ import annotations

import dataclasses
import inspect
import json
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, dataclass_transform, get_type_hints

from .errors import BrickError
from .kinds import PortKind, Shape, Value, shape
from .media import Image, Tensor
from .names import kebab, label

_NONE_GIVEN = object()
P = TypeVar("P", bound="Ports")


def port(doc: str, *, label: str | None = None, required: bool = False, default: Any = _NONE_GIVEN) -> Any:
    """One input or output. `doc` is a sentence for the person, `label` what they read instead of the field's name.
    `required` asks for at least one value where there may be many. Give optional fields `default=None`."""
    value = {} if default is _NONE_GIVEN else {"default": default}
    return dataclasses.field(metadata={"doc": doc, "label": label, "required": required}, **value)


@dataclass(frozen=True)
class Port:
    """A port as the contract has it, and the field that it fills."""

    field: str
    shape: Shape
    label: str
    required: bool
    doc: str

    @property
    def name(self) -> str:
        """Lower-case words joined by `-`."""
        return kebab(self.field)


@dataclass_transform(kw_only_default=True, field_specifiers=(port,))
class Ports:
    """What a brick takes or gives. Each field of a subclass is a port:

    | type | kind of port |
    | --- | --- |
    | `Image`, `Mask`, `Tensor` | `image`, `mask`, `tensor` |
    | `str`, `float`, `bool` | `text`, `number`, `boolean` |
    | `Json`, `dict` | `json` |
    | `Value` | `any` |

    `T | None` may be missing, `list[T]` takes any number of values in order.
    """

    _ports: ClassVar[tuple[Port, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        hints = get_type_hints(cls, include_extras=True)
        names = [name for name in inspect.get_annotations(cls) if not name.startswith("_")]
        shapes = {name: _known_shape(cls, name, hints[name]) for name in names}
        for name, found in shapes.items():
            _complete_default(cls, name, found)
        dataclass(kw_only=True)(cls)
        fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        cls._ports = tuple(_port(fields[name], found) for name, found in shapes.items())


def _known_shape(cls: type, name: str, annotation: Any) -> Shape:
    found = shape(annotation)
    if found is None:
        raise TypeError(f"{cls.__name__}.{name}: no port carries {annotation}; see qpyt_brick.Ports for what one may carry")
    return found


def _complete_default(cls: type, name: str, found: Shape) -> None:
    """What may be missing has a value for that."""
    field = cls.__dict__.get(name)
    if not isinstance(field, dataclasses.Field):
        field = port("") if field is None else port("", default=field)
        setattr(cls, name, field)
    if found.optional and field.default is dataclasses.MISSING:
        field.default = None
    if found.many and field.default is dataclasses.MISSING:
        field.default_factory = list


def _port(field: dataclasses.Field[Any], found: Shape) -> Port:
    required = field.metadata["required"] or not (found.optional or found.many)
    return Port(field.name, found, field.metadata["label"] or label(field.name), required, field.metadata["doc"])


def take(ports: type[P], received: list[tuple[str, Value]]) -> P:
    """The inputs, from the values that came."""
    return ports(**{port.field: _arrange(port, received) for port in ports._ports})


def _arrange(port: Port, received: list[tuple[str, Value]]) -> Any:
    values = [_from_value(port, value) for name, value in received if name == port.name]
    if not values and port.required:
        raise BrickError.bad_input(port.name, "This input is needed. Link a brick that gives it.")
    if port.shape.many:
        return values
    if len(values) > 1:
        problem = f"This input takes one value and got {len(values)}. Link something that gives one."
        raise BrickError.bad_input(port.name, problem)
    return values[0] if values else None


_WANTED: dict[str, str] = {
    "image": "an image",
    "mask": "a mask",
    "text": "a text",
    "number": "a number",
    "boolean": "yes or no",
    "json": "a JSON value",
    "tensor": "a tensor",
    "any": "a qpyt_brick.Value",
}


def _carried(kind: PortKind) -> str:
    """The kind of value that a port carries."""
    return "image" if kind == "mask" else kind


def _from_value(port: Port, value: Value) -> Any:
    kind = port.shape.kind
    if kind == "any":
        return value
    if value.kind != _carried(kind):
        raise BrickError.bad_input(port.name, f"This input wants {_WANTED[kind]} and got {_WANTED[value.kind]}.")
    if kind != "json":
        return value.content
    try:
        return json.loads(value.content)
    except ValueError as error:
        raise BrickError.bad_input(port.name, f"This JSON can't be used: {error}.") from None


def give(outputs: Ports | None) -> list[tuple[str, Value]]:
    """The values at the outputs, from what `run` returned."""
    given: list[tuple[str, Value]] = []
    for port in () if outputs is None else outputs._ports:
        content = getattr(outputs, port.field)
        values = content if port.shape.many else [] if content is None else [content]
        if port.required and not values:
            raise BrickError.other(f"The brick gave nothing at its output `{port.name}`.")
        given.extend((port.name, _to_value(port, value)) for value in values)
    return _own_handles(given)


_TYPES: dict[str, tuple[type, ...]] = {
    "image": (Image,),
    "text": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "tensor": (Tensor,),
    "any": (Value,),
}


def _to_value(port: Port, content: Any) -> Value:
    kind = port.shape.kind
    if kind == "json":
        return Value("json", _json_text(port, content))
    carried = _carried(kind)
    if not isinstance(content, _TYPES[carried]) or (kind == "number" and isinstance(content, bool)):
        got = type(content).__name__
        raise BrickError.other(f"The brick's output `{port.name}` wants {_WANTED[kind]} and got {got}.")
    if isinstance(content, Value):
        return content
    return Value(carried, float(content) if kind == "number" else content)  # type: ignore[arg-type]


def _json_text(port: Port, content: Any) -> str:
    try:
        return json.dumps(content, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BrickError.other(f"The brick's output `{port.name}` can't be written as JSON: {error}.") from None


def _own_handles(given: list[tuple[str, Value]]) -> list[tuple[str, Value]]:
    """A handle is handed over once. Where one was given several times, the others are second handles on the same."""
    seen: set[int] = set()
    own = []
    for name, value in given:
        if id(value.content) in seen and isinstance(value.content, (Image, Tensor)):
            value = Value(value.kind, value.content.clone_handle())
        seen.add(id(value.content))
        own.append((name, value))
    return own
