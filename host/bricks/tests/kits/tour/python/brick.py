"""Asks everything of the host once and says what came of it."""

from qpyt_brick import Host, HostError, Image, Json, Ports, brick, port
from qpyt_brick.host import Adapter, ChatRequest, Control, Inpainting, Message, TextRequest


class Picture(Ports):
    image: Image = port("The picture in the store.")


class Found(Ports):
    found: Json = port("What came of it.")
    image: Image = port("The picture again.")


@brick(id="tests:tour", label="Tour", category="input")
class Tour:
    """Asks everything of the host once."""

    def run(self, inputs: Picture, host: Host) -> Found:
        image = inputs.image
        host.job.log("info", "On tour.")
        host.job.progress(0.5, "Half")
        host.job.check_cancelled()
        now = host.clock.now()
        model = host.models.find_model("emoji")
        usual = host.models.find_usual_sampling("emoji")
        request = TextRequest(
            model=model.id,
            prompt="a fox",
            negative="blur",
            width=64,
            height=32,
            steps=2,
            guidance=7.5,
            seed=9,
            extra={"clip_skip": 1},
        )
        chat = ChatRequest(
            model="talker",
            messages=[Message("system", "Be brief."), Message("user", "a fox")],
            max_tokens=16,
            temperature=0.5,
            top_p=1.0,
            seed=9,
            extra={"top_k": 4},
        )
        secret = host.secrets.get("example-key")
        response = host.http.send(
            "post",
            "https://api.example.org/x",
            [("accept", "text/plain")],
            b"hello",
            secret,
        )
        changed = image.crop((0, 0, 2, 2)).resize(4, 4, "nearest").convert("rgb8").blend(image, 0.5)
        tensor = host.media.tensor_from_image(image, "chw")
        found = {
            "seeded": isinstance(host.job.seed(), int),
            "hasTime": host.job.milliseconds_left() > 0,
            "moment": [now.year, now.month, now.day, now.hour, now.minute, now.second],
            "models": [[it.id, it.family, it.native_size] for it in host.models.list_models("tiny")],
            "unknown": host.models.find_model("none"),
            "usual": [usual.steps, usual.guidance, usual.guided],
            "painted": size(host.imaging.text_to_image(request)),
            "repainted": size(host.imaging.image_to_image(request, image, 0.5)),
            "inpainted": size(
                host.imaging.paint(
                    request,
                    Inpainting(source=image, mask=image, strength=0.25),
                    adapters=[Adapter(model="style", weight=-0.5)],
                    controls=[Control(model="edges", picture=image, weight=0.75, end=0.5)],
                    references=[image],
                )
            ),
            "matte": host.vision.matte("cutter", image).info.format,
            "depth": host.vision.depth("sounder", image).info.format,
            "caption": host.vision.caption("teller", image, "tags"),
            "upscaled": size(host.vision.upscale("grower", image, 2.5, 64)),
            "answer": host.language.complete(chat).text,
            "translation": host.language.translate("linguist", "renard"),
            "opened": size(host.content.open(image.info.digest)),
            "kept": host.gallery.save(image, "A fox", "png", info={"seed": 9}).id,
            "file": host.files.save(image, "/pictures", "fox", "webp"),
            "response": [response.status, response.headers[0][1], response.body.decode()],
            "secret": secret.name(),
            "refused": refusal(lambda: host.secrets.get("other-key")),
            "changed": size(changed),
            "decoded": size(host.media.decode(image.encode("png"))),
            "tensor": [tensor.shape(), tensor.element(), len(tensor.read(0, 8))],
            "back": tensor.to_image("chw").info.format,
        }
        return Found(found=found, image=image)


def size(image):
    return [image.width, image.height]


def refusal(work):
    try:
        work()
        return "none"
    except HostError as error:
        return error.case
