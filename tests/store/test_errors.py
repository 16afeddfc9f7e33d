"""The error tree: pickled, copied, raised across processes (conventions, Errors)."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

import mastra_store
from mastra_store import StoreError, ValidationError

KINDS = sorted(
    (kind for kind in vars(mastra_store).values() if isinstance(kind, type) and issubclass(kind, StoreError)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", KINDS)
def test_errors_survive_pickling_and_copying(kind: type[StoreError]) -> None:
    error = kind("a text", reason="WHY", operation="DO", domain="memory", details={"id": "x"}, retryable=True)
    error.add_note("a note")
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is kind
        assert str(twin) == "a text"
        assert (twin.code, twin.domain, twin.details, twin.retryable) == ("DO_WHY", "memory", {"id": "x"}, True)
        assert twin.__notes__ == ["a note"]


@pytest.mark.parametrize("kind", KINDS)
def test_errors_have_a_code_without_an_operation(kind: type[StoreError]) -> None:
    error = kind("a text")
    assert error.code == kind.default_reason
    assert error.domain is None
    assert error.details == {}


def test_details_are_copied() -> None:
    given = {"id": "x"}
    error = StoreError("a text", details=given)
    given["id"] = "y"
    assert error.details == {"id": "x"}


def refuse() -> None:
    """Raise in another process."""
    mastra_store.Store(id="", default=":memory:")


def test_errors_cross_processes() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool, pytest.raises(ValidationError) as caught:
        pool.submit(refuse).result()
    assert "id must be" in str(caught.value)
