"""The error of the test services."""


class ServiceUnavailableError(RuntimeError):
    """A service that tests need cannot run here; the message says what to install or what its log says."""
