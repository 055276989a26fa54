"""The networks of painting models at their published sizes, beside diffusers on PyTorch."""

import os
from pathlib import Path

import turns

turns.enter_environment()

import numpy as np
import painting_weights
import torch
from safetensors.torch import load_file


def noise(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape, dtype=np.float32)


class Unet:
    task = "unet"

    def __init__(self, make, edge, text_width, pooled=None):
        self.make, self.edge, self.text_width, self.pooled = make, edge, text_width, pooled

    def inputs(self):
        values = {"input": noise(1, 4, self.edge, self.edge), "text": noise(1, 77, self.text_width)}
        return values | ({"pooled": noise(1, self.pooled)} if self.pooled else {})

    def network(self, folder, values):
        from diffusers import UNet2DConditionModel

        network = UNet2DConditionModel.from_pretrained(folder, torch_dtype=torch.float32)
        more = {}
        if self.pooled:
            edge = 8 * self.edge
            times = torch.tensor([[edge, edge, 0, 0, edge, edge]], dtype=torch.float32)
            more["added_cond_kwargs"] = {"text_embeds": values["pooled"], "time_ids": times}
        return lambda: network(values["input"], 500, values["text"], **more).sample


class Decoding:
    task = "decoding"
    make = staticmethod(painting_weights.vae)

    def inputs(self):
        return {"input": noise(1, 4, 64, 64)}

    def network(self, folder, values):
        from diffusers import AutoencoderKL

        network = AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32)
        return lambda: network.decode(values["input"]).sample


class Flux2:
    """Ours with weights in Q8_0, theirs in bfloat16, which is the faster of theirs."""

    task = "flux2"
    make = staticmethod(painting_weights.klein)
    edge, words = 32, 512

    def inputs(self):
        return {"input": noise(1, self.edge**2, 128), "text": noise(1, self.words, 7680)}

    def network(self, folder, values):
        from diffusers import Flux2Transformer2DModel

        network = Flux2Transformer2DModel.from_pretrained(folder, torch_dtype=torch.bfloat16)
        rows, columns = torch.meshgrid(torch.arange(self.edge), torch.arange(self.edge), indexing="ij")
        places = torch.zeros(self.edge**2, 4)
        places[:, 1], places[:, 2] = rows.flatten(), columns.flatten()
        words = torch.zeros(self.words, 4)
        words[:, 3] = torch.arange(self.words)
        narrow = {name: value.to(torch.bfloat16) for name, value in values.items()}
        return lambda: network(
            narrow["input"], narrow["text"], torch.tensor([0.5], dtype=torch.bfloat16), places, words
        ).sample.float()


CASES = {
    "sd15": Unet(painting_weights.sd15_unet, 64, 768),
    "sdxl": Unet(painting_weights.sdxl_unet, 128, 2048, 1280),
    "decoding": Decoding(),
    "flux2": Flux2(),
}
# Half precision and blocks of 8 bits cannot agree to more than their steps.
ROUNDED = {"flux2"}


@torch.inference_mode()
def serve(weights, source, output):
    torch.set_num_threads(int(os.environ["BENCH_THREADS"]))
    values = load_file(source)
    network = CASES[os.environ["BENCH_CASE"]].network(weights, values)
    turns.serve(lambda: network().contiguous().numpy(), output)


def shares(limit):
    """A check that answers differ by no more than a share of their spread."""

    def check(ours, theirs):
        gap = float(np.sqrt(((ours - theirs) ** 2).mean()) / theirs.std())
        print(f"        answers differ by {gap:.1e} of their spread")
        if not gap <= limit:
            raise SystemExit(f"the answers do not agree within {limit}")

    return check


if __name__ == "__main__":
    parser = turns.parser(__doc__, weights="target/bench-weights")
    parser.add_argument("--case", choices=CASES, nargs="+", default=list(CASES), help="default: all")
    given = parser.parse_args()
    if given.worker:
        serve(*given.worker)
    else:
        root = Path(given.weights)
        root.mkdir(parents=True, exist_ok=True)
        for name in given.case:
            case = CASES[name]
            os.environ["BENCH_CASE"] = name
            given.weights = case.make(root)
            turns.compare(case.task, "diffusers", given, case.inputs(), shares(5e-2 if name in ROUNDED else 1e-3))
