"""Fixtures of this folder."""

from tests.resilience.support import quiet_loop
from tests.store.support import notes, stub_backend

__all__ = ["notes", "quiet_loop", "stub_backend"]
