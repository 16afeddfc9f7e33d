"""How a Store resolves each domain from its sources (rules C1 to C7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .domains import DOMAINS, DomainStorage
from .errors import StoreError, UnknownDomainError, ValidationError
from .redact import redact
from .registry import Backend, backend_for

if TYPE_CHECKING:
    from .store import Store

EDITED_DOMAINS = frozenset({"agents"})
"""Domains of edited artefacts, which fall back to ``editor`` before ``default`` (C2)."""


class Member(NamedTuple):
    """Something that a Store initialises, and closes when it owns it (C15)."""

    target: Store | DomainStorage
    owned: bool


class Composition(NamedTuple):
    """What came out: the storage of each domain that has one, the member it came from, and all members once."""

    storages: dict[str, DomainStorage]
    origins: dict[str, Member]
    members: list[Member]


Source: TypeAlias = "str | Store | DomainStorage"


def compose(
    default: Any, editor: Any, domains: Mapping[str, Any] | None, *, disable_init: bool, store_class: type[Store]
) -> Composition:
    """Resolve all domains. Raises ``ValidationError`` or ``UnknownDomainError``; opens nothing."""
    entries = _check(default, editor, domains, store_class)
    enabled = [name for name in DOMAINS if entries.get(name) is not False]
    levels: list[Mapping[str, Any]] = [
        {name: entries[name] for name in enabled if entries.get(name) is not None},
        {name: editor for name in enabled if name in EDITED_DOMAINS and editor is not None},
        {name: default for name in enabled if default is not None},
    ]
    return _Composer(disable_init).resolve(levels, unused=[default, editor, *entries.values()])


class _Composer:
    """Turns sources into storages; equal URLs become one provider store (C7)."""

    def __init__(self, disable_init: bool) -> None:
        self._disable_init = disable_init
        self._served: dict[str, Source] = {}
        self._providers: dict[str, Store] = {}
        self._members: dict[int, Member] = {}

    def resolve(self, levels: list[Mapping[str, Source]], unused: list[Any]) -> Composition:
        """Each domain takes the source of the first level that has one which provides it (C2, C4)."""
        for level in levels:
            open_to = {name: source for name, source in level.items() if name not in self._served}
            self._open(open_to)
            self._served |= {name: source for name, source in open_to.items() if self._storage(name, source)}
        found = {
            name: (self._target(self._served[name]), self._storage(name, self._served[name]))
            for name in DOMAINS
            if name in self._served
        }
        storages = {name: storage for name, (_, storage) in found.items() if storage is not None}
        origins = {name: self._member(target) for name, (target, _) in found.items()}
        for source in unused:  # what serves no domain was handed over all the same, and is closed with the rest
            if source is not None and source is not False and not isinstance(source, str):
                self._member(source)
        return Composition(storages, origins, list(self._members.values()))

    def _open(self, sources: Mapping[str, Source]) -> None:
        """Make the provider stores of the URLs among the sources, each restricted to the domains it is wanted for.

        So a database gets the tables of no others (C3, C8). A store is built again when a later level wants more of it;
        nothing has been opened by then.
        """
        wanted: dict[str, list[str]] = {}
        urls: dict[str, str] = {}
        for name, source in {**self._served, **sources}.items():
            if isinstance(source, str):
                wanted.setdefault(_key(source), []).append(name)
                urls.setdefault(_key(source), source)
        for key in {_key(source): None for source in sources.values() if isinstance(source, str)}:
            backend = backend_for(urls[key])
            self._providers[key] = backend.open(urls[key], domains=wanted[key], disable_init=self._disable_init)

    def _target(self, source: Source) -> Store | DomainStorage:
        return self._providers[_key(source)] if isinstance(source, str) else source

    def _storage(self, name: str, source: Source) -> DomainStorage | None:
        target = self._target(source)
        return target if isinstance(target, DomainStorage) else target._storages.get(name)

    def _member(self, target: Store | DomainStorage) -> Member:
        if id(target) not in self._members:
            owned = not (isinstance(target, DomainStorage) and target.belongs_to_store)
            if owned and self._disable_init:
                target._forbid_implicit_init()
            if isinstance(target, DomainStorage):
                target.belongs_to_store = True
            self._members[id(target)] = Member(target, owned)
        return self._members[id(target)]


def check_domain(name: Any) -> str:
    """A known name, else ``UnknownDomainError`` listing those there are (C5)."""
    if name not in DOMAINS:
        raise UnknownDomainError(f"unknown domain {name!r}; known are {', '.join(DOMAINS)}", details={"domain": name})
    return str(name)


def _check(default: Any, editor: Any, domains: Any, store_class: type[Store]) -> dict[str, Any]:
    if domains is not None and not isinstance(domains, Mapping):
        raise ValidationError("domains must be a mapping of domain names to sources", details={"field": "domains"})
    entries = {check_domain(name): value for name, value in (domains or {}).items()}
    for field, value in (("default", default), ("editor", editor)):
        if value is not None:
            _check_source(field, value, store_class)
    for name, value in entries.items():
        if value is not None and value is not False:
            _check_entry(name, value, store_class)
    if default is None and editor is None and all(value is None or value is False for value in entries.values()):
        raise ValidationError("a Store needs at least one source: a default, an editor, or an entry in domains")
    return entries


def _check_entry(name: str, value: Any, store_class: type[Store]) -> None:
    if isinstance(value, DomainStorage):
        if value.domain != name:
            raise ValidationError(
                f"the source of {name!r} is a storage of the domain {value.domain!r}", details={"domain": name}
            )
    else:
        _check_source(name, value, store_class)


def _check_source(field: str, value: Any, store_class: type[Store]) -> None:
    if isinstance(value, str):
        try:
            _backend(value).normalise(value)
        except ValidationError as error:
            raise ValidationError(f"{field}: {error.message}", details={**error.details, "field": field}) from error
    elif not isinstance(value, store_class):
        raise ValidationError(
            f"{field} must be a URL, a Store{' or a domain storage' if field in DOMAINS else ''}, "
            f"not {type(value).__name__}",
            details={"field": field},
        )


def _backend(url: str) -> Backend:
    try:
        return backend_for(url)
    except StoreError:
        raise
    except ValueError as error:
        raise ValidationError(f"not a URL: {redact(url)!r}") from error


def _key(url: str) -> str:
    return backend_for(url).normalise(url)
