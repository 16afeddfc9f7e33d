"""URLs without their secrets, for messages, logs and reprs."""

from __future__ import annotations

import re

# Up to the last @: a password may itself hold @, / or ? that somebody forgot to escape.
_USERINFO = re.compile(r"(?<=://)(\S*)@")
_SECRET_OPTION = re.compile(
    r"([?&](?:[^=&#\s]*(?:password|passwd|token|secret|key|auth)[^=&#\s]*)=)[^&#\s]*", re.IGNORECASE
)


def redact(url: str) -> str:
    """The URL with its password and secret-looking options replaced by ``***``; never raises."""
    return _SECRET_OPTION.sub(r"\1***", _USERINFO.sub(_hide_password, url))


def _hide_password(match: re.Match[str]) -> str:
    user, colon, _ = match[1].partition(":")
    return f"{user}:***@" if colon else f"{user}@"
