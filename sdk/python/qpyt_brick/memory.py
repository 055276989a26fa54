"""What a brick remembers from run to run, across versions. The host keeps it, per brick, at most 1 MiB."""

from __future__ import annotations

import json
from typing import Any


class Memory:
    """The memory of the run at hand. A brick whose `run` takes `memory` is never answered from the cache and runs one
    at a time."""

    def __init__(self) -> None:
        self.value: Any = None
        """What was kept: any value that JSON can hold, or None if nothing was. What is here after a good run is kept;
        None forgets it."""
        self.version: str | None = None
        """The version of the brick that kept it."""

    def save(self) -> bytes | None:
        """The value as the host keeps it."""
        return None if self.value is None else json.dumps(self.value).encode()

    def restore(self, version: str, blob: bytes) -> None:
        """The value that the host kept."""
        self.value = json.loads(blob)
        self.version = version
