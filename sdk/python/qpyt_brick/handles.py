"""Handles on what the host owns."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from .contract import Contract


class Handle:
    """A handle on something that the host owns. It is let go of when nothing refers to it, at the end of a `with`,
    by `close`, or at the end of the run."""

    def __init__(self, raw: Any, contract: Contract):
        self.raw = raw
        self._contract = contract
        contract.open_handles.add(self)

    def _call(self, name: str, *arguments: Any) -> Any:
        return self._contract.call(getattr(self.raw, name), *arguments)

    def hand_over(self) -> Any:
        """What the host takes over; the handle is used up."""
        self._contract.open_handles.discard(self)
        return self.raw

    def close(self) -> None:
        """Lets go of it now."""
        if self in self._contract.open_handles:
            self.hand_over().__exit__(None, None, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
