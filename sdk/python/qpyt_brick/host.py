"""What a brick may ask of the studio: the interfaces of the contract (`wit/`) as Python sees them. All but `media` is
asked for in `uses` of brick.toml. What the host refuses is raised as a `HostError`; a brick that does not catch it
ends with the host's message."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from .contract import Contract, case_of
from .errors import BrickError
from .handles import Handle
from .media import IMAGE, TENSOR, TYPES, Canvas, Container, Element, Image, Layout, PixelFormat, Tensor

Level = Literal["trace", "debug", "info", "warn", "error"]
"""How much a log line matters."""

Method = Literal["get", "head", "post", "put", "patch", "delete"]
"""What an HTTP request does."""


class _Interface:
    """One interface of the contract."""

    name: str

    def __init__(self, contract: Contract):
        self._contract = contract

    @property
    def _module(self) -> Any:
        return self._contract.module(self.name)

    def _call(self, function: str, *arguments: Any) -> Any:
        return self._contract.call(getattr(self._module, function), *arguments)

    def _container(self, container: Container) -> Any:
        return case_of(self._contract.module(TYPES).Container, container)


class Media(_Interface):
    """Pictures and tensors; every brick has them."""

    name = IMAGE

    def decode(self, file: bytes) -> Image:
        """Reads a png, jpeg, webp, gif or bmp file (first frame, turned upright)."""
        return Image(self._call("decode", file), self._contract)

    def canvas(self, width: int, height: int, format: PixelFormat) -> Canvas:
        """A canvas to paint on. It starts black (transparent where there is alpha)."""
        case = case_of(self._contract.module(TYPES).PixelFormat, format)
        return Canvas(self._contract.call(self._module.Canvas.create, width, height, case), self._contract)

    def tensor(self, shape: Sequence[int], element: Element, data: bytes) -> Tensor:
        """A block of numbers in a shape."""
        module = self._contract.module(TENSOR)
        raw = self._contract.call(module.Tensor.create, list(shape), case_of(module.Element, element), data)
        return Tensor(raw, self._contract)

    def tensor_from_image(self, source: Image, layout: Layout) -> Tensor:
        """Pixels as float32 in 0..1."""
        module = self._contract.module(TENSOR)
        raw = self._contract.call(module.Tensor.from_image, source.raw, case_of(module.Layout, layout))
        return Tensor(raw, self._contract)


class Job(_Interface):
    """The run itself."""

    name = "qpyt:job/context"

    def progress(self, fraction: float, note: str = "") -> None:
        """Shows how far the run is, 0 to 1, with a short note. Raises once the person stopped the job."""
        if not self._call("progress", fraction, note):
            raise BrickError.cancelled()

    def check_cancelled(self) -> None:
        """Raises once the person stopped the job."""
        if self._call("cancelled"):
            raise BrickError.cancelled()

    def log(self, level: Level, message: str) -> None:
        """Writes a line to the brick's log, linked to the job."""
        self._call("log", case_of(self._module.Level, level), message)

    def milliseconds_left(self) -> int:
        """The time that is left to this run."""
        return int(self._call("deadline_ms"))

    def seed(self) -> int:
        """A number for the brick's own random choices. The same inputs and parameters give the same number."""
        return int(self._call("seed"))


class Clock(_Interface):
    """The date and time where the studio runs. A brick that uses it is never answered from the cache."""

    name = "qpyt:job/clock"

    def now(self) -> datetime:
        """A moment in local time."""
        raw = self._call("now")
        return datetime(raw.year, raw.month, raw.day, raw.hour, raw.minute, raw.second)


@dataclass(frozen=True, kw_only=True)
class TextRequest:
    """What to paint."""

    model: str
    """Id of an installed model."""
    prompt: str
    negative: str = ""
    width: int
    """In pixels; a multiple of what the model needs."""
    height: int
    steps: int
    """1..150"""
    guidance: float
    """Classifier-free guidance 0..30; 1 and below is off."""
    seed: int
    """Of the start noise."""
    sampler: str | None = None
    """Canonical sampler id; none: what the model names."""
    schedule: str | None = None
    """Canonical schedule id; none: what the model names."""
    extra: Mapping[str, Any] | None = None
    """Further options."""


@dataclass(frozen=True, kw_only=True)
class Repainting:
    """A picture to start from."""

    source: Image
    """Is scaled to the requested size."""
    strength: float
    """0..1: how much of it may change."""


