"""The official npm packages, installed the way the tests of interoperation do it."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

from mastra_store.testing import ServiceUnavailableError

_NODE_MODULE = Path(__file__).parents[1] / "tests" / "interop" / "node.py"


class Packages(NamedTuple):
    """The Node to run, and the folder in which the packages are installed."""

    node: Path
    folder: Path


class PackagesUnavailableError(RuntimeError):
    """The packages cannot be had here; the text says why."""


def npm_packages() -> Packages:
    """Install the packages unless they are there."""
    spec = spec_from_file_location("interop_node", _NODE_MODULE)
    if spec is None or spec.loader is None or not _NODE_MODULE.exists():
        raise PackagesUnavailableError(f"{_NODE_MODULE} is missing")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        return Packages(module.ensure_packages(), module.FOLDER)
    except (ServiceUnavailableError, OSError) as error:
        raise PackagesUnavailableError(str(error)) from error
