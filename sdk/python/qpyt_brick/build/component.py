"""Runs componentize-py on a brick, the kit and a module that joins them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

from ..brick import Definition, bricks_in
from ..check import problems
from .error import BuildError
from .manifest import read_manifest, read_project
from .world import WORLD, write_world

COMPONENTIZE_PY = "componentize-py==0.25.1"
"""The version that the kit is tested with."""

_APP = "qpyt_component"
_NO_SOURCES = [".*", "__pycache__", "*.egg-info", "dist", "tests", "venv"]
"""What lies beside a brick's modules and is no part of it."""
_ONLY_TO_BUILD = ["__pycache__", "build", "check.py", "__main__.py"]
"""What of the kit a component does not need."""
_KIT = Path(__file__).resolve().parents[1]


def build(folder: Path, out: Path | None = None, wit: Path | None = None) -> Path:
    """Builds the brick in `folder` into `out` (`dist` if none is named), against the contract in `wit`. Gives the
    component's path."""
    root = folder.resolve()
    manifest = read_manifest(root)
    entry, version = read_project(root)
    with tempfile.TemporaryDirectory(prefix="qpyt-build-python-") as made:
        work = Path(made)
        sources = _copy_sources(entry, work / "sources")
        bricks = _load(sources / entry.name)
        _check(bricks, version)
        exported = _optional_exports(bricks)
        interfaces = write_world(work / "wit", manifest.uses, wit, exported)
        _write_app(sources, entry.stem, version, interfaces, exported)
        component = work / "component.wasm"
        _componentize(work / "wit", sources, component)
        target = (out or root / "dist").resolve()
        target.mkdir(parents=True, exist_ok=True)
        _replace(target / manifest.wasm, component.read_bytes())
        _replace(target / "brick.toml", manifest.text.encode())
        return target / manifest.wasm


def _copy_sources(entry: Path, sources: Path) -> Path:
    """The brick's modules and the part of the kit that runs in a component. Everything here ends up in it."""
    shutil.copytree(entry.parent, sources, ignore=shutil.ignore_patterns(*_NO_SOURCES))
    shutil.copytree(_KIT, sources / _KIT.name, ignore=shutil.ignore_patterns(*_ONLY_TO_BUILD))
    return sources


def _load(path: Path) -> list[Definition]:
    """The bricks in the file, found by loading it here."""
    sys.path.insert(0, str(path.parent))
    sys.dont_write_bytecode = True
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise BuildError(f"{path.name} is no Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return bricks_in(module)
    except Exception as error:
        raise BuildError(f"{path.name} can't be loaded:\n{''.join(traceback.format_exception(error))}") from None
    finally:
        sys.path.remove(str(path.parent))


def _check(bricks: list[Definition], version: str | None) -> None:
    if not bricks:
        raise BuildError("The module holds no brick: write a class with `@brick(id=..., label=..., category=...)`")
    found = [problem for brick in bricks for problem in problems(brick, version)]
    if found:
        raise BuildError("\n  ".join(["The brick does not describe itself well:", *found]))


def _optional_exports(bricks: list[Definition]) -> list[str]:
    """The interfaces that a component of these bricks exports beside `describe` and `run`."""
    has = {"state": any(brick.remembers for brick in bricks), "migrate": any(brick.migrates for brick in bricks)}
    return [name for name, is_there in has.items() if is_there]


_METHODS = {
    "describe": ["bricks(self)"],
    "run": ["run(self, brick, inputs, params)"],
    "state": ["save(self)", "restore(self, from_version, blob)"],
    "migrate": ["migrate_params(self, brick, from_version, params)"],
}
"""The functions of each interface that a component may export, as componentize-py wants them."""


def _write_app(
    sources: Path, module: str, version: str | None, interfaces: dict[str, str], exported: list[str]
) -> None:
    """The module that componentize-py starts from: the bindings by interface, and the exports."""
    bound = {name: f"wit_world.imports.{_module_name(name, at)}" for name, at in interfaces.items()}
    classes = [_export(name, interfaces[f"qpyt:brick/{name}"]) for name in ("describe", "run", *exported)]
    text = f"""
import importlib
import importlib.util

import {module}
from componentize_py_types import Err
from qpyt_brick.guest import Component

_bound = {bound!r}
_imported = {{
    interface: importlib.import_module(module)
    for interface, module in _bound.items()
    if importlib.util.find_spec(module) is not None
}}
_component = Component({module}, {version!r}, _imported, Err)
"""
    (sources / f"{_APP}.py").write_text(text + "".join(classes), encoding="utf-8")


def _export(interface: str, version: str) -> str:
    """The class for an exported interface; its methods are those of the component."""
    methods = [f"    def {method}:\n        return _component.{method.replace('self, ', '').replace('self', '')}\n" for method in _METHODS[interface]]
    return f"\n\nclass {_class_name(f'qpyt:brick/{interface}', version)}:\n" + "\n".join(methods)


def _module_name(interface: str, version: str) -> str:
    """`qpyt_job_context_0_1_0`, as componentize-py names modules with `--full-names`."""
    return "_".join(_words(interface, version))


def _class_name(interface: str, version: str) -> str:
    """`QpytBrickRun010`"""
    return "".join(word.capitalize() for word in _words(interface, version))


def _words(interface: str, version: str) -> list[str]:
    return f"{interface}.{version}".replace(":", ".").replace("/", ".").replace("-", ".").split(".")


def _componentize(wit: Path, sources: Path, component: Path) -> None:
    if importlib.util.find_spec("componentize_py") is None:
        raise BuildError(
            f"componentize-py is missing; install it with `{Path(sys.executable).name} -m pip install {COMPONENTIZE_PY}`, "
            "if your system asks for it in a virtual environment (`python3 -m venv .venv && . .venv/bin/activate`)"
        )
    start = "import sys; from componentize_py import script; sys.exit(script())"
    options = ["--quiet", "--full-names", "--wit-path", str(wit), "--world", WORLD]
    paths = ["--python-path", str(sources), "--output", str(component)]
    command = [sys.executable, "-c", start, *options, "componentize", *paths, _APP]
    # The brick's own packages come from the environment that runs this.
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix} if sys.prefix != sys.base_prefix else None
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise BuildError(f"The component can't be made:\n{done.stdout}{done.stderr}")


def _replace(path: Path, content: bytes) -> None:
    """Whoever watches the folder sees the old file or the new one, never half of one."""
    half = path.with_name(f"{path.name}.new")
    half.write_bytes(content)
    half.replace(path)
