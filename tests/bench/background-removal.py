"""U²-Net-p on 320x320 pixels, beside onnxruntime with an ONNX program of the same weights."""

import os

import turns

turns.enter_environment()

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

EDGE = 320
LEVELS = {1: 7, 2: 6, 3: 5, 4: 4, 5: 0, 6: 0}


class Program:
    """An ONNX program in the making: the network as its authors wrote it, normalisation folded into the kernels."""

    def __init__(self, weights):
        self.weights, self.nodes, self.count = weights, [], 0

    def add(self, kind, inputs, **attributes):
        self.count += 1
        name = f"v{self.count}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(self, x, layer, dilation=1):
        pad = dilation * (self.weights[f"{layer}.weight"].shape[2] // 2)
        inputs = [x, f"{layer}.weight", f"{layer}.bias"]
        return self.add("Conv", inputs, dilations=[dilation] * 2, pads=[pad] * 4)

    def relu_conv(self, x, layer, dilation=1):
        return self.add("Relu", [self.conv(x, f"{layer}.conv_s1", dilation)])

    def pool(self, x):
        return self.add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)

    def enlarge(self, x, edge):
        name = f"size{edge}_{self.count}"
        channels = self.add("Slice", [self.add("Shape", [x]), "zero", "two"])
        self.weights[name] = np.array([edge, edge], dtype=np.int64)
        sizes = self.add("Concat", [channels, name], axis=0)
        return self.add("Resize", [x, "", "", sizes], mode="linear", coordinate_transformation_mode="half_pixel")

    def join(self, *maps):
        return self.add("Concat", list(maps), axis=1)

    def block(self, x, stage, levels, edge):
        """The nested U-block; without levels it is dilated instead of pooled."""
        depth = levels or 4
        dilation = lambda level: 2 ** (level - 1) if not levels else 2 if level == depth else 1
        around = out = self.relu_conv(x, f"{stage}.rebnconvin")
        maps, edges = [], [edge]
        for level in range(1, depth + 1):
            if levels and 1 < level < depth:
                out = self.pool(out)
                edges.append((edges[-1] + 1) // 2)
            elif level > 1:
                edges.append(edges[-1])
            out = self.relu_conv(out, f"{stage}.rebnconv{level}", dilation(level))
            maps.append(out)
        for level in range(depth - 1, 0, -1):
            if edges[level] != edges[level - 1]:
                out = self.enlarge(out, edges[level - 1])
            out = self.relu_conv(self.join(out, maps[level - 1]), f"{stage}.rebnconv{level}d", dilation(level))
        return self.add("Add", [out, around])

    def network(self):
        x, edge, maps, edges = "input", EDGE, [], []
        for stage, levels in LEVELS.items():
            if stage > 1:
                x, edge = self.pool(x), (edge + 1) // 2
            x = self.block(x, f"stage{stage}", levels, edge)
            maps.append(x)
            edges.append(edge)
        features = [x]
        for stage in range(5, 0, -1):
            joined = self.join(self.enlarge(x, edges[stage - 1]), maps[stage - 1])
            x = self.block(joined, f"stage{stage}d", LEVELS[stage], edges[stage - 1])
            features.insert(0, x)
        sides = [self.conv(map, f"side{number}") for number, map in enumerate(features, 1)]
        sides = [sides[0]] + [self.enlarge(side, EDGE) for side in sides[1:]]
        return self.add("Sigmoid", [self.conv(self.join(*sides), "outconv")])


def program(path):
    weights = load_file(path) | {"zero": np.array([0]), "two": np.array([2])}
    made = Program(weights)
    output = made.network()
    tensor = lambda name, channels: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, EDGE, EDGE])
    initial = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(made.nodes, "u2netp", [tensor("input", 3)], [tensor(output, 1)], initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def serve(weights, source, output):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
    # Threads that wait without sleeping would be counted as work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(program(weights), options, providers=["CPUExecutionProvider"])
    values = load_file(source)
    turns.serve(lambda: session.run(None, values)[0], output)


if __name__ == "__main__":
    given = turns.parser(__doc__, turns.REPOSITORY / "models/u2netp/u2netp.safetensors").parse_args()
    if given.worker:
        serve(*given.worker)
    else:
        values = np.random.default_rng(1).standard_normal((1, 3, EDGE, EDGE), dtype=np.float32)
        turns.compare("background-removal", "onnxruntime", given, values, turns.near(1e-3))
