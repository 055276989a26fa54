"""Counts its runs, and had another name for its parameter in version 0.1."""

import random

from qpyt_brick import Memory, Ports, brick, param, port


class Count(Ports):
    count: str = port("How far it is.")
    chance: float = port("A random number of the language's own.")


@brick(id="tests:counter", label="Counter", category="input")
class Counter:
    """Counts its runs."""

    step: int = param(1)

    def run(self, memory: Memory) -> Count:
        memory.value = (memory.value or 0) + self.step
        count = f"{memory.value} after {memory.version or 'nothing'}"
        return Count(count=count, chance=random.random())

    @staticmethod
    def migrate(from_version, params):
        if not from_version.startswith("0.1."):
            raise ValueError("Set the step anew.")
        return {"step": params["by"]}
