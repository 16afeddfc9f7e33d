"""What ``models/binding.py`` relies on in Tortoise. When an upgrade breaks one of these, read that module again."""

from __future__ import annotations

import importlib.metadata
import inspect
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest
import tortoise
from tortoise.backends.base import executor
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import get_current_context
from tortoise.models import MetaInfo, Model
from tortoise.queryset import QuerySet

from mastra_store import Store
from mastra_store.models import binding, memory
from tests.models.support import models_of
from tests.resilience.support import ROOT


def test_the_version_is_pinned_exactly() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"tortoise-orm=={tortoise.__version__}" in project["dependencies"]
    assert importlib.metadata.version("tortoise-orm") == tortoise.__version__


def test_slots_of_meta_info() -> None:
    """binding._finish writes these; a new name means that it writes into the void."""
    used = {"default_connection", "_inited", "basetable", "basequery", "basequery_all_fields", "_model", "schema"}
    used |= {"db_table", "db_pk_column", "fields_map", "db_fields", "app", "manager"}
    assert used <= set(MetaInfo.__slots__)
    assert callable(MetaInfo.finalise_model)
    assert isinstance(MetaInfo.db, property)
    assert "db" not in MetaInfo.__slots__


def test_everything_else_of_meta_info_is_known() -> None:
    """A new slot may be class-level state that a binding would have to set as well."""
    known = {
        "abstract", "app", "backward_fk_fields", "backward_o2o_fields", "basequery", "basequery_all_fields",
        "basetable", "constraints", "db_complex_fields", "db_default_db_columns", "db_default_fields", "db_fields",
        "db_native_fields", "db_pk_column", "db_table", "default_connection", "fetch_db_defaults", "fetch_fields",
        "fields", "fields_db_projection", "fields_db_projection_reverse", "fields_map", "filters", "fk_fields",
        "generated_db_fields", "indexes", "m2m_fields", "manager", "o2o_fields", "pk", "pk_attr", "schema",
        "table_description", "unique_together", "_default_ordering", "_filters", "_inited", "_model",
        "_ordering_validated",
    }  # fmt: skip
    assert set(MetaInfo.__slots__) == known


def test_how_tortoise_finds_its_client() -> None:
    """Query sets ask ``_meta.db``, so a property on our subclass of MetaInfo is enough."""
    assert "_meta.db" in inspect.getsource(QuerySet) + inspect.getsource(Model._choose_db)
    assert "TortoiseContext" not in inspect.getsource(binding)


def test_the_executor_cache_is_keyed_by_alias_first() -> None:
    assert isinstance(executor.EXECUTOR_CACHE, dict)
    source = inspect.getsource(executor.BaseExecutor.__init__)
    assert "self.db.connection_name, self.model._meta.schema, self.model._meta.db_table" in " ".join(source.split())


def test_what_a_client_must_offer() -> None:
    """The methods that our clients override; a new abstract one would fall through to Tortoise's own connections."""
    ours = {"create_connection", "close", "acquire_connection", "_in_transaction", "execute_insert", "execute_query"}
    ours |= {"execute_many", "execute_query_dict", "execute_script"}
    known = {"__init__", "get_schema_sql", "db_create", "db_delete", "query_class", "executor_class",
             "schema_generator", "capabilities", "_post_connect", "_check_loop",
             "execute_query_dict_with_affected"}  # fmt: skip
    offered = {name for name, value in vars(BaseDBAsyncClient).items() if inspect.isfunction(value)}
    assert offered - known <= ours, f"new in Tortoise: {offered - known - ours}"


def test_definitions_are_not_changed_by_binding() -> None:
    """The abstract definitions stay as declared, however many databases they are bound to."""
    fields = [list(model._meta.fields_map) for model in memory.MODELS]
    kinds = [[type(field).SQL_TYPE for field in model._meta.fields_map.values()] for model in memory.MODELS]
    models_of(Store(id="a", default=":memory:"))
    models_of(Store(id="b", default="postgres://h/d"))
    assert [list(model._meta.fields_map) for model in memory.MODELS] == fields
    assert [[type(field).SQL_TYPE for field in model._meta.fields_map.values()] for model in memory.MODELS] == kinds
    assert all(model._meta.abstract for model in memory.MODELS)


def test_the_metas_of_two_bindings_are_apart() -> None:
    lite, post = (models_of(Store(id="a", default=url)) for url in (":memory:", "postgres://h/d?schema_name=s"))
    one, other = lite.Thread._meta, post.Thread._meta
    assert one is not other
    assert one.db is not other.db
    assert (one.schema, other.schema) == (None, "s")
    assert one.default_connection != other.default_connection
    assert one.db_native_fields is not other.db_native_fields
    assert type(one.db.capabilities) is type(other.db.capabilities)
    assert (one.db.capabilities.dialect, other.db.capabilities.dialect) == ("sqlite", "postgres")


@pytest.mark.asyncio
async def test_no_context_and_no_global_state() -> None:
    """A TortoiseContext is neither needed nor made, and Tortoise knows nothing of us."""
    from tortoise import Tortoise

    async with Store(id="app", default=":memory:") as store:
        rows: Any = models_of(store).Thread
        await rows.create(id="t", resource_id="r", created_at=datetime(2024, 1, 1, tzinfo=UTC))
        assert await rows.all().count() == 1
        assert get_current_context() is None
        assert not Tortoise._inited
        assert not Tortoise.apps
