"""Colours and gradients, without a sandbox."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tones import ColourError, Gradient, read_colour


class TonesTest(unittest.TestCase):
    def test_colours_are_read_as_people_write_them(self):
        for text in ("#1b1f5c", "1B1F5C", " #1b1f5c "):
            self.assertEqual(read_colour(text), (27, 31, 92))
        self.assertEqual(read_colour("#fa0"), (255, 170, 0))

    def test_what_is_no_colour_is_named(self):
        for text in ("", "#12345", "red", "#gggggg"):
            with self.assertRaisesRegex(ColourError, "#rrggbb"):
                read_colour(text)

    def test_black_and_white_become_the_two_colours_and_grey_lies_between(self):
        colours = Gradient((0, 100, 200), (100, 0, 200)).colours(bytes([0, 255, 127]))
        self.assertEqual(list(colours), [0, 100, 200, 100, 0, 200, 50, 50, 200])

    def test_contrast_parts_the_middle_tones(self):
        flat, steep = (Gradient((0, 0, 0), (255, 255, 255), contrast) for contrast in (0.0, 4.0))
        self.assertEqual(set(flat.colours(bytes(range(256)))), {128})
        self.assertEqual(list(steep.colours(bytes([90, 165]))), [0, 0, 0, 255, 255, 255])


if __name__ == "__main__":
    unittest.main()
