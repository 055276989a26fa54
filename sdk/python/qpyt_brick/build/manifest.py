"""What a brick's folder says: its brick.toml, and the version in its pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .error import BuildError


@dataclass(frozen=True)
class Manifest:
    """A brick.toml."""

    wasm: str
    uses: list[str]
    text: str


def read_manifest(folder: Path) -> Manifest:
    """The brick.toml in `folder`."""
    path = folder / "brick.toml"
    text, content = _read(path)
    brick = content.get("brick", {})
    wasm, uses = brick.get("wasm"), brick.get("uses", [])
    if not isinstance(wasm, str) or re.fullmatch(r"[^/\\]+\.wasm", wasm) is None:
        raise BuildError(f'{path}: write the component\'s file name, such as wasm = "name.wasm", below [brick]')
    if not isinstance(uses, list) or not all(isinstance(name, str) for name in uses):
        raise BuildError(f'{path}: `uses` is a list of interfaces, such as ["qpyt:job/context"]')
    return Manifest(wasm, uses, text)


def read_project(folder: Path) -> tuple[Path, str | None]:
    """The main file and the version that pyproject.toml in `folder` names."""
    path = folder / "pyproject.toml"
    _, content = _read(path)
    main = content.get("tool", {}).get("qpyt", {}).get("main", "brick.py")
    entry = folder / main
    if not entry.is_file():
        raise BuildError(f"{entry} is not there; name the brick's file in {path} as main below [tool.qpyt]")
    return entry, content.get("project", {}).get("version")


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except OSError as error:
        raise BuildError(f"{path} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise BuildError(f"{path}: {error}") from None
