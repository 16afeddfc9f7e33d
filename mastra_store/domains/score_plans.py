"""What the score rules hand to a backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ..payload import Payload
from ..records import Score


class NewScore(NamedTuple):
    """A score to insert, or to replace whole, and its payloads by attribute (``None`` where it has none)."""

    score: Score
    payloads: Mapping[str, Payload | None]


class ScoreQuery(NamedTuple):
    """One page of scores, newest first. ``equal`` maps attributes to the values they must have."""

    equal: Mapping[str, str]
    offset: int
    limit: int | None
