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
from .observability import (
    BranchPage,
    LightSpan,
    LightTrace,
    LightTracePage,
    Span,
    SpanUpdate,
    Strategy,
    Trace,
    TraceFilter,
    TracePage,
    TraceSpan,
)
from .paging import DateRange, Page
from .scores import Score, ScorePage
from .workflows import WorkflowRun, WorkflowRunPage, WorkflowStateUpdate

__all__ = [
    "BranchPage",
    "DateRange",
    "LightSpan",
    "LightTrace",
    "LightTracePage",
    "Message",
    "MessageInclude",
    "MessagePage",
    "MessageUpdate",
    "Page",
    "Record",
    "Resource",
    "Score",
    "ScorePage",
    "Span",
    "SpanUpdate",
    "Strategy",
    "Thread",
    "ThreadClone",
    "ThreadCopy",
    "ThreadPage",
    "Trace",
    "TraceFilter",
    "TracePage",
    "TraceSpan",
    "WorkflowRun",
    "WorkflowRunPage",
    "WorkflowStateUpdate",
    "from_mastra",
    "to_mastra",
]
