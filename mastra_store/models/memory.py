"""The memory model group: threads, messages, resources (tables, columns and indexes of Mastra's storage format)."""

from __future__ import annotations

from typing import NamedTuple

from ..instants import now
from .base import Index, StoredModel
from .columns import InstantColumn, JsonColumn, TextColumn


class Thread(StoredModel):
    """A row of ``mastra_threads``."""

    id = TextColumn(primary_key=True)
    resource_id = TextColumn(source_field="resourceId")
    title = TextColumn(default="")
    metadata = JsonColumn(null=True)
    created_at = InstantColumn(source_field="createdAt", default=now)
    updated_at = InstantColumn(source_field="updatedAt", default=now)

    default_indexes = {
        "postgres": (Index("mastra_threads_resourceid_createdat_idx", ('"resourceId"', '"createdAt" DESC')),),
    }
    own_indexes = {
        "sqlite": (
            Index("mastra_store_threads_resource_created", ('"resourceId"', '"createdAt"')),
            Index("mastra_store_threads_created", ('"createdAt"',)),
            Index("mastra_store_threads_updated", ('"updatedAt"',)),
        ),
        "postgres": (
            Index("mastra_store_threads_created", ('"createdAt"',)),
            # Mastra bumps threads with NOW(), whose plain column is local time; the lists order by the instant itself.
            Index("mastra_store_threads_updated", ('COALESCE("updatedAtZ", "updatedAt" AT TIME ZONE \'UTC\')',)),
        ),
    }

    class Meta:
        """Table name."""

        abstract = True
        table = "mastra_threads"


class Message(StoredModel):
    """A row of ``mastra_messages``. ``content`` is the stored JSON text, as Mastra keeps it."""

    id = TextColumn(primary_key=True)
    thread_id = TextColumn()
    content = TextColumn()
    role = TextColumn(default="user")
    type = TextColumn(default="v2")
    created_at = InstantColumn(source_field="createdAt", default=now)
    resource_id = TextColumn(source_field="resourceId", null=True)

    default_indexes = {
        "sqlite": (
            Index("idx_messages_thread_created_at", ("thread_id", '"createdAt"')),
            Index("idx_messages_thread_resource_created_at", ("thread_id", '"resourceId"', '"createdAt"')),
        ),
        "postgres": (Index("mastra_messages_thread_id_createdat_idx", ("thread_id", '"createdAt" DESC')),),
    }
    own_indexes = {
        "sqlite": (Index("mastra_store_messages_resource_created", ('"resourceId"', '"createdAt"')),),
        "postgres": (Index("mastra_store_messages_resource_created", ('"resourceId"', '"createdAt"')),),
    }

    class Meta:
        """Table name."""

        abstract = True
        table = "mastra_messages"


class Resource(StoredModel):
    """A row of ``mastra_resources``."""

    id = TextColumn(primary_key=True)
    working_memory = TextColumn(source_field="workingMemory", null=True)
    metadata = JsonColumn(null=True)
    created_at = InstantColumn(source_field="createdAt", default=now)
    updated_at = InstantColumn(source_field="updatedAt", default=now)

    class Meta:
        """Table name."""

        abstract = True
        table = "mastra_resources"


class MemoryModels(NamedTuple):
    """The model classes of one database, for ad-hoc queries: ``await models.Message.filter(role="user").count()``."""

    Thread: type[Thread]
    Message: type[Message]
    Resource: type[Resource]


MODELS: tuple[type[StoredModel], ...] = (Thread, Message, Resource)
