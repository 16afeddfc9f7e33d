"""Mistakes of a workflows storage."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from mastra_store.domains.workflow_plans import NewRun, RunQuery, SnapshotChange, SnapshotChanger
from mastra_store.errors import ConflictError, CorruptRecordError, StoreError
from mastra_store.payload import decode, encode
from mastra_store.records import WorkflowRun

from .broken import breaks
from .reference_workflows import InMemoryWorkflows, Kept, Key

# -- identity and persisting -------------------------------------------------------------------------------------------


@breaks("W1", "W4", "W8", "W13", "G12")
class KnowsRunsByIdAlone(InMemoryWorkflows):
    """Keeps one run per id, whatever its workflow."""

    def _keep(self, new: NewRun) -> None:
        for key in [key for key in self.rows if key[1] == new.run_id]:
            del self.rows[key]
        super()._keep(new)

    async def _find_snapshot(self, workflow_name: str, run_id: str) -> dict[str, Any] | None:
        run = await self._find_run(run_id, None)
        return run and run.snapshot


class _Joined(dict[Key, Kept]):
    """A mapping whose keys are joined by a colon."""

    def _joined(self, key: Any) -> Any:
        name, _, id = ":".join(key).partition(":")
        return name, id

    def __contains__(self, key: object) -> bool:
        return super().__contains__(self._joined(key))

    def __getitem__(self, key: Key) -> Kept:
        return super().__getitem__(self._joined(key))

    def __setitem__(self, key: Key, kept: Kept) -> None:
        super().__setitem__(self._joined(key), kept)

    def get(self, key: Key, default: Any = None) -> Any:
        return super().get(self._joined(key), default)

    def pop(self, key: Key, default: Any = None) -> Any:
        return super().pop(self._joined(key), default)


@breaks("W1", "G12")
class JoinsNames(InMemoryWorkflows):
    """Joins names and ids by a colon."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = _Joined()


@breaks("W2", "W24")
class MergesSnapshots(InMemoryWorkflows):
    """Merges a persisted snapshot into the stored one."""

    def _keep(self, new: NewRun) -> None:
        stored = self.rows.get((new.workflow_name, new.run_id))
        super()._keep(new)
        if stored is not None:
            run, text = self.rows[new.workflow_name, new.run_id]
            merged = encode({**decode(stored.text), **decode(text)})
            self.rows[new.workflow_name, new.run_id] = Kept(run, merged)


@breaks("W2", "W7")
class TakesOverCreatedAt(InMemoryWorkflows):
    """Takes over a given created_at on replacement, and takes the run that was updated last for the newest."""

    def _keep(self, new: NewRun) -> None:
        super()._keep(new)
        run, text = self.rows[new.workflow_name, new.run_id]
        self.rows[new.workflow_name, new.run_id] = Kept(replace(run, created_at=new.created_at), text)

    def _rank(self, run: WorkflowRun) -> Any:
        return run.updated_at, run.run_id, run.workflow_name


@breaks("W2")
class ForgetsResources(InMemoryWorkflows):
    """Replaces the resource when none is given."""

    def _keep(self, new: NewRun) -> None:
        super()._keep(new)
        run, text = self.rows[new.workflow_name, new.run_id]
        self.rows[new.workflow_name, new.run_id] = Kept(replace(run, resource_id=new.resource_id), text)


@breaks("W2", "G16")
class RefusesSecondPersists(InMemoryWorkflows):
    """Looks whether there is a run, and inserts or updates a moment later."""

    async def _put_run(self, run: NewRun) -> None:
        known = (run.workflow_name, run.run_id) in self.rows
        await self._elsewhere()
        if not known and (run.workflow_name, run.run_id) in self.rows:
            raise ConflictError("UNIQUE constraint failed")
        self._keep(run)


@breaks("W3", "W4")
class WantsAContext(InMemoryWorkflows):
    """Fills in what Mastra's snapshots have."""

    def _decoded(self, key: Key) -> dict[str, Any]:
        return {"context": {}, **super()._decoded(key)}


