"""The duotone brick: a picture in two colours, one for its shadows and one for its lights."""

from tones import ColourError, Gradient, read_colour

from qpyt_brick import BrickError, Host, Image, Mask, Ports, Rect, brick, param, port

BAND = 256
"""Rows that are worked on at a time, so that memory stays small and cancelling is quick."""


class Picture(Ports):
    image: Image = port("The picture to colour.")
    mask: Mask | None = port("Where to colour it; everywhere if there is none.", default=None)


class Coloured(Ports):
    image: Image = port("The picture in two colours.")


@brick(id="qpyt-examples:duotone", label="Duotone", category="output")
class Duotone:
    """Prints a picture in two colours: its shadows in one, its lights in the other, and what lies between in mixtures
    of both."""

    shadows: str = param("#1b1f5c", doc="Colour of what is dark, as #rrggbb.")
    lights: str = param("#ffd9a0", doc="Colour of what is light, as #rrggbb.")
    contrast: float = param(1.0, min=0.0, max=4.0, step=0.05, doc="Above 1 the middle tones part more sharply.")
    strength: float = param(1.0, min=0.0, max=1.0, step=0.05, doc="How much of the old colours is covered.")

    def run(self, inputs: Picture, host: Host) -> Coloured:
        gradient = Gradient(self.colour("shadows"), self.colour("lights"), self.contrast)
        duotone = paint(inputs.image, gradient, host)
        if inputs.mask is None and self.strength == 1.0:
            return Coloured(image=duotone)
        mask = None if inputs.mask is None else fitted(inputs.mask, duotone)
        return Coloured(image=inputs.image.convert("rgb8").blend(duotone, self.strength, mask))

    def colour(self, name: str) -> tuple[int, int, int]:
        try:
            return read_colour(getattr(self, name))
        except ColourError as error:
            raise BrickError.bad_param(name, str(error)) from None


def paint(image: Image, gradient: Gradient, host: Host) -> Image:
    """Reads the greys of the picture and writes the colours of the gradient, band by band."""
    canvas = host.media.canvas(image.width, image.height, "rgb8")
    for top in range(0, image.height, BAND):
        host.job.progress(top / image.height, "Colouring")
        area = Rect(0, top, image.width, min(BAND, image.height - top))
        canvas.write(area, gradient.colours(image.read(area, "luma8")))
    return canvas.freeze()


def fitted(mask: Image, image: Image) -> Image:
    """The mask in the size of the picture."""
    if (mask.width, mask.height) == (image.width, image.height):
        return mask.convert("luma8")
    return mask.resize(image.width, image.height, "bilinear").convert("luma8")
