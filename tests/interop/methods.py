"""How a call that is written as for Mastra's packages becomes one of ours, and our answer one of theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from .values import UNDEFINED, encode

Converter = Callable[[str, Any], dict[str, Any]]
Shape = Callable[[Any], Any]

_PAGING = ("total", "page", "perPage", "hasMore")


def snake(name: str) -> str:
    """Mastra's name in Python's style."""
    return re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", name)


# -- options ---------------------------------------------------------------------------------------------------------


def snake_keys(value: Mapping[str, Any]) -> dict[str, Any]:
    """An object with the names of attributes as its keys."""
    return {snake(name): item for name, item in value.items()}


def with_snake_keys(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """An option that is such an object."""
    return {snake(key): snake_keys(value)}


def same(key: str, value: Any) -> dict[str, Any]:
    """An option that differs only in the style of its name."""
    return {snake(key): value}


def record(make: Callable[[Mapping[str, Any]], Any]) -> Converter:
    """An option that is a record."""
    return lambda key, value: {key: make(value)}


def records(make: Callable[[Mapping[str, Any]], Any]) -> Converter:
    """An option that is a list of records."""
    return lambda key, value: {key: [make(item) for item in value]}


def _per_page(key: str, value: Any) -> dict[str, Any]:
    return {"per_page": None if value is False else value}


def _order(key: str, value: Mapping[str, str]) -> dict[str, Any]:
    sign = {"ASC": "", "DESC": "-"}[value["direction"]]
    return {"order_by": f"{sign}{snake(value['field'])}"}


def _flattened(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item for inner in value for name, item in _convert(_COMMON, inner, value[inner]).items()}


def _convert(converters: Mapping[str, Converter], key: str, value: Any) -> dict[str, Any]:
    return converters.get(key, same)(key, value)


# Options that mean the same in every domain.
_COMMON: dict[str, Converter] = {
    "dateRange": with_snake_keys,
    "filter": _flattened,
    "filters": _flattened,
    "options": _flattened,
    "orderBy": _order,
    "pagination": _flattened,
    "perPage": _per_page,
}


# -- answers ---------------------------------------------------------------------------------------------------------


def as_it_is(value: Any) -> Any:
    """Most answers look alike on both sides."""
    return value


def only(*keys: str) -> Shape:
    """Theirs has fewer keys."""
    return lambda value: {key: value[key] for key in keys}


def under(key: str) -> Shape:
    """Theirs holds what is found under a key."""
    return lambda value: None if value is None else {key: value}


def paging_apart(value: Mapping[str, Any]) -> dict[str, Any]:
    """Theirs has the numbers of a page under a key of their own."""
    rest = {key: item for key, item in value.items() if key not in _PAGING}
    return {**rest, "pagination": {key: value[key] for key in _PAGING}}


def undefined_for_none(value: Any) -> Any:
    """Theirs is nothing at all where ours is ``None``."""
    return UNDEFINED if value is None else value


class Method(NamedTuple):
    """How a method of Mastra's is called here, and what its answer looks like there."""

    name: str
    converters: Mapping[str, Converter] = {}
    """For options of this method alone."""
    positional: tuple[str, ...] = ()
    """Our names of positional arguments, where Mastra's method takes no object of options."""
    shape: Shape = as_it_is
    """Gives our answer the form of Mastra's."""
    void: bool = False

    def arguments(self, args: Sequence[Any]) -> dict[str, Any]:
        """Keyword arguments of our method. Options of theirs that make up one of ours are put together."""
        converters = self.converters if self.positional else {**_COMMON, **self.converters}
        given = zip(self.positional, args, strict=False) if self.positional else (args[0] if args else {}).items()
        arguments: dict[str, Any] = {}
        for key, value in given:
            for name, item in _convert(converters, key, value).items():
                arguments[name] = {**arguments[name], **item} if name in arguments else item
        return arguments

    def result(self, value: Any) -> Any:
        """Our result in the form of Mastra's."""
        return UNDEFINED if self.void else self.shape(encode(value))