@breaks("W3")
class KnowsStatuses(InMemoryWorkflows):
    """Forgets a status that Mastra does not know."""

    def _keep(self, new: NewRun) -> None:
        super()._keep(new)
        run, text = self.rows[new.workflow_name, new.run_id]
        snapshot = decode(text)
        if snapshot.get("status") == "of my own":
            self.rows[new.workflow_name, new.run_id] = Kept(run, encode({**snapshot, "status": "pending"}))


class _Recodes(InMemoryWorkflows):
    """Base of those that spoil snapshots on their way into the table."""

    def recode(self, value: Any) -> Any:
        raise NotImplementedError

    def _keep(self, new: NewRun) -> None:
        super()._keep(new)
        run, text = self.rows[new.workflow_name, new.run_id]
        self.rows[new.workflow_name, new.run_id] = Kept(run, encode(self.recode(decode(text))))


@breaks("W4", "G8")
class DropsEmpties(_Recodes):
    """Turns empty lists into empty mappings."""

    def recode(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.recode(item) for key, item in value.items()}
        return [self.recode(item) for item in value] or {} if isinstance(value, list) else value


@breaks("W4", "G8")
class CountsInFloats(_Recodes):
    """Keeps integers as floats."""

    def recode(self, value: Any) -> Any:
        return json.loads(json.dumps(value), parse_int=float)


@breaks("W6")
class CutsSnapshots(InMemoryWorkflows):
    """Cannot hold more than four megabytes."""

    def _keep(self, new: NewRun) -> None:
        if len(new.snapshot.text) > 2**20:
            raise StoreError("string or blob too big")
        super()._keep(new)


@breaks("W5")
class ReadsTextAsIs(InMemoryWorkflows):
    """Does not decode a snapshot that is stored as text."""

    def _decoded(self, key: Key) -> dict[str, Any]:
        snapshot = decode(self.rows[key].text)
        if not isinstance(snapshot, dict):
            raise self._corrupt(key)
        return snapshot


@breaks("W5", "W10", "W11")
class FindsObjectsOnly(InMemoryWorkflows):
    """Does not look into a snapshot that is stored as text when it filters."""

    def _wanted(self, key: Key, query: RunQuery) -> WorkflowRun | None:
        filtered = query.status is not None or query.thread_id is not None
        return None if filtered and self.rows[key].text.startswith('"') else super()._wanted(key, query)


@breaks("W5", "W22")
class HidesCorruptRuns(InMemoryWorkflows):
    """Reads what cannot be read as an empty snapshot."""

    def _decoded(self, key: Key) -> dict[str, Any]:
        try:
            return super()._decoded(key)
        except CorruptRecordError:
            return {"context": {}}


@breaks("W5")
class NamesNobody(InMemoryWorkflows):
    """Does not say which run cannot be read."""

    def _corrupt(self, key: Key) -> CorruptRecordError:
        return CorruptRecordError("malformed JSON")


@breaks("W5", "W10", "W11")
class TripsOverCorruptRuns(InMemoryWorkflows):
    """Fails as a whole when one snapshot cannot be read."""

    async def _select_runs(self, query: RunQuery) -> tuple[list[WorkflowRun], int]:
        for key in self.rows:
            self._decoded(key)
        return await super()._select_runs(query)


# -- updating ----------------------------------------------------------------------------------------------------------


@breaks("W12")
class PromisesTooMuch(InMemoryWorkflows):
    """Says that it cannot update, and does."""

    def supports_concurrent_updates(self) -> bool:
        return False

    def _check_updates(self) -> None:
        pass


class _Changes(InMemoryWorkflows):
    """Base of those that spoil changes."""

    def spoil(self, change: SnapshotChange, stored: dict[str, Any] | None) -> SnapshotChange | None:
        raise NotImplementedError

    async def _change_snapshot(self, workflow_name: str, run_id: str, change: SnapshotChanger) -> dict[str, Any] | None:
        def spoilt(stored: dict[str, Any] | None) -> SnapshotChange | None:
            before = None if stored is None else decode(encode(stored))
            changed = change(stored)
            return None if changed is None else self.spoil(changed, before)

        return await super()._change_snapshot(workflow_name, run_id, spoilt)


