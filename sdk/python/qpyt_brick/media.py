"""Pictures, canvases and tensors. The host owns them; a brick holds handles. Handing a picture on copies no pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from .contract import case_of, name_of
from .handles import Handle

PixelFormat = Literal["rgba8", "rgb8", "luma8", "luma32f"]
"""How one pixel is stored. Integer channels are sRGB 0..255; a float is the same value over 255. Rows are top to
bottom, pixels left to right, no padding between rows. `luma32f` is little endian."""

Filter = Literal["nearest", "bilinear", "bicubic", "lanczos"]
"""How a size change picks its samples."""

Container = Literal["png", "jpeg", "webp"]
"""Encodings for files; webp is lossless."""

Element = Literal["float32", "float16", "bfloat16", "uint8", "int32", "int64"]
"""What one element of a tensor is. Little endian, row-major."""

Layout = Literal["chw", "hwc"]
"""Order of the axes of an image tensor: channels first or last."""

IMAGE = "qpyt:media/image"
TENSOR = "qpyt:media/tensor"
TYPES = "qpyt:media/types"


class Rect(NamedTuple):
    """A rectangle in pixels. It must lie inside the image."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class ImageInfo:
    """What is known of an image without reading it."""

    width: int
    height: int
    format: PixelFormat
    digest: str
    """`blake3:` and 64 hexadecimal digits: equal pictures have equal digests."""


class _Media(Handle):
    """A handle whose functions take the types of `qpyt:media/types`."""

    def _case(self, enum: str, name: str) -> Any:
        return case_of(getattr(self._contract.module(TYPES), enum), name)

    def _rect(self, area: Rect | tuple[int, int, int, int]) -> Any:
        return self._contract.module(TYPES).Rect(*area)


class Image(_Media):
    """An immutable picture that the host owns."""

    @cached_property
    def info(self) -> ImageInfo:
        """Size, format and digest."""
        raw = self._call("info")
        return ImageInfo(raw.width, raw.height, name_of(raw.format), raw.digest)  # type: ignore[arg-type]

    @property
    def width(self) -> int:
        """In pixels."""
        return self.info.width

    @property
    def height(self) -> int:
        """In pixels."""
        return self.info.height

    def clone_handle(self) -> Image:
        """A second handle on the same pixels. Costs nothing."""
        return Image(self._call("clone_handle"), self._contract)

    def crop(self, area: Rect | tuple[int, int, int, int]) -> Image:
        """The part inside `area`."""
        return Image(self._call("crop", self._rect(area)), self._contract)

    def resize(self, width: int, height: int, filter: Filter = "lanczos") -> Image:
        """The same picture in another size."""
        return Image(self._call("resize", width, height, self._case("Filter", filter)), self._contract)

    def convert(self, to: PixelFormat) -> Image:
        """The same picture in another format."""
        return Image(self._call("convert", self._case("PixelFormat", to)), self._contract)

    def blend(self, top: Image, opacity: float = 1.0, mask: Image | None = None) -> Image:
        """Lays `top` (same size) over this image: `opacity` 0..1, where `mask` (luma8, same size) is white."""
        raw = self._call("blend", top.raw, opacity, None if mask is None else mask.raw)
        return Image(raw, self._contract)

    def read(self, area: Rect | tuple[int, int, int, int] | None = None, format: PixelFormat = "rgba8") -> bytes:
        """Copies the pixels of `area`, or all of them, to the brick, converted to `format`."""
        area = area or Rect(0, 0, self.width, self.height)
        return bytes(self._call("read", self._rect(area), self._case("PixelFormat", format)))

    def encode(self, container: Container, quality: int = 90) -> bytes:
        """The picture as a file. `quality` 1..100 is used by jpeg only."""
        return bytes(self._call("encode", self._case("Container", container), quality))


class Canvas(_Media):
    """A picture being painted. It starts black (transparent where there is alpha)."""

    def write(self, area: Rect | tuple[int, int, int, int], pixels: bytes) -> None:
        """Replaces the pixels of `area`; `pixels` are in the canvas's format."""
        self._call("write", self._rect(area), bytes(pixels))

    def freeze(self) -> Image:
        """Turns the canvas into an image without copying. The canvas is used up."""
        raw = self._contract.call(self._contract.module(IMAGE).Canvas.freeze, self.hand_over())
        return Image(raw, self._contract)


class Tensor(Handle):
    """An immutable block of numbers that the host owns."""

    def clone_handle(self) -> Tensor:
        """A second handle on the same numbers. Costs nothing."""
        return Tensor(self._call("clone_handle"), self._contract)

    def shape(self) -> list[int]:
        """Length of each axis."""
        return list(self._call("shape"))

    def element(self) -> Element:
        """What one element is."""
        return name_of(self._call("element"))  # type: ignore[return-value]

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from byte `offset`."""
        return bytes(self._call("read", offset, length))

    def to_image(self, layout: Layout) -> Image:
        """Float32 in 0..1 with 1 (luma8), 3 (rgb8) or 4 (rgba8) channels as a picture."""
        layouts = self._contract.module(TENSOR).Layout
        return Image(self._call("to_image", case_of(layouts, layout)), self._contract)
