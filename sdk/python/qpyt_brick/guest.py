"""Inside a component: the bridge between the generated bindings of the contract and the bricks of a module. The build
writes a module that names the bindings and leaves the rest to this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, TypeVar

from .brick import Definition, bricks_in
from .contract import Contract, case_name, case_of
from .errors import BrickError, as_brick_error
from .handles import Handle
from .host import Host
from .kinds import Value
from .media import Image, Tensor
from .memory import Memory
from .ports import Port

_TYPES = "qpyt:brick/types"
R = TypeVar("R")


class Component:
    """The exports of a component. Descriptions are made once: the build keeps what is in memory after loading, so
    `describe` costs nothing."""

    def __init__(
        self, source: ModuleType, version: str | None, modules: Mapping[str, Any], failure: type[Exception]
    ):
        self._contract = Contract(modules, failure)
        self._types = self._contract.module(_TYPES)
        self._failure = failure
        self._bricks = bricks_in(source)
        self._described = [self._describe(brick, version) for brick in self._bricks]
        self._host = Host(self._contract)
        self._memory = Memory()

    def bricks(self) -> list[Any]:
        """`describe.bricks`"""
        return self._described

    def run(self, id: str, inputs: list[Any], params: str) -> list[Any]:
        """`run.run`"""
        try:
            brick = next((brick for brick in self._bricks if brick.id == id), None)
            if brick is None:
                raise BrickError.other(f"This component holds no brick `{id}`.")
            received = [(named.port, self._lift(named.value)) for named in inputs]
            inputs.clear()
            given = brick.run(received, params, self._host, self._memory)
            return [self._types.NamedValue(port, self._lower(value)) for port, value in given]
        except Exception as error:
            raise self._failure(self._lower_error(as_brick_error(error))) from None
        finally:
            self._contract.close_handles()

    def save(self) -> bytes | None:
        """`state.save`"""
        return self._memory.save()

    def restore(self, from_version: str, blob: bytes) -> None:
        """`state.restore`"""
        self._or_text(lambda: self._memory.restore(from_version, blob))

    def migrate_params(self, id: str, from_version: str, params: str) -> str:
        """`migrate.migrate-params`"""
        brick = next((brick for brick in self._bricks if brick.id == id), None)
        return params if brick is None else self._or_text(lambda: brick.migrate(from_version, params))

    def _or_text(self, work: Callable[[], R]) -> R:
        """The optional exports say what is wrong as a text."""
        try:
            return work()
        except Exception as error:
            raise self._failure(str(error) or type(error).__name__) from None

    def _describe(self, brick: Definition, version: str | None) -> Any:
        return self._types.BrickInfo(
            brick.id,
            brick.version or version,
            brick.label,
            case_of(self._types.Category, brick.category),
            brick.doc,
            [self._port(port) for port in brick.input_ports],
            [self._port(port) for port in brick.output_ports],
            brick.params_schema,
        )

    def _port(self, port: Port) -> Any:
        kind = case_of(self._types.PortKind, port.shape.kind)
        return self._types.Port(port.name, kind, port.label, port.required, port.shape.many, port.doc)

    def _lift(self, raw: Any) -> Value:
        kind = case_name(raw)
        wrapper = {"image": Image, "tensor": Tensor}.get(kind)
        return Value(kind, raw.value if wrapper is None else wrapper(raw.value, self._contract))  # type: ignore[arg-type]

    def _lower(self, value: Value) -> Any:
        content = value.content.hand_over() if isinstance(value.content, Handle) else value.content
        return getattr(self._types, f"Value_{value.kind.capitalize()}")(content)

    def _lower_error(self, error: BrickError) -> Any:
        types = self._types
        match error.case:
            case "bad-input":
                return types.BrickError_BadInput(types.NamedProblem(error.name, error.problem))
            case "bad-param":
                return types.BrickError_BadParam(types.NamedProblem(error.name, error.problem))
            case "cancelled":
                return types.BrickError_Cancelled()
            case "host":
                return types.BrickError_Host(error.problem)
            case _:
                return types.BrickError_Other(error.problem)
