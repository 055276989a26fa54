"""Values at ports, as the host gives and takes them, against the objects that an author sees."""

import unittest

from qpyt_brick import BrickError, Image, Json, Mask, Ports, Tensor, Value, port
from qpyt_brick.contract import Contract
from qpyt_brick.ports import give, take


class Everything(Ports):
    negative_prompt: str = port("What to avoid.")
    info: Json = port("Anything.")
    prompts: list[str] = port("Texts.")
    mask: Mask | None = port("Where.", label="Area")
    anything: Value = port("What comes.")


class Texts(Ports):
    text: str = port("A text.")
    at_least_one: list[float] = port("Numbers.", required=True)
    info: dict | None = port("Anything.", default=None)


def text(name: str, content: str) -> tuple[str, Value]:
    return name, Value("text", content)


class PortsTest(unittest.TestCase):
    def test_fields_become_the_ports_of_the_contract(self):
        shown = [
            (port.name, port.shape.kind, port.label, port.required, port.shape.many, port.doc)
            for port in Everything._ports
        ]
        self.assertEqual(
            shown,
            [
                ("negative-prompt", "text", "Negative prompt", True, False, "What to avoid."),
                ("info", "json", "Info", True, False, "Anything."),
                ("prompts", "text", "Prompts", False, True, "Texts."),
                ("mask", "mask", "Area", False, False, "Where."),
                ("anything", "any", "Anything", True, False, "What comes."),
            ],
        )
        self.assertEqual([port.required for port in Texts._ports], [True, True, False])

    def test_inputs_come_as_fields_in_order_and_of_the_right_kind(self):
        received = [
            text("prompts", "first"),
            text("negative-prompt", "blur"),
            ("info", Value("json", '{"steps": 3}')),
            text("prompts", "second"),
            ("anything", Value("boolean", True)),
        ]
        self.assertEqual(
            take(Everything, received),
            Everything(
                negative_prompt="blur",
                info={"steps": 3},
                prompts=["first", "second"],
                anything=Value("boolean", True),
            ),
        )

    def test_inputs_that_can_t_be_used_are_named(self):
        class Number(Ports):
            it: float = port("A number.")

        class Some(Ports):
            it: list[str] = port("Some.", required=True)

        class Anything(Ports):
            it: Json = port("Anything.")

        for ports, received, hint in [
            (Number, [], "needed"),
            (Some, [], "needed"),
            (Number, [("it", Value("number", 1.0))] * 2, "got 2"),
            (Number, [text("it", "a")], "wants a number and got a text"),
            (Anything, [("it", Value("json", "{"))], "can't be used"),
        ]:
            with self.subTest(hint), self.assertRaises(BrickError) as raised:
                take(ports, received)
            self.assertEqual((raised.exception.case, raised.exception.name), ("bad-input", "it"))
            self.assertIn(hint, raised.exception.problem)

    def test_outputs_are_given_one_by_one_in_order(self):
        self.assertEqual(
            give(Texts(text="a", at_least_one=[1, 2.5], info={"x": None})),
            [
                text("text", "a"),
                ("at-least-one", Value("number", 1.0)),
                ("at-least-one", Value("number", 2.5)),
                ("info", Value("json", '{"x": null}')),
            ],
        )
        self.assertEqual(give(None), [])

    def test_outputs_that_do_not_fit_are_refused_with_their_name(self):
        for outputs, hint in [
            (Texts(text=3, at_least_one=[1]), "`text` wants a text and got int"),
            (Texts(text=None, at_least_one=[1]), "nothing at its output `text`"),
            (Texts(text="a", at_least_one=[]), "nothing at its output `at-least-one`"),
            (Texts(text="a", at_least_one=[True]), "`at-least-one` wants a number and got bool"),
            (Texts(text="a", at_least_one=[1], info={"x": self}), "can't be written as JSON"),
            (Texts(text="a", at_least_one=[1], info=float("nan")), "can't be written as JSON"),
        ]:
            with self.subTest(hint), self.assertRaisesRegex(BrickError, hint):
                give(outputs)

    def test_a_picture_that_is_given_twice_is_handed_over_as_two_handles(self):
        class Pictures(Ports):
            one: Image = port("A picture.")
            two: Image = port("The same picture.")

        class Raw:
            def clone_handle(self):
                return "second handle"

        image = Image(Raw(), Contract({}, Exception))
        (_, one), (_, two) = give(Pictures(one=image, two=image))
        self.assertIs(one.content, image)
        self.assertEqual(two.content.raw, "second handle")

    def test_a_type_that_no_port_carries_is_named(self):
        for wrong in (bytes, list[list[str]], str | float, Tensor | str | None):
            with self.subTest(wrong), self.assertRaisesRegex(TypeError, "Bad.it"):
                type("Bad", (Ports,), {"__annotations__": {"it": wrong}, "__module__": __name__})


if __name__ == "__main__":
    unittest.main()
