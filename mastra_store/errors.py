"""The error tree: one root, a stable code, and never a secret in the text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class StoreError(Exception):
    """Root of everything this package raises on purpose.

    ``code`` is ``<OPERATION>_<REASON>``, for example ``UPDATE_THREAD_NOT_FOUND`` (rule G15), the same on every backend.
    ``domain`` names the domain (``"memory"``) or is ``None`` outside of one, ``details`` holds the values that matter
    (ids, field names). A driver's own error is the ``__cause__``. ``retryable`` is true where the same call may well
    succeed a moment later and a repeat cannot do harm.
    """

    default_reason = "FAILED"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        operation: str | None = None,
        domain: str | None = None,
        details: Mapping[str, Any] | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.operation = operation
        self.domain = domain
        self.details: dict[str, Any] = dict(details or {})
        self.retryable = retryable

    @property
    def code(self) -> str:
        """The stable identifier, ``<OPERATION>_<REASON>``."""
        return f"{self.operation}_{self.reason}" if self.operation else self.reason

    def locate(self, operation: str, domain: str | None) -> StoreError:
        """Fill in the operation and domain where whoever raised the error did not know them."""
        self.operation = self.operation or operation
        self.domain = self.domain or domain
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.message, self.__dict__.copy())


def _restore(cls: type[StoreError], message: str, state: dict[str, Any]) -> StoreError:
    error = cls.__new__(cls, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class ValidationError(StoreError):
    """An argument is wrong. Nothing was written."""

    default_reason = "INVALID_ARGUMENT"


class NotFoundError(StoreError):
    """What was to be changed does not exist. Nothing was written."""

    default_reason = "NOT_FOUND"


class ConflictError(StoreError):
    """A rule about uniqueness or concurrent change forbids the write. Nothing was written."""

    default_reason = "CONFLICT"


class UnsupportedOperationError(StoreError):
    """This backend, or this way of using it, cannot do what was asked; the text says what can."""

    default_reason = "UNSUPPORTED"


class DomainNotConfiguredError(StoreError):
    """``store.<domain>`` was read, but the domain is disabled or nothing provides it."""

    default_reason = "DOMAIN_NOT_CONFIGURED"


class UnknownDomainError(StoreError):
    """There is no domain of that name; the text lists those there are."""

    default_reason = "UNKNOWN_DOMAIN"


class StoreClosedError(StoreError):
    """The Store, or the database behind this storage, has been closed; there is no reopening."""

    default_reason = "CLOSED"


class StoreConnectionError(StoreError):
    """The database could not be reached or opened; the text names its URL with the password hidden."""


class CorruptRecordError(StoreError):
    """A stored row cannot be read; the text and ``details`` name its table and key."""

    default_reason = "CORRUPT_RECORD"
