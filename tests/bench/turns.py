"""Lets a model of ours and the usual tool take turns, and measures both from outside in the same way.

Both run in processes of their own that do one round for each line they are given (`host/inference/benches/models.rs`;
`serve` below). What a round costs is read from /proc, so this needs Linux.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent.parent
REQUIREMENTS = FOLDER / "requirements.txt"


def enter_environment():
    """Starts the script again in a virtual environment with the pinned packages, which it makes if need be."""
    folder = Path(os.environ.get("QPYT_BENCH_VENV", REPOSITORY / "target" / "bench-venv"))
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    installed = folder / "installed.txt"
    if not installed.exists() or installed.read_text() != REQUIREMENTS.read_text():
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS], check=True)
        installed.write_text(REQUIREMENTS.read_text())
    os.execv(python, [str(python), *sys.argv])


def build():
    """Builds our program and gives its path."""
    command = ["cargo", "bench", "--workspace", "--bench", "models", "--no-run", "--message-format=json"]
    lines = subprocess.run(command, cwd=REPOSITORY, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    messages = [json.loads(line) for line in lines]
    [program] = [m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "models"]
    return program


class Worker:
    """A process that does one round for each line, then writes its answer."""

    def __init__(self, command, threads):
        counts = {name: str(threads) for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "BENCH_THREADS"]}
        self.process = subprocess.Popen(
            command, env=os.environ | counts, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def round(self):
        """Does one round; gives its seconds by the clock and of all processors."""
        cpu, clock = self._cpu_seconds(), time.perf_counter()
        self.process.stdin.write("\n")
        if self.process.stdout.readline().strip() != "done":
            raise SystemExit("a worker failed; its messages are above")
        return time.perf_counter() - clock, self._cpu_seconds() - cpu

    def peak_memory(self):
        """Largest resident memory so far, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def finish(self):
        self.process.stdin.close()
        self.process.wait()

    def _cpu_seconds(self):
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def serve(one_round, output):
    """The other side of `Worker`: one round for each line; the last answer is saved at the end."""
    from safetensors.numpy import save_file

    answer = None
    for _ in sys.stdin:
        answer = one_round()
        print("done", flush=True)
    save_file({"output": answer}, output)


def compare(task, their_name, given, values, agree, units=1, unit="rounds"):
    """Runs both in turns with each number of threads, prints a table, and checks the answers with `agree`."""
    from safetensors.numpy import load_file, save_file

    program = build()
    print(f"{task}: ours beside {their_name}, medians of {given.rounds} rounds in turns")
    print(f"{'threads':>7} {'':>12} {'wall s':>9} {'CPU s':>9} {unit + '/s':>9} {'peak MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        source, ours, theirs = (f"{folder}/{name}.safetensors" for name in ["input", "ours", "theirs"])
        save_file(values if isinstance(values, dict) else {"input": values}, source)
        for threads in given.threads:
            workers = [
                Worker([program, task, str(given.weights), source, ours], threads),
                Worker([sys.executable, sys.argv[0], "--worker", str(given.weights), source, theirs], threads),
            ]
            for worker in workers:
                worker.round()
            figures = [[worker.round() for worker in workers] for _ in range(given.rounds)]
            for place, name in enumerate(["ours", their_name]):
                wall, cpu = (statistics.median(pair[place][kind] for pair in figures) for kind in [0, 1])
                memory = workers[place].peak_memory()
                print(f"{threads:>7} {name:>12} {wall:>9.3f} {cpu:>9.3f} {units / wall:>9.1f} {memory:>9.0f}")
            wall, cpu = (statistics.median(pair[0][kind] / pair[1][kind] for pair in figures) for kind in [0, 1])
            memory = workers[0].peak_memory() / workers[1].peak_memory()
            print(f"{threads:>7} {'ratio':>12} {wall:>9.2f} {cpu:>9.2f} {1 / wall:>9.2f} {memory:>9.2f}", flush=True)
            for worker in workers:
                worker.finish()
            agree(load_file(ours)["output"], load_file(theirs)["output"])


def parser(description, weights=None):
    """Command line of the scripts: where the weights are, how many rounds; and how a worker is started."""
    parser = argparse.ArgumentParser(description=description)
    wanted = weights is None and "--worker" not in sys.argv
    parser.add_argument("--weights", default=weights, required=wanted, help="default: %(default)s")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="default: 1 and 2")
    parser.add_argument("--rounds", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    return parser


def near(tolerance):
    """A check that answers differ by no more than a tolerance."""

    def check(ours, theirs):
        gap = float(abs(ours - theirs).max())
        print(f"        answers differ by {gap:.1e} at most")
        if ours.shape != theirs.shape or not gap <= tolerance:
            raise SystemExit(f"the answers do not agree within {tolerance}")

    return check
