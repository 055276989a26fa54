"""What a component's generated bindings look like from the kit: modules by interface, enums by the names that the
contract gives their cases, and one kind of error."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from types import ModuleType
from typing import Any
from weakref import WeakSet

from .errors import BrickError, HostError


class Contract:
    """The interfaces that a component imports. `failure` is what their functions raise; it carries a case as `value`."""

    def __init__(self, modules: Mapping[str, ModuleType | Any], failure: type[Exception]):
        self._modules = modules
        self._failure = failure
        self.open_handles: WeakSet[Any] = WeakSet()
        """What the brick holds and has not let go of."""

    def module(self, interface: str) -> Any:
        """The module of an interface such as `qpyt:job/context`. A brick that did not ask for it is told the line to
        write."""
        if interface in self._modules:
            return self._modules[interface]
        raise BrickError.other(
            f'This brick uses `{interface}` without asking for it; add "{interface}" to `uses` in its brick.toml.'
        )

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls the host. What it refuses is raised as a `HostError`."""
        try:
            return function(*arguments)
        except self._failure as error:
            # Without this, handles in the callers' variables stay until a garbage collection: the generated function
            # holds the error, whose traceback holds that function and all its callers.
            error.with_traceback(None)
            refusal = getattr(error, "value", None)
            raise HostError(case_name(refusal), getattr(refusal, "value", None)) from None

    def close_handles(self) -> None:
        """Lets go of all that is open."""
        for handle in list(self.open_handles):
            handle.close()


def case_of(cases: type[Enum], name: str) -> Enum:
    """The case of an enum by the contract's name for it: `luma8`, `png`."""
    try:
        return cases[name.upper().replace("-", "_")]
    except KeyError:
        known = ", ".join(case.name.lower().replace("_", "-") for case in cases)
        raise ValueError(f"`{name}` is none of {known}") from None


def name_of(case: Enum) -> str:
    """The contract's name for the case of an enum."""
    return case.name.lower().replace("_", "-")


def case_name(case: object) -> str:
    """The contract's name for the case of a variant: `too-large` for `MediaError_TooLarge`."""
    last = type(case).__name__.rpartition("_")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", last).lower()
