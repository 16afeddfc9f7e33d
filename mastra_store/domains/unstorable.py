"""Text that a database cannot hold, replaced where the user asked for that rather than for an error (G9)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from ..errors import ValidationError
from ..payload import DEEPEST

UnstorableText: TypeAlias = Literal["error", "replace"]
OPTIONS = ("error", "replace")
UNSTORABLE = "unstorable"
"""What marks the ``details`` of an error about such text."""
REPLACEMENT = "\ufffd"
PAIR = "[\ud800-\udbff][\udc00-\udfff]"
"""Two surrogates in a row, which read back as one character."""


class Unstorable(NamedTuple):
    """The characters that a backend cannot hold."""

    text: re.Pattern[str]
    """In columns of text."""
    payload: re.Pattern[str]
    """Inside JSON."""


class Scrubber:
    """Replaces characters and counts them."""

    def __init__(self, unstorable: Unstorable) -> None:
        self._unstorable = unstorable
        self._within: set[int] = set()
        self.count = 0

    def text(self, value: Any) -> Any:
        """A string for a column of text; anything else as it is."""
        return self._replaced(value, self._unstorable.text) if isinstance(value, str) else value

    def payload(self, value: Any) -> Any:
        """A payload, all its strings and keys. What is too deep, or within itself, is left to the check of that."""
        if isinstance(value, str):
            return self._replaced(value, self._unstorable.payload)
        if not isinstance(value, (Mapping, list, tuple)) or id(value) in self._within or len(self._within) > DEEPEST:
            return value
        self._within.add(id(value))
        scrubbed = self._mapping(value) if isinstance(value, Mapping) else [self.payload(item) for item in value]
        self._within.remove(id(value))
        return scrubbed

    def _mapping(self, value: Mapping[Any, Any]) -> dict[Any, Any]:
        """Keys that become equal are told apart by one more replacement character, so that no value is lost."""
        scrubbed: dict[Any, Any] = {}
        for key, item in value.items():
            name = self.payload(key) if isinstance(key, str) else key
            while name in scrubbed or (name != key and name in value):
                name += REPLACEMENT
            scrubbed[name] = self.payload(item)
        return scrubbed

    def _replaced(self, value: str, pattern: re.Pattern[str]) -> str:
        replaced, count = pattern.subn(REPLACEMENT, value)
        self.count += count
        return replaced


def check_option(value: Any) -> str:
    """What to do with text that cannot be stored: ``error`` or ``replace``."""
    if value not in OPTIONS:
        raise ValidationError(
            f"unstorable_text must be 'error' or 'replace', not {value!r}", details={"field": "unstorable_text"}
        )
    return str(value)
