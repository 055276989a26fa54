"""Real-ESRGAN (RRDBNet in the new key names, such as x4plus with 23 blocks), beside PyTorch."""

import os

import turns

turns.enter_environment()

import numpy as np
import torch
from safetensors.torch import load_file
from torch.nn import functional

LEAKY, RESIDUAL, LAYERS = 0.2, 0.2, 5


class Network:
    """RRDBNet as its authors wrote it; the format that PyTorch computes fastest is channels last."""

    def __init__(self, path):
        last = lambda value: value.float().contiguous(memory_format=torch.channels_last)
        self.weights = {name: last(v) if v.dim() == 4 else v.float() for name, v in load_file(path).items()}
        self.blocks = 1 + max(int(name.split(".")[1]) for name in self.weights if name.startswith("body."))

    def conv(self, x, name, leaky=False):
        y = functional.conv2d(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], padding=1)
        return functional.leaky_relu_(y, LEAKY) if leaky else y

    def dense(self, x, name):
        seen = [x]
        for layer in range(1, LAYERS):
            seen.append(self.conv(torch.cat(seen, 1), f"{name}.conv{layer}", leaky=True))
        return self.conv(torch.cat(seen, 1), f"{name}.conv{LAYERS}") * RESIDUAL + x

    def forward(self, x):
        first = x = self.conv(x.contiguous(memory_format=torch.channels_last), "conv_first")
        for block in range(self.blocks):
            inner = x
            for number in [1, 2, 3]:
                inner = self.dense(inner, f"body.{block}.rdb{number}")
            x = inner * RESIDUAL + x
        x = first + self.conv(x, "conv_body")
        for name in ["conv_up1", "conv_up2"]:
            x = self.conv(functional.interpolate(x, scale_factor=2, mode="nearest"), name, leaky=True)
        return self.conv(self.conv(x, "conv_hr", leaky=True), "conv_last")


@torch.inference_mode()
def serve(weights, source, output):
    torch.set_num_threads(int(os.environ["BENCH_THREADS"]))
    network, x = Network(weights), load_file(source)["input"]
    turns.serve(lambda: network.forward(x).contiguous().numpy(), output)


if __name__ == "__main__":
    parser = turns.parser(__doc__)
    parser.add_argument("--edge", type=int, default=256, help="of the picture, in pixels; default: %(default)s")
    given = parser.parse_args()
    if given.worker:
        serve(*given.worker)
    else:
        values = np.random.default_rng(1).random((1, 3, given.edge, given.edge), dtype=np.float32)
        turns.compare("enlarging", "PyTorch", given, values, turns.near(1e-3))
