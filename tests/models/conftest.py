"""Fixtures of this folder."""

from tests.resilience.support import quiet_loop

__all__ = ["quiet_loop"]
