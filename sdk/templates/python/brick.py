from qpyt_brick import Ports, brick, param, port


class Quiet(Ports):
    prompt: str = port("The text to say louder.")


class Loud(Ports):
    prompt: str = port("The same text, louder.")


@brick(id="{{id}}", label="{{label}}", category="input")
class Brick:
    """Says a text louder."""

    marks: int = param(1, min=0, max=10, doc="How many exclamation marks to add.")

    def run(self, inputs: Quiet) -> Loud:
        return Loud(prompt=inputs.prompt.upper() + "!" * self.marks)