@dataclass(frozen=True, kw_only=True)
class Inpainting:
    """A picture of which a part is made anew."""

    source: Image
    """Is scaled to the requested size."""
    mask: Image
    """Likewise; white is made anew, black stays."""
    strength: float
    """0..1: how much of the part may change."""


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A change of the model's weights that stays for one picture."""

    model: str
    """Id of an installed model of the family `lora`."""
    weight: float = 1.0
    """-4..4; 0 changes nothing, 1 is what it was trained for."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """A picture that says where things are: edges, depth, a pose."""

    model: str
    """Id of an installed model of the family `controlnet`."""
    picture: Image
    """Is scaled to the requested size."""
    weight: float = 1.0
    """0..2; 1 is what it was trained for."""
    begin: float = 0.0
    """0..1: the share of the steps at which it begins to count."""
    end: float = 1.0
    """0..1: the share of the steps at which it ends."""


class Imaging(_Interface):
    """Text to image, image to image, and parts of images."""

    name = "qpyt:ai/imaging"

    def text_to_image(self, request: TextRequest) -> Image:
        """Paints from noise."""
        return Image(self._call("text_to_image", self._raw(request)), self._contract)

    def image_to_image(self, request: TextRequest, source: Image, strength: float) -> Image:
        """Repaints `source`. `strength` 0..1: how much of it may change."""
        return Image(self._call("image_to_image", self._raw(request), source.raw, strength), self._contract)

    def paint(
        self,
        request: TextRequest,
        start: Repainting | Inpainting | None = None,
        *,
        adapters: Sequence[Adapter] = (),
        controls: Sequence[Control] = (),
        references: Sequence[Image] = (),
    ) -> Image:
        """Paints with everything there is: from noise, or from `start`, with at most 32 adapters, 8 controls and 8
        references, which are pictures whose things are to be seen again. A model that can't do a part of it says so."""
        module = self._module
        guides = module.Guides(
            [module.Adapter(it.model, it.weight) for it in adapters],
            [module.Control(it.model, it.picture.raw, it.weight, it.begin, it.end) for it in controls],
            [it.raw for it in references],
        )
        return Image(self._call("paint", self._raw(request), self._start(start), guides), self._contract)

    def _start(self, start: Repainting | Inpainting | None) -> Any:
        module = self._module
        if start is None:
            return module.Start_Noise()
        if isinstance(start, Repainting):
            return module.Start_Repainting(module.Repainting(start.source.raw, start.strength))
        return module.Start_Inpainting(module.Inpainting(start.source.raw, start.mask.raw, start.strength))

    def _raw(self, request: TextRequest) -> Any:
        sampling = self._module.Sampling(
            request.steps, request.guidance, request.sampler, request.schedule, request.seed
        )
        return self._module.TextRequest(
            request.model,
            request.prompt,
            request.negative,
            request.width,
            request.height,
            sampling,
            None if request.extra is None else json.dumps(dict(request.extra)),
        )


Detail = Literal["sentence", "sentences", "paragraph", "tags"]
"""How much to say about a picture."""


class Vision(_Interface):
    """Looks at pictures and enlarges them."""

    name = "qpyt:ai/vision"

    def matte(self, model: str, source: Image) -> Image:
        """What stands out: a luma8 mask of the source's size, white is the subject."""
        return Image(self._call("matte", model, source.raw), self._contract)

    def depth(self, model: str, source: Image) -> Image:
        """How near things are: luma32f of the source's size, 1 is the nearest point of the picture."""
        return Image(self._call("depth", model, source.raw), self._contract)

    def caption(self, model: str, source: Image, detail: Detail = "sentence") -> str:
        """What is to be seen, in English."""
        return str(self._call("caption", model, source.raw, case_of(self._module.Detail, detail)))

    def upscale(self, model: str, source: Image, factor: float, tile: int | None = None) -> Image:
        """`factor` times as many pixels per side, 1..16. `tile` is the side of the pieces of the work, 32..2048."""
        return Image(self._call("upscale", model, source.raw, factor, tile), self._contract)


