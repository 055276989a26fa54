// What the studio does for a brick: the interfaces of the contract (`wit/`) as JavaScript sees them. Everything that
// fails throws; a brick that does not catch it ends with the host's message.

/** How one pixel is stored. Integer channels are sRGB 0..255; a float is the same value over 255. Rows are top to
 * bottom, pixels left to right, no padding between rows. `luma32f` is little endian. */
export type PixelFormat = "rgba8" | "rgb8" | "luma8" | "luma32f";

/** A rectangle in pixels. It must lie inside the image. */
export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What is known of an image without reading it. */
export interface ImageInfo {
  width: number;
  height: number;
  format: PixelFormat;
  /** `blake3:` and 64 hexadecimal digits: equal pictures have equal digests. */
  digest: string;
}

/** How a size change picks its samples. */
export type Filter = "nearest" | "bilinear" | "bicubic" | "lanczos";

/** Encodings for files; webp is lossless. */
export type Container = "png" | "jpeg" | "webp";

/** An immutable picture that the host owns; holding one costs a handle, not pixels. */
export interface Image {
  info(): ImageInfo;
  /** A second handle on the same pixels. Costs nothing. */
  cloneHandle(): Image;
  crop(area: Rect): Image;
  resize(width: number, height: number, filter: Filter): Image;
  convert(to: PixelFormat): Image;
  /** Lays `top` (same size) over this image: `opacity` 0..1, where `mask` (luma8, same size) is white. */
  blend(top: Image, opacity: number, mask?: Image): Image;
  /** Copies the pixels of `area` to the brick, converted to `format`. */
  read(area: Rect, format: PixelFormat): Uint8Array;
  /** The picture as a file. `quality` 1..100 is used by jpeg only. */
  encode(container: Container, quality: number): Uint8Array;
  /** Lets go of it now instead of at the end of the run. */
  close(): void;
}

/** A picture being painted. It starts black (transparent where there is alpha). */
export interface Canvas {
  /** Replaces the pixels of `area`; `pixels` are in the canvas's format. */
  write(area: Rect, pixels: Uint8Array): void;
  /** Lets go of it now instead of at the end of the run. */
  close(): void;
}

/** What one element of a tensor is. Little endian, row-major. */
export type Element = "float32" | "float16" | "bfloat16" | "uint8" | "int32" | "int64";

/** Order of the axes of an image tensor: channels first or last. */
export type Layout = "chw" | "hwc";

/** An immutable block of numbers that the host owns. */
export interface Tensor {
  cloneHandle(): Tensor;
  shape(): Uint32Array;
  element(): Element;
  /** `length` bytes from byte `offset`. */
  read(offset: bigint, length: bigint): Uint8Array;
  /** Float32 in 0..1 with 1 (luma8), 3 (rgb8) or 4 (rgba8) channels as a picture. */
  toImage(layout: Layout): Image;
  /** Lets go of it now instead of at the end of the run. */
  close(): void;
}

/** What a port of the kind `any` carries. */
export type Value =
  | { tag: "image"; val: Image }
  | { tag: "tensor"; val: Tensor }
  | { tag: "text"; val: string }
  | { tag: "number"; val: number }
  | { tag: "boolean"; val: boolean }
  /** A JSON text. */
  | { tag: "json"; val: string };

/** Pictures and tensors (`qpyt:media`); every brick has them. */
export interface Media {
  readonly Canvas: {
    create(width: number, height: number, format: PixelFormat): Canvas;
    /** Turns the canvas into an image without copying. */
    freeze(canvas: Canvas): Image;
  };
  readonly Tensor: {
    create(shape: Uint32Array | number[], element: Element, data: Uint8Array): Tensor;
    /** Pixels as float32 in 0..1. */
    fromImage(source: Image, layout: Layout): Tensor;
  };
  /** Reads a png, jpeg, webp, gif or bmp file (first frame, turned upright). */
  decode(file: Uint8Array): Image;
}