@breaks("W13", "W18")
class NeverBumps(_Changes):
    """Leaves updated_at alone."""

    def spoil(self, change: SnapshotChange, stored: dict[str, Any] | None) -> SnapshotChange:
        return change._replace(updated_at=change.updated_at - timedelta(days=1))


@breaks("W13", "G17")
class CreatesNothing(_Changes):
    """Does not create a run that is missing."""

    def spoil(self, change: SnapshotChange, stored: dict[str, Any] | None) -> SnapshotChange | None:
        return None if stored is None else change

    async def _change_snapshot(self, workflow_name: str, run_id: str, change: SnapshotChanger) -> dict[str, Any] | None:
        return await super()._change_snapshot(workflow_name, run_id, change) or {"context": {}}


@breaks("W13")
class UpdatesTheContextOnly(_Changes):
    """Forgets the request context."""

    def spoil(self, change: SnapshotChange, stored: dict[str, Any] | None) -> SnapshotChange:
        kept = (stored or {}).get("requestContext", {})
        return _with(change, requestContext=kept)


@breaks("W17")
class SetsRunning(_Changes):
    """Takes a run that is updated for running."""

    def spoil(self, change: SnapshotChange, stored: dict[str, Any] | None) -> SnapshotChange:
        return _with(change, status="running")


@breaks("G16", "W20", "W21")
class ReadsAndWrites(InMemoryWorkflows):
    """Lets other callers in between reading and writing."""

    async def _change_snapshot(self, workflow_name: str, run_id: str, change: SnapshotChanger) -> dict[str, Any] | None:
        snapshot = self._snapshot((workflow_name, run_id))
        await asyncio.sleep(0)
        return await super()._change_snapshot(workflow_name, run_id, lambda _: change(snapshot))


@breaks("G16", "W21")
class GetsBusy(InMemoryWorkflows):
    """Fails when somebody else is updating."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = False

    async def _change_snapshot(self, workflow_name: str, run_id: str, change: SnapshotChanger) -> dict[str, Any] | None:
        if self.busy:
            raise StoreError("database is locked")
        self.busy = True
        try:
            return await super()._change_snapshot(workflow_name, run_id, change)
        finally:
            self.busy = False


# -- records -----------------------------------------------------------------------------------------------------------


@breaks("G11")
class SharesSnapshots(InMemoryWorkflows):
    """Hands out the same snapshot again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.handed_out: dict[str, dict[str, Any]] = {}

    def _decoded(self, key: Key) -> dict[str, Any]:
        return self.handed_out.setdefault(self.rows[key].text, super()._decoded(key))


@breaks("G14")
class ClearsHalf(InMemoryWorkflows):
    """Leaves the newest run when it clears."""

    async def dangerously_clear_all(self) -> None:
        for key in list(self.rows)[:-1]:
            del self.rows[key]


@breaks("G9")
class DropsCharacters(_Recodes):
    """Drops U+0000 silently."""

    def recode(self, value: Any) -> Any:
        return decode(encode(value).replace("\\u0000", ""))


@breaks("G9", "G12")
class CutsNames(InMemoryWorkflows):
    """Takes what comes before U+0000 for the name."""

    async def _put_run(self, run: NewRun) -> None:
        await super()._put_run(run._replace(workflow_name=run.workflow_name.partition("\0")[0]))


@breaks("G10")
class WritesBeforeItChecks(InMemoryWorkflows):
    """Creates the run of results that are refused."""

    async def update_workflow_results(self, **arguments: Any) -> dict[str, Any]:
        fine = {**arguments, "result": {}, "request_context": None, "step_id": "s"}
        await super().update_workflow_results(**fine)
        return await super().update_workflow_results(**arguments)


def _with(change: SnapshotChange, **keys: Any) -> SnapshotChange:
    value = {**change.snapshot.value, **keys}
    return change._replace(snapshot=change.snapshot._replace(text=encode(value), value=value))