@dataclass(frozen=True)
class Message:
    """A part of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """What to answer, and how."""

    model: str
    """Id of an installed model of the family `chat`."""
    messages: Sequence[Message]
    max_tokens: int = 512
    """Of the answer, 1..8192."""
    temperature: float = 0.7
    """0..2; 0 takes the likeliest token each time."""
    top_p: float = 0.9
    """0..1; share of the likeliest tokens that are drawn from."""
    seed: int = 0
    """Of the draws."""
    extra: Mapping[str, Any] | None = None
    """Further options."""


@dataclass(frozen=True)
class Completion:
    """An answer."""

    text: str
    prompt_tokens: int
    output_tokens: int
    finished: bool
    """Whether the model said all; otherwise it has as many tokens as were asked for."""


class Language(_Interface):
    """Writes and translates text. The person sees it grow."""

    name = "qpyt:ai/language"

    def complete(self, request: ChatRequest) -> Completion:
        """Answers a conversation."""
        module = self._module
        said = [module.Message(case_of(module.Role, it.role), it.content) for it in request.messages]
        raw = self._call(
            "complete",
            module.ChatRequest(
                request.model,
                said,
                request.max_tokens,
                request.temperature,
                request.top_p,
                request.seed,
                None if request.extra is None else json.dumps(dict(request.extra)),
            ),
        )
        return Completion(raw.text, raw.prompt_tokens, raw.output_tokens, raw.finish == module.Finish.STOP)

    def translate(self, model: str, text: str) -> str:
        """Sentence by sentence; the model says from and to which language."""
        return str(self._call("translate", model, text))


@dataclass(frozen=True)
class ModelInfo:
    """One installed model."""

    id: str
    family: str
    label: str
    bytes: int
    """On disk."""
    size_multiple: int
    """Side lengths must be multiples of this many pixels."""
    native_size: int
    """The side length that the model was trained at."""


@dataclass(frozen=True)
class UsualSampling:
    """How a model is run where nobody says otherwise."""

    steps: int
    guidance: float
    """1 for models that were made to work without guidance."""
    guided: bool
    """False where guidance means nothing to the model."""


class Models(_Interface):
    """What is installed."""

    name = "qpyt:ai/models"

    def find_model(self, id: str) -> ModelInfo | None:
        """One model by its id."""
        raw = self._call("find_model", id)
        return None if raw is None else _model(raw)

    def find_usual_sampling(self, id: str) -> UsualSampling | None:
        """Steps and guidance by which a model that paints is shown by its makers."""
        raw = self._call("find_usual_sampling", id)
        return None if raw is None else UsualSampling(raw.steps, raw.guidance, raw.guided)

    def list_models(self, family: str | None = None) -> list[ModelInfo]:
        """All models, or those of one family. A run that asks is not answered from the cache later."""
        return [_model(raw) for raw in self._call("list_models", family)]


def _model(raw: Any) -> ModelInfo:
    return ModelInfo(raw.id, raw.family, raw.label, raw.bytes, raw.size_multiple, raw.native_size)


class Content(_Interface):
    """Pictures by digest."""

    name = "qpyt:store/content"

    def open(self, digest: str) -> Image:
        """Opens a picture that was uploaded or made before."""
        return Image(self._call("open", digest), self._contract)


@dataclass(frozen=True)
class Saved:
    """What the gallery kept."""

    id: str
    file: str
    """Digest of the file, `blake3:...`."""


class Gallery(_Interface):
    """The person's gallery. A brick that adds to it is never answered from the cache."""

    name = "qpyt:store/gallery"

    def save(
        self, source: Image, title: str, container: Container, quality: int = 90, info: Mapping[str, Any] = {}
    ) -> Saved:
        """Keeps `source` as a result of the job. `info` says how it was made."""
        raw = self._call("save", source.raw, title, self._container(container), quality, json.dumps(dict(info)))
        return Saved(raw.id, raw.file)


class Files(_Interface):
    """Folders on the person's disk, each allowed by the person."""

    name = "qpyt:store/files"

    def save(self, source: Image, folder: str, name: str, container: Container, quality: int = 90) -> str:
        """Writes `source` into `folder` as `name` plus the container's extension. Never overwrites. The path."""
        return str(self._call("save", source.raw, folder, name, self._container(container), quality))


class Secret(Handle):
    """A secret that the person stored. It can be used, never read."""

    def name(self) -> str:
        """The name under which the person stored it."""
        return str(self._call("name"))


class Secrets(_Interface):
    """Secrets by name, each allowed by the person."""

    name = "qpyt:store/secrets"

    def get(self, name: str) -> Secret:
        """A secret to send with a request."""
        return Secret(self._call("get", name), self._contract)


@dataclass(frozen=True)
class HttpResponse:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Http(_Interface):
    """Hosts that the person allows, one by one."""

    name = "qpyt:store/http"

    def send(
        self,
        method: Method,
        url: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        bearer: Secret | None = None,
    ) -> HttpResponse:
        """`bearer` is sent as `Authorization: Bearer ...` without the brick seeing it."""
        module = self._module
        sent = [module.Header(name, value) for name, value in headers]
        request = module.Request(case_of(module.Method, method), url, sent, body)
        raw = self._call("send", request, None if bearer is None else bearer.raw)
        return HttpResponse(raw.status, [(header.name, header.value) for header in raw.headers], raw.body)


class Host:
    """What a brick may ask of the studio."""

    def __init__(self, contract: Contract):
        self._contract = contract

    @cached_property
    def media(self) -> Media:
        """Pictures and tensors."""
        return Media(self._contract)

    @cached_property
    def job(self) -> Job:
        """`qpyt:job/context`"""
        return Job(self._contract)

    @cached_property
    def clock(self) -> Clock:
        """`qpyt:job/clock`"""
        return Clock(self._contract)

    @cached_property
    def imaging(self) -> Imaging:
        """`qpyt:ai/imaging`"""
        return Imaging(self._contract)

    @cached_property
    def vision(self) -> Vision:
        """`qpyt:ai/vision`"""
        return Vision(self._contract)

    @cached_property
    def language(self) -> Language:
        """`qpyt:ai/language`"""
        return Language(self._contract)

    @cached_property
    def models(self) -> Models:
        """`qpyt:ai/models`"""
        return Models(self._contract)

    @cached_property
    def content(self) -> Content:
        """`qpyt:store/content`"""
        return Content(self._contract)

    @cached_property
    def gallery(self) -> Gallery:
        """`qpyt:store/gallery`"""
        return Gallery(self._contract)

    @cached_property
    def files(self) -> Files:
        """`qpyt:store/files`"""
        return Files(self._contract)

    @cached_property
    def secrets(self) -> Secrets:
        """`qpyt:store/secrets`"""
        return Secrets(self._contract)

    @cached_property
    def http(self) -> Http:
        """`qpyt:store/http`"""
        return Http(self._contract)