/** The run itself (`qpyt:job/context`). */
export interface Job {
  /** Shows how far the run is, 0 to 1, with a short note. Throws once the person stopped the job. */
  progress(fraction: number, note?: string): void;
  /** Throws once the person stopped the job. */
  checkCancelled(): void;
  /** Writes a line to the brick's log, linked to the job. */
  log(level: "trace" | "debug" | "info" | "warn" | "error", message: string): void;
  /** The time that is left to this run. */
  millisecondsLeft(): number;
  /** A number for the brick's own random choices. The same inputs and parameters give the same number. */
  seed(): bigint;
}

/** A moment in local time. */
export interface Moment {
  year: number;
  /** 1..12 */
  month: number;
  /** 1..31 */
  day: number;
  hour: number;
  minute: number;
  second: number;
}

/** The date and time where the studio runs (`qpyt:job/clock`). A brick that uses it is never answered from the cache. */
export interface Clock {
  now(): Moment;
}

/** How latents are sampled. */
export interface Sampling {
  /** 1..150 */
  steps: number;
  /** Classifier-free guidance 0..30; 1 and below is off. */
  guidance: number;
  /** Canonical sampler id; what the model names if there is none. */
  sampler?: string;
  /** Canonical schedule id; what the model names if there is none. */
  schedule?: string;
  /** Seed of the start noise. */
  seed: bigint;
}

/** What to paint. */
export interface TextRequest {
  /** Id of an installed model. */
  model: string;
  prompt: string;
  negative: string;
  /** In pixels; a multiple of what the model needs. */
  width: number;
  height: number;
  sampling: Sampling;
  /** Further options as a JSON text. */
  extra?: string;
}

/** What a painting begins with. Pictures and masks are scaled to the requested size. */
export type Start =
  | { tag: "noise" }
  /** `strength` 0..1: how much of the picture may change. */
  | { tag: "repainting"; val: { source: Image; strength: number } }
  /** White in `mask` is made anew, black stays. */
  | { tag: "inpainting"; val: { source: Image; mask: Image; strength: number } };

/** A change of the model's weights that stays for one picture. */
export interface Adapter {
  /** Id of an installed model of the family `lora`. */
  model: string;
  /** -4..4; 0 changes nothing, 1 is what it was trained for. */
  weight: number;
}

/** A picture that says where things are: edges, depth, a pose. */
export interface Control {
  /** Id of an installed model of the family `controlnet`. */
  model: string;
  /** Is scaled to the requested size. */
  picture: Image;
  /** 0..2; 1 is what it was trained for. */
  weight: number;
  /** 0..1: the share of the steps at which it begins to count. */
  begin: number;
  /** 0..1: the share of the steps at which it ends. */
  end: number;
}

/** What steers a painting besides its words. */
export interface Guides {
  /** At most 32. */
  adapters: Adapter[];
  /** At most 8. */
  controls: Control[];
  /** Pictures whose things are to be seen again, for models that can do that; at most 8. */
  references: Image[];
}

/** Text to image, image to image, and parts of images (`qpyt:ai/imaging`). */
export interface Imaging {
  /** Paints from noise. */
  textToImage(request: TextRequest): Image;
  /** Repaints `source`. `strength` 0..1: how much of it may change. */
  imageToImage(request: TextRequest, source: Image, strength: number): Image;
  /** Paints with everything there is. A model that can't do a part of it says so. */
  paint(request: TextRequest, start: Start, guides: Guides): Image;
}

/** How much to say about a picture. */
export type Detail = "sentence" | "sentences" | "paragraph" | "tags";

/** Looks at pictures and enlarges them (`qpyt:ai/vision`). */
export interface Vision {
  /** What stands out: a luma8 mask of the source's size, white is the subject. */
  matte(model: string, source: Image): Image;
  /** How near things are: luma32f of the source's size, 1 is the nearest point of the picture. */
  depth(model: string, source: Image): Image;
  /** What is to be seen, in English. */
  caption(model: string, source: Image, detail: Detail): string;
  /** `factor` times as many pixels per side, 1..16. `tile` is the side of the pieces of the work, 32..2048. */
  upscale(model: string, source: Image, factor: number, tile?: number): Image;
}

