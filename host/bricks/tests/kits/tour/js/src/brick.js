// Asks everything of the host once and says what came of it.

import { defineBrick } from "@qpyt/brick";

export default defineBrick({
  id: "tests:tour",
  label: "Tour",
  category: "input",
  doc: "Asks everything of the host once.",
  inputs: { image: { kind: "image", doc: "The picture in the store." } },
  outputs: { found: { kind: "json", doc: "What came of it." }, image: { kind: "image", doc: "The picture again." } },
  run({ inputs, host }) {
    const { image } = inputs;
    host.job.log("info", "On tour.");
    host.job.progress(0.5, "Half");
    host.job.checkCancelled();
    const now = host.clock.now();
    const model = host.models.findModel("emoji");
    const request = {
      model: model.id,
      prompt: "a fox",
      negative: "blur",
      width: 64,
      height: 32,
      sampling: { steps: 2, guidance: 7.5, seed: 9n },
      extra: '{"clip_skip":1}',
    };
    const inpainting = { tag: "inpainting", val: { source: image, mask: image, strength: 0.25 } };
    const guides = {
      adapters: [{ model: "style", weight: -0.5 }],
      controls: [{ model: "edges", picture: image, weight: 0.75, begin: 0, end: 0.5 }],
      references: [image],
    };
    const chat = {
      model: "talker",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "a fox" },
      ],
      maxTokens: 16,
      temperature: 0.5,
      topP: 1,
      seed: 9n,
      extra: '{"top_k":4}',
    };
    const secret = host.secrets.get("example-key");
    const response = host.http.send(
      {
        method: "post",
        url: "https://api.example.org/x",
        headers: [{ name: "accept", value: "text/plain" }],
        body: new TextEncoder().encode("hello"),
      },
      secret,
    );
    const changed = image.crop({ x: 0, y: 0, width: 2, height: 2 }).resize(4, 4, "nearest").convert("rgb8").blend(image, 0.5);
    const tensor = host.media.Tensor.fromImage(image, "chw");
    return {
      image,
      found: {
        seeded: typeof host.job.seed() === "bigint",
        hasTime: host.job.millisecondsLeft() > 0,
        moment: [now.year, now.month, now.day, now.hour, now.minute, now.second],
        models: host.models.listModels("tiny").map(({ id, family, nativeSize }) => [id, family, nativeSize]),
        unknown: host.models.findModel("none") ?? null,
        usual: usual(host.models.findUsualSampling("emoji")),
        painted: size(host.imaging.textToImage(request)),
        repainted: size(host.imaging.imageToImage(request, image, 0.5)),
        inpainted: size(host.imaging.paint(request, inpainting, guides)),
        matte: host.vision.matte("cutter", image).info().format,
        depth: host.vision.depth("sounder", image).info().format,
        caption: host.vision.caption("teller", image, "tags"),
        upscaled: size(host.vision.upscale("grower", image, 2.5, 64)),
        answer: host.language.complete(chat).text,
        translation: host.language.translate("linguist", "renard"),
        opened: size(host.content.open(image.info().digest)),
        kept: host.gallery.save(image, "A fox", "png", 90, '{"seed":9}').id,
        file: host.files.save(image, "/pictures", "fox", "webp", 90),
        response: [response.status, response.headers[0].value, new TextDecoder().decode(response.body)],
        secret: secret.name(),
        refused: refusal(() => host.secrets.get("other-key")),
        changed: size(changed),
        decoded: size(host.media.decode(image.encode("png", 90))),
        tensor: [[...tensor.shape()], tensor.element(), tensor.read(0n, 8n).length],
        back: tensor.toImage("chw").info().format,
      },
    };
  },
});

function usual({ steps, guidance, guided }) {
  return [steps, guidance, guided];
}

function size(image) {
  const { width, height } = image.info();
  return [width, height];
}

function refusal(work) {
  try {
    work();
    return "none";
  } catch (error) {
    return error.payload.tag;
  }
}
