"""One database, two sides: what Mastra's packages write we read, what we write they read, and both may change it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.interop import memory_scenes, score_scenes, span_scenes, workflow_scenes
from tests.interop.databases import Database, connected
from tests.interop.playing import Sides
from tests.interop.scenes import PYTHON, TYPESCRIPT, Scene, Stage
from tests.interop.typescript import TypeScript

# A later domain is a row here.
SCENES = (*memory_scenes.SCENES, *workflow_scenes.SCENES, *score_scenes.SCENES, *span_scenes.SCENES)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A database for all scenes. On PostgreSQL its sessions are far from UTC, which must not show."""
    if request.param == "sqlite":
        return Database.at(f"sqlite:///{tmp_path_factory.mktemp('shared')}/mastra.db")
    database = Database.at(request.getfixturevalue("postgres").create_database())
    with ThreadPoolExecutor(1) as apart:  # a loop of its own, whatever loop the tests have
        apart.submit(asyncio.run, _set_time_zone(database, "Asia/Tokyo")).result()
    return database


@pytest.mark.asyncio
@pytest.mark.parametrize("writer", [TYPESCRIPT, PYTHON])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_scene(scene: Scene, writer: str, shared: Database, node: TypeScript) -> None:
    await _play(scene, writer, shared, node)


@pytest.mark.asyncio
async def test_format_3_scenes_in_another_schema(postgres: Any, typescript: TypeScript) -> None:
    database = Database.at(postgres.create_database(), schema="Exchange")
    for scene in SCENES:
        if "payload" not in scene.name:
            await _play(scene, TYPESCRIPT, database, typescript)


async def _play(scene: Scene, writer: str, database: Database, typescript: TypeScript) -> None:
    script = scene.write(Stage(f"{writer}/{scene.name}/", database.backend, writer))
    async with database.open() as store:
        sides = Sides(store, typescript, database)
        await sides.play(script.turns, writer)
        assert await sides.read(script.reads) == {}


async def _set_time_zone(database: Database, zone: str) -> None:
    async with connected(database) as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE \"{name}\" SET timezone TO '{zone}'")
