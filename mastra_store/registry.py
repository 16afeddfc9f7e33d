"""Backends by URL scheme. A backend registers itself; the facade knows none by name.

Those of this package are found by module name, so that importing the package loads no driver. A third party's is found
through the entry point group ``mastra_store.backends`` (scheme = module), or registered by ``register_backend``.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .errors import ValidationError
from .redact import redact

if TYPE_CHECKING:
    from .store import Store


class Opener(Protocol):
    """Makes the provider store of a URL, restricted to some domains; opens no connection."""

    def __call__(self, url: str, *, domains: Collection[str], disable_init: bool) -> Store:
        """The provider store."""


class Normaliser(Protocol):
    """Gives URLs of one database, opened alike, an equal key."""

    def __call__(self, url: str, /) -> str:
        """The key."""


class Backend(NamedTuple):
    """What a URL scheme stands for."""

    schemes: tuple[str, ...]
    open: Opener
    normalise: Normaliser


_MODULES = {
    "sqlite": "mastra_store.providers.libsql",
    "file": "mastra_store.providers.libsql",
    "postgres": "mastra_store.providers.postgres",
    "postgresql": "mastra_store.providers.postgres",
}
_EXTRAS = {"mastra_store.providers.postgres": "postgres"}
_backends: dict[str, Backend] = {}


def register_backend(backend: Backend) -> None:
    """Make a backend known for its schemes; a later registration of a scheme replaces an earlier one."""
    for scheme in backend.schemes:
        _backends[scheme.lower()] = backend


def backend_for(url: str) -> Backend:
    """The backend of a URL. Raises ``ValidationError`` when there is none, or when its driver is not installed."""
    scheme = _scheme(url)
    if scheme not in _backends:
        _load(scheme, url)
    return _backends[scheme]


def known_schemes() -> list[str]:
    """All schemes that a URL may have."""
    return sorted({*_backends, *_MODULES, *_entry_points()})


def _scheme(url: str) -> str:
    return "file" if url == ":memory:" else url.partition(":")[0].lower() if ":" in url else ""


def _load(scheme: str, url: str) -> None:
    module = _MODULES.get(scheme) or _entry_points().get(scheme)
    if module is None:
        known = ", ".join(known_schemes())
        raise ValidationError(f"no backend for the URL {redact(url)!r}; known schemes are {known}, and :memory:")
    try:
        register_backend(import_module(module).BACKEND)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(module)
        if extra is None or (error.name or "").startswith("mastra_store"):
            raise
        text = f"{scheme}:// needs the package {error.name}; install it with: pip install 'mastra-store[{extra}]'"
        raise ValidationError(text, details={"extra": extra}) from error


def _entry_points() -> dict[str, str]:
    return {point.name.lower(): point.value for point in entry_points(group="mastra_store.backends")}
