"""The JSON Schema that draws a brick's form."""

import unittest
from typing import Any, Literal

from qpyt_brick import brick, param


def schema_of(cls: type) -> dict[str, Any]:
    def run(self) -> None: ...

    cls.run = run
    return brick(id="me:test", label="Test", category="input")(cls).__brick__.schema


class SchemaTest(unittest.TestCase):
    def test_a_field_becomes_a_property_with_everything_that_the_form_needs(self):
        class Brick:
            clip_skip: int = param(
                1, min=0, max=4, step=2, doc="Layers to skip.", hints={"x-unit": "layers"}
            )

        expected = {
            "type": "integer",
            "title": "Clip skip",
            "description": "Layers to skip.",
            "default": 1,
            "minimum": 0,
            "maximum": 4,
            "x-step": 2,
            "x-unit": "layers",
        }
        schema = {"type": "object", "properties": {"clip_skip": expected}, "x-order": ["clip_skip"]}
        self.assertEqual(schema_of(Brick), schema)

    def test_choices_are_written_as_values_side_by_side_with_their_labels_and_groups(self):
        class Brick:
            one: str = param(choices=["plain", ("soft", "Soft"), ("oil", "Oil", "Paint")])
            many: list[str] = param(choices=["plain", ("soft", "Soft"), ("oil", "Oil", "Paint")])
            mode: Literal["fast", "good"] = "good"

        properties = schema_of(Brick)["properties"]
        offered = {
            "type": "string",
            "enum": ["plain", "soft", "oil"],
            "x-labels": ["plain", "Soft", "Oil"],
            "x-groups": ["", "", "Paint"],
        }
        self.assertEqual(properties["one"], {**offered, "title": "One", "default": "plain"})
        self.assertEqual(
            properties["many"], {"type": "array", "items": offered, "title": "Many", "default": []}
        )
        self.assertEqual(properties["mode"]["enum"], ["fast", "good"])
        self.assertEqual(properties["mode"]["default"], "good")

    def test_an_optional_parameter_may_be_null_and_is_null_when_nothing_was_chosen(self):
        class Brick:
            seed: int | None = param(widget="seed")

        self.assertEqual(
            schema_of(Brick)["properties"]["seed"],
            {"type": ["integer", "null"], "title": "Seed", "default": None, "x-widget": "seed"},
        )

    def test_parameters_without_a_default_are_empty(self):
        class Brick:
            text: str
            count: int
            amount: float
            on: bool
            names: list[str]

        properties = schema_of(Brick)["properties"]
        self.assertEqual([each["default"] for each in properties.values()], ["", 0, 0.0, False, []])
        self.assertEqual(properties["names"]["items"], {"type": "string"})

    def test_only_multiples_of_a_number_are_allowed_and_an_arrow_key_goes_as_far(self):
        class Brick:
            width: int = param(64, multiple_of=8)

        width = schema_of(Brick)["properties"]["width"]
        self.assertEqual((width["multipleOf"], width["x-step"]), (8, 8))

    def test_the_order_of_the_form_is_kept(self):
        class Brick:
            zebra: str
            ant: bool

        self.assertEqual(schema_of(Brick)["x-order"], ["zebra", "ant"])

    def test_a_type_that_no_form_has_is_named(self):
        class Brick:
            size: tuple[int, int]

        with self.assertRaisesRegex(TypeError, "Brick.size"):
            schema_of(Brick)


if __name__ == "__main__":
    unittest.main()
