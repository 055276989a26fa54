"""What a brick is in Python: a class whose fields are its parameters."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal, TypeVar, dataclass_transform, get_type_hints

from .errors import BrickError
from .host import Host
from .kinds import Value
from .memory import Memory
from .params import complete, param
from .ports import Port, Ports, give, take

Category = Literal["input", "generator", "setting", "output"]
"""The four families of bricks; each has a colour."""

C = TypeVar("C", bound=type)


@dataclasses.dataclass(frozen=True)
class Definition:
    """What a brick says about itself, and how it is run."""

    cls: type
    id: str
    version: str | None
    label: str
    category: Category
    doc: str
    schema: dict[str, Any]
    inputs: type[Ports]
    outputs: type[Ports]
    takes: frozenset[str]
    """What `run` asks for: some of `inputs`, `host` and `memory`."""

    @property
    def input_ports(self) -> tuple[Port, ...]:
        """The ports, in the order they are shown."""
        return self.inputs._ports

    @property
    def output_ports(self) -> tuple[Port, ...]:
        """The ports, in the order they are shown."""
        return self.outputs._ports

    @property
    def remembers(self) -> bool:
        """It keeps something from run to run."""
        return "memory" in self.takes

    @property
    def migrates(self) -> bool:
        """It carries parameters over from its other versions."""
        return hasattr(self.cls, "migrate")

    def migrate(self, from_version: str, params: str) -> str:
        """The parameters of another version as those of this one, both as JSON texts."""
        if not self.migrates:
            return params
        return json.dumps(self.cls.migrate(from_version, json.loads(params)))  # type: ignore[attr-defined]

    @property
    def params_schema(self) -> str:
        """The JSON Schema of the parameters as text."""
        return json.dumps(self.schema)

    def run(self, received: list[tuple[str, Value]], params: str, host: Host, memory: Memory) -> list[tuple[str, Value]]:
        """Runs the brick once: values at ports, parameters as a JSON text."""
        filled_in = self.cls(**_known(self.schema, params))
        offered = {"inputs": take(self.inputs, received), "host": host, "memory": memory}
        outputs = filled_in.run(**{name: offered[name] for name in self.takes})
        if outputs is not None and not isinstance(outputs, self.outputs):
            got = type(outputs).__name__
            raise BrickError.other(f"The brick's `run` gives {self.outputs.__name__} and gave {got}.")
        return give(self.outputs() if outputs is None and not self.output_ports else outputs or _nothing(self))


def _nothing(definition: Definition) -> Ports:
    raise BrickError.other(f"The brick's `run` gives {definition.outputs.__name__} and gave nothing.")


def _known(schema: dict[str, Any], params: str) -> dict[str, Any]:
    try:
        given = json.loads(params)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise BrickError.other("The parameters are not a JSON object.")
    return {name: value for name, value in given.items() if name in schema["properties"]}


@dataclass_transform(kw_only_default=True, field_specifiers=(param,))
def brick(
    *, id: str, label: str, category: Category, version: str | None = None, doc: str | None = None
) -> Callable[[C], C]:
    """Makes a brick of a class: its fields are the parameters, its docstring tells the person what it does, and the
    types of `run(self, inputs: ..., host: Host) -> ...` are its ports. `run` may leave out what it does not need, and
    take `memory: Memory` to remember something from run to run. A static method `migrate(from_version, params)` gives
    the parameters of another version as those of this one. `version` is that of pyproject.toml if none is given."""

    def make(cls: C) -> C:
        text = doc if doc is not None else " ".join(inspect.cleandoc(cls.__doc__ or "").split())
        schema = _schema(cls)
        dataclasses.dataclass(kw_only=True)(cls)
        inputs, outputs, takes = _signature(cls)
        cls.__brick__ = Definition(  # type: ignore[attr-defined]
            cls, id, version, label, category, text, schema, inputs, outputs, takes
        )
        return cls

    return make


def _schema(cls: type) -> dict[str, Any]:
    """The schema of all parameters. `x-order` keeps the order of the form, because an object's keys have none."""
    hints = get_type_hints(cls, include_extras=True)
    names = list(inspect.get_annotations(cls))
    properties = {name: complete(cls, name, hints[name]) for name in names}
    return {"type": "object", "properties": properties, "x-order": names}


def _signature(cls: type) -> tuple[type[Ports], type[Ports], frozenset[str]]:
    run = getattr(cls, "run", None)
    if run is None:
        raise TypeError(f"{cls.__name__}: a brick has a method `run(self, inputs: ..., host: Host) -> ...`")
    takes = frozenset(inspect.signature(run).parameters) - {"self"}
    if not takes <= {"inputs", "host", "memory"}:
        raise TypeError(f"{cls.__name__}.run takes `inputs`, `host` and `memory` and nothing else, each where it needs it")
    hints = get_type_hints(run)
    return _side(cls, hints, "inputs", "inputs" in takes), _side(cls, hints, "return", True), takes


def _side(cls: type, hints: dict[str, Any], name: str, is_there: bool) -> type[Ports]:
    ports = hints.get(name)
    if not is_there or (name == "return" and name in hints and ports in (None, type(None))):
        return Ports
    if isinstance(ports, type) and issubclass(ports, Ports):
        return ports
    where = "what it returns" if name == "return" else "`inputs`"
    raise TypeError(f"{cls.__name__}.run: write the type of {where}, a subclass of qpyt_brick.Ports, or None for no outputs")


def bricks_in(module: ModuleType) -> list[Definition]:
    """The bricks of a module, in the order of its names."""
    found = [getattr(value, "__brick__", None) for value in vars(module).values() if isinstance(value, type)]
    return [definition for definition in found if isinstance(definition, Definition)]
