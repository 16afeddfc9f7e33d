"""The tables that we make are those that the packages make, and neither side changes what the other made."""

from __future__ import annotations

import pytest

from tests.golden.loading import load_golden
from tests.interop.databases import Database
from tests.interop.typescript import TypeScript
from tests.interop.values import differences
from tests.schema.catalogue import TABLES, catalogue, of_domain, ours, rows, without_ours
from tests.schema.conftest import Maker

# Case is kept. In index names odd characters become underscores and one goes before a digit; all are cut to 63 bytes.
SCHEMAS = {
    "public": "public",
    "cased": "Tenant_A",
    "odd": "tenant-7.x",
    "digit": "7tenant",
    "long": f"tenant_{'x' * 40}",
}

pytestmark = pytest.mark.asyncio


def _postgres(name: str) -> object:
    return pytest.param(SCHEMAS[name], id=f"postgres-{name}", marks=pytest.mark.needs("postgres"))


SQLITE = pytest.param(None, id="sqlite")
plain = pytest.mark.parametrize("maker", [SQLITE, _postgres("public")], indirect=True)
with_schemas = pytest.mark.parametrize("maker", [SQLITE, *map(_postgres, SCHEMAS)], indirect=True)
each_domain = pytest.mark.parametrize("domain", TABLES)


async def _init(database: Database) -> None:
    async with database.open():
        pass


@plain
@each_domain
async def test_format_2_tables_equal_the_golden_ones(maker: Maker, domain: str) -> None:
    made, golden = maker.new(), maker.new()
    await _init(made)
    await load_golden(golden)
    found = of_domain(await catalogue(made), domain)
    assert differences(without_ours(found), of_domain(await catalogue(golden), domain)) == []


@plain
async def test_C10_init_leaves_a_golden_database_as_it_is(maker: Maker) -> None:
    golden = maker.new()
    await load_golden(golden)
    before, content = await catalogue(golden), await rows(golden)
    await _init(golden)
    after = await catalogue(golden)
    assert differences(without_ours(after), before) == []
    assert ours(after)
    assert differences(await rows(golden), content) == []


@with_schemas
@each_domain
async def test_format_3_tables_equal_those_of_typescript(maker: Maker, domain: str, typescript: TypeScript) -> None:
    made, theirs = maker.new(), maker.new()
    await _init(made)
    await typescript.run(theirs)
    found = of_domain(await catalogue(made), domain)
    assert differences(without_ours(found), of_domain(await catalogue(theirs), domain)) == []


@with_schemas
async def test_C10_init_leaves_a_database_of_typescript_as_it_is(maker: Maker, typescript: TypeScript) -> None:
    theirs = maker.new()
    await typescript.run(theirs)
    before = await catalogue(theirs)
    await _init(theirs)
    after = await catalogue(theirs)
    assert differences(without_ours(after), before) == []
    assert ours(after)


@with_schemas
@each_domain
async def test_format_2_typescript_leaves_our_tables_as_they_are(
    maker: Maker, domain: str, typescript: TypeScript
) -> None:
    made = maker.new()
    await _init(made)
    before = of_domain(await catalogue(made), domain)
    await typescript.run(made)
    after = await catalogue(made)
    assert differences(of_domain(after, domain), before) == []
    assert len(after) > len(TABLES[domain]), "the packages make their other tables beside ours"
