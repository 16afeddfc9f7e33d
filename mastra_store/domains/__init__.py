"""The contract, one abstract class per domain."""

from .base import DomainStorage
from .memory import MemoryStorage
from .observability import ObservabilityStorage
from .scores import ScoresStorage
from .workflows import WorkflowsStorage

DOMAINS = ("memory", "workflows", "scores", "observability", "agents", "datasets", "experiments")
"""Names of all domains, in the order in which a Store initialises them."""

__all__ = [
    "DOMAINS",
    "DomainStorage",
    "MemoryStorage",
    "ObservabilityStorage",
    "ScoresStorage",
    "WorkflowsStorage",
]
