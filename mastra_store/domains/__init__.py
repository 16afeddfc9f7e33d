"""The contract, one abstract class per domain."""

from .base import DomainStorage
from .memory import MemoryStorage

DOMAINS = ("memory", "workflows", "scores", "observability", "agents", "datasets", "experiments")
"""Names of all domains, in the order in which a Store initialises them."""

__all__ = ["DOMAINS", "DomainStorage", "MemoryStorage"]
