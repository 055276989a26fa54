"""Text to image with a whole model of the size of Stable Diffusion 1.5, from the start of the process to its end, and
from the start of loading to the end of the first step, beside diffusers on PyTorch."""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import turns

turns.enter_environment()

import painting_weights

# Small enough that the first step is little but reading the weights.
SMALL = 64


def theirs(folder, edge, steps):
    """Makes one picture; prints after how many seconds, imports not counted, its first step was taken."""
    import torch
    from diffusers import StableDiffusionPipeline

    torch.set_num_threads(int(os.environ["BENCH_THREADS"]))
    started = time.perf_counter()
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)

    def after(pipeline, step, timestep, values):
        if step == 0:
            print(time.perf_counter() - started)
        return values

    pipeline("a dog", width=edge, height=edge, num_inference_steps=steps, callback_on_step_end=after)


def run(command, threads):
    """Wall seconds, seconds to the first step, and peak memory in MiB of a process."""
    counts = {name: str(threads) for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "BENCH_THREADS"]}
    started = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | counts, stdout=subprocess.PIPE, text=True)
    first = process.stdout.read().split()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("a process failed; its messages are above")
    return time.perf_counter() - started, float(first[-1]), usage.ru_maxrss / 1024


def compare(title, edge, steps, given, folder, program):
    """Runs both in turns, and prints medians and their ratios."""
    commands = [
        [program, "picture", str(folder), str(edge), str(steps)],
        [sys.executable, sys.argv[0], "--theirs", str(folder), str(edge), str(steps)],
    ]
    rounds = [[run(command, given.threads) for command in commands] for _ in range(given.rounds)]
    print(f"{title}, {given.threads} threads, medians of {given.rounds} rounds in turns")
    print(f"{'':>10} {'whole s':>9} {'first step s':>13} {'peak MiB':>9}")
    medians = [[statistics.median(pair[place][kind] for pair in rounds) for kind in range(3)] for place in range(2)]
    for name, (wall, first, memory) in zip(["ours", "diffusers"], medians):
        print(f"{name:>10} {wall:>9.2f} {first:>13.2f} {memory:>9.0f}")
    ratios = [statistics.median(pair[0][kind] / pair[1][kind] for pair in rounds) for kind in range(3)]
    print(f"{'ratio':>10} {ratios[0]:>9.2f} {ratios[1]:>13.2f} {ratios[2]:>9.2f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path("target/bench-weights"), help="default: %(default)s")
    parser.add_argument(
        "--tokenizer", type=Path, default=turns.REPOSITORY / "tests/reference/sd15/tokenizer",
        help="folder with a vocabulary of CLIP, to make the model; default: the small one of the tests",
    )
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--theirs", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.theirs:
        theirs(given.theirs[0], *map(int, given.theirs[1:]))
    else:
        folder = (given.weights / "sd15").resolve()
        if not (folder / "model_index.json").exists():
            painting_weights.sd15(given.weights, given.tokenizer)
        program = turns.build()
        compare("loading to the first step", SMALL, 1, given, folder, program)
        compare("512x512, 10 steps", 512, 10, given, folder, program)
