"""URLs without their secrets, for messages, logs and reprs."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?<=://)([^/?#\s]*)@")
_SECRET_OPTION = re.compile(
    r"([?&](?:[^=&#\s]*(?:password|passwd|token|secret|key|auth)[^=&#\s]*)=)[^&#\s]*", re.IGNORECASE
)


def redact(url: str) -> str:
    """The URL with its password and secret-looking options replaced by ``***``; never raises."""
    return _SECRET_OPTION.sub(r"\1***", _USERINFO.sub(_hide_password, url))


def _hide_password(match: re.Match[str]) -> str:
    user, colon, _ = match[1].partition(":")
    return f"{user}:***@" if colon else f"{user}@"
