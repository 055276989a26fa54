"""The brick's own narrow world: media and what brick.toml names in `uses`, and nothing else. A component made from
Python imports its whole world, so the world must be no wider than what the brick asks for."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from .error import BuildError

WORLD = "component"

_FREE = ["qpyt:media/image", "qpyt:media/tensor"]
_EXPORTED = ["describe", "run"]
_CONTRACT = Path(__file__).resolve().parents[4] / "wit"
"""The studio's contract, beside the kits."""


def write_world(
    work: Path, uses: list[str], contract: Path | None = None, exported: Sequence[str] = ()
) -> dict[str, str]:
    """Writes the contract and the world into `work`; `exported` are optional interfaces of `qpyt:brick`. Gives the
    contract's interfaces with their versions."""
    contract = contract or _CONTRACT
    known = read_contract(contract)
    asked = list(dict.fromkeys([*_FREE, *uses]))
    offered = [name for name in known if name not in _FREE and not name.startswith("qpyt:brick/") and not _is_types(name)]
    unknown = next((name for name in asked if name not in known or _is_types(name)), None)
    if unknown is not None:
        raise BuildError(f"brick.toml uses `{unknown}`, which is not there; there are {', '.join(offered)}")
    lines = [f"import {name}@{known[name]};" for name in asked]
    exports = [f"qpyt:brick/{name}" for name in (*_EXPORTED, *exported)]
    lines += [f"export {name}@{known[name]};" for name in exports]
    body = "\n  ".join(lines)
    work.mkdir(parents=True, exist_ok=True)
    (work / "world.wit").write_text(f"package qpyt:built;\n\nworld {WORLD} {{\n  {body}\n}}\n", encoding="utf-8")
    shutil.copytree(contract, work / "deps", ignore=shutil.ignore_patterns("*.md"))
    return known


def read_contract(contract: Path) -> dict[str, str]:
    """The interfaces of the contract, with the version of their package."""
    known: dict[str, str] = {}
    for file in sorted(contract.glob("*/*.wit")):
        text = re.sub(r"//.*", "", file.read_text(encoding="utf-8"))
        package = re.search(r"^package ([a-z0-9:-]+)@([0-9.]+);", text, re.MULTILINE)
        if package is not None:
            for name in re.findall(r"^interface ([a-z0-9-]+) \{", text, re.MULTILINE):
                known[f"{package[1]}/{name}"] = package[2]
    if not known:
        raise BuildError(f"{contract} holds no contract; name the studio's wit folder by --wit")
    return known


def _is_types(name: str) -> bool:
    return name.endswith("/types")
