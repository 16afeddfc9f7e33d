"""URLs without their secrets, for messages, logs and reprs."""

from __future__ import annotations

import re

_SECRET_OPTION = re.compile(
    r"([?&](?:[^=&#\s]*(?:password|passwd|token|secret|key|auth)[^=&#\s]*)=)[^&#\s]*", re.IGNORECASE
)


def redact(url: str) -> str:
    """The URL with its password and secret-looking options replaced by ``***``; never raises.

    Malformed URLs are hidden too: everything between the user's name and the last ``@``.
    """
    before, at, after = url.rpartition("@")
    if at:
        start = before.find("://") + 3 if "://" in before else 0
        colon = before.find(":", start)
        before = before if colon < 0 else f"{before[:colon]}:***"
    return _SECRET_OPTION.sub(r"\1***", before + at + after)
