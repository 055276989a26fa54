"""From greys to colours, as tables of bytes: no loop over pixels runs in Python."""

import re


class ColourError(ValueError):
    """What a person can put right in a colour."""


def read_colour(text: str) -> tuple[int, int, int]:
    """Red, green and blue of `#rrggbb` or `#rgb`."""
    digits = text.strip().removeprefix("#")
    if re.fullmatch(r"[0-9a-fA-F]{3}", digits):
        digits = "".join(digit * 2 for digit in digits)
    if not re.fullmatch(r"[0-9a-fA-F]{6}", digits):
        raise ColourError(f'"{text}" is no colour. Write it as #rrggbb, such as #1b1f5c.')
    red, green, blue = (int(digits[at : at + 2], 16) for at in (0, 2, 4))
    return red, green, blue


class Gradient:
    """A colour for each of the 256 greys."""

    def __init__(self, dark: tuple[int, int, int], light: tuple[int, int, int], contrast: float = 1.0):
        amounts = [steepened(grey / 255, contrast) for grey in range(256)]
        self.tables = [
            bytes(round(low + (high - low) * amount) for amount in amounts)
            for low, high in zip(dark, light, strict=True)
        ]

    def colours(self, greys: bytes) -> bytes:
        """Three bytes for each grey."""
        pixels = bytearray(3 * len(greys))
        for channel, table in enumerate(self.tables):
            pixels[channel::3] = greys.translate(table)
        return bytes(pixels)


def steepened(amount: float, contrast: float) -> float:
    """The amount, 0 to 1, further from the middle by `contrast`."""
    return min(1.0, max(0.0, 0.5 + (amount - 0.5) * contrast))
