"""`python3 -m qpyt_brick build [FOLDER]`: makes a component of the brick in FOLDER."""

import argparse
import sys
import time
from pathlib import Path

from .build import BuildError, build


def main() -> int:
    """Reads the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m qpyt_brick", description="Makes bricks for Qpyt Studio.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("build", help="make a component of the brick in a folder")
    command.add_argument("folder", nargs="?", default=Path("."), type=Path, help="the brick's folder")
    command.add_argument("--out", type=Path, help="where the component and brick.toml go (dist)")
    command.add_argument("--wit", type=Path, help="the studio's wit folder")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        wasm = build(options.folder, options.out, options.wit)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{wasm}: {wasm.stat().st_size / 1e6:.1f} MB in {time.monotonic() - started:.1f} s")
    return 0


sys.exit(main())
