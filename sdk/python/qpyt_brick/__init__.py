"""Write bricks for Qpyt Studio in Python.

A brick is one step of a workflow: a WebAssembly component that says what it is and what to do with its inputs. Here a
brick is a class. Its fields are its parameters, and two more classes are its inputs and outputs:

    from qpyt_brick import Ports, brick, param, port

    class Quiet(Ports):
        prompt: str = port("The text to say louder.")

    class Loud(Ports):
        prompt: str = port("The same text, louder.")

    @brick(id="me:shout", label="Shout", category="input")
    class Shout:
        \"\"\"Says a text louder.\"\"\"

        marks: int = param(1, min=0, max=10, doc="How many exclamation marks to add.")

        def run(self, inputs: Quiet) -> Loud:
            return Loud(prompt=inputs.prompt.upper() + "!" * self.marks)

`python3 -m qpyt_brick build` makes a component of it.
"""

from .brick import brick
from .errors import BrickError, HostError
from .host import Host
from .kinds import Json, Mask, Value
from .media import Canvas, Image, Rect, Tensor
from .memory import Memory
from .params import param
from .ports import Ports, port

__all__ = [
    "BrickError",
    "Canvas",
    "Host",
    "HostError",
    "Image",
    "Json",
    "Mask",
    "Memory",
    "Ports",
    "Rect",
    "Tensor",
    "Value",
    "brick",
    "param",
    "port",
]
