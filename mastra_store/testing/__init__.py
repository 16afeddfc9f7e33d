"""Services for tests against real databases: a PostgreSQL server and a proxy that breaks connections."""

from mastra_store.testing.errors import ServiceUnavailableError
from mastra_store.testing.postgres import PostgresServer
from mastra_store.testing.proxy import FaultProxy

__all__ = ["FaultProxy", "PostgresServer", "ServiceUnavailableError"]