/** A part of a conversation. */
export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

/** What to answer, and how. */
export interface ChatRequest {
  /** Id of an installed model of the family `chat`. */
  model: string;
  messages: Message[];
  /** Of the answer, 1..8192. */
  maxTokens: number;
  /** 0..2; 0 takes the likeliest token each time. */
  temperature: number;
  /** 0..1; share of the likeliest tokens that are drawn from. */
  topP: number;
  /** Seed of the draws. */
  seed: bigint;
  /** Further options as a JSON text. */
  extra?: string;
}

/** An answer. */
export interface Completion {
  text: string;
  promptTokens: number;
  outputTokens: number;
  /** `length`: it has as many tokens as were asked for. */
  finish: "stop" | "length";
}

/** Writes and translates text (`qpyt:ai/language`). The person sees it grow. */
export interface Language {
  complete(request: ChatRequest): Completion;
  /** Sentence by sentence; the model says from and to which language. */
  translate(model: string, text: string): string;
}

/** One installed model. */
export interface ModelInfo {
  id: string;
  family: string;
  label: string;
  /** Bytes on disk. */
  bytes: bigint;
  /** Side lengths must be multiples of this many pixels. */
  sizeMultiple: number;
  /** The side length that the model was trained at. */
  nativeSize: number;
}

/** How a model is run where nobody says otherwise. */
export interface UsualSampling {
  steps: number;
  /** 1 for models that were made to work without guidance. */
  guidance: number;
  /** False where guidance means nothing to the model. */
  guided: boolean;
}

/** What is installed (`qpyt:ai/models`). */
export interface Models {
  findModel(id: string): ModelInfo | undefined;
  /** Steps and guidance by which a model that paints is shown by its makers. */
  findUsualSampling(id: string): UsualSampling | undefined;
  /** All models, or those of one family. A run that asks is not answered from the cache later. */
  listModels(family?: string): ModelInfo[];
}

/** Pictures by digest (`qpyt:store/content`). */
export interface Content {
  /** Opens a picture that was uploaded or made before. */
  open(digest: string): Image;
}

/** The person's gallery (`qpyt:store/gallery`). */
export interface Gallery {
  /** Keeps `source` as a result of the job. `info` is a JSON object, as text, that says how it was made. */
  save(source: Image, title: string, container: Container, quality: number, info: string): { id: string; file: string };
}

/** Folders that the person allows, one by one (`qpyt:store/files`). */
export interface Files {
  /** Writes `source` into `folder` as `name` plus the container's extension. Never overwrites. Returns the path. */
  save(source: Image, folder: string, name: string, container: Container, quality: number): string;
}

/** A secret that the person stored. It can be used, never read. */
export interface Secret {
  /** The name under which the person stored it. */
  name(): string;
  /** Lets go of it now instead of at the end of the run. */
  close(): void;
}

/** Secrets by name, each allowed by the person (`qpyt:store/secrets`). */
export interface Secrets {
  get(name: string): Secret;
}

/** What to send. */
export interface HttpRequest {
  method: "get" | "head" | "post" | "put" | "patch" | "delete";
  url: string;
  headers: { name: string; value: string }[];
  body: Uint8Array;
}

/** What came back. */
export interface HttpResponse {
  status: number;
  headers: { name: string; value: string }[];
  body: Uint8Array;
}

/** Hosts that the person allows, one by one (`qpyt:store/http`). */
export interface Http {
  /** `bearer` is sent as `Authorization: Bearer ...` without the brick seeing it. */
  send(request: HttpRequest, bearer?: Secret): HttpResponse;
}

/** What a brick may ask of the studio. All but `media` is asked for in `uses` of brick.toml; what is not asked for
 * throws and says which line is missing. */
export interface Host {
  readonly media: Media;
  readonly job: Job;
  readonly clock: Clock;
  readonly imaging: Imaging;
  readonly vision: Vision;
  readonly language: Language;
  readonly models: Models;
  readonly content: Content;
  readonly gallery: Gallery;
  readonly files: Files;
  readonly secrets: Secrets;
  readonly http: Http;
}
