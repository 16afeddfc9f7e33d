"""URLs without their secrets, for messages, logs and reprs."""

from __future__ import annotations

import re

_SECRET_OPTION = re.compile(
    r"([?&](?:[^=&#\s]*(?:password|passwd|token|secret|key|auth)[^=&#\s]*)=)[^&#\s]*", re.IGNORECASE
)
_NO_PORT = re.compile(r"(://[^/?#@]*?:)(?!\d*(?:[/?#]|$))[^/?#]*")


def redact(url: str) -> str:
    """The URL with its password and secret-looking options replaced by ``***``; never raises.

    Malformed URLs are hidden too: everything between the user's name and the last ``@``, and what stands where a port
    should be.
    """
    before, at, after = url.rpartition("@")
    if at:
        start = before.find("://") + 3 if "://" in before else 0
        colon = before.find(":", start)
        before = before if colon < 0 else f"{before[:colon]}:***"
    else:
        after = _NO_PORT.sub(r"\1***", after)
    return _SECRET_OPTION.sub(r"\1***", before + at + after)
