"""From a brick's folder to its component: manifest, narrow world, check, component."""

from .component import build
from .error import BuildError

__all__ = ["BuildError", "build"]
