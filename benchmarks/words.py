"""Texts and ids for data that can be made again from numbers."""

from __future__ import annotations

import hashlib
import random

_TEXT = (
    "agent answer ask because between city cloud context could deploy detail error every example find first forecast "
    "give graph index keep later list maybe memory message model night number order people place plan question rain "
    "read result run search season send server show small some step store table tell temperature their then thread "
    "through time tool train travel under value visit warm weather week which window with work write year"
)
_WORDS = _TEXT.split()


def sentence(chance: random.Random, words: int) -> str:
    """So many words."""
    return " ".join(chance.choice(_WORDS) for _ in range(words))


def uuid(text: str) -> str:
    """The id of a thing, as random ones look."""
    digest = hexadecimal(text)
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:]}"


def hexadecimal(text: str, length: int = 32) -> str:
    """So many hexadecimal digits, as the ids of traces and spans look."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:length]


def camel(name: str) -> str:
    """How Mastra spells an attribute."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
