"""What callers hold in their hands: typed records, pages and filters, the same on every backend."""

from .base import Record, from_mastra, to_mastra
from .memory import (
    Message,
    MessageInclude,
    MessagePage,
    MessageUpdate,
    Resource,
    Thread,
    ThreadClone,
    ThreadCopy,
    ThreadPage,
)
from .paging import DateRange, Page

__all__ = [
    "DateRange",
    "Message",
    "MessageInclude",
    "MessagePage",
    "MessageUpdate",
    "Page",
    "Record",
    "Resource",
    "Thread",
    "ThreadClone",
    "ThreadCopy",
    "ThreadPage",
    "from_mastra",
    "to_mastra",
]
