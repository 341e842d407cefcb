"""What hotset raises that is no usual exception of Python's.

::

    TimeoutError
     └─ LoadTimeoutError    a load did not end in time
    LookupError
     └─ NotCachedError      only_if_cached, and nothing is there
    OSError
     └─ TierError           a tier did not do what it was asked, with on_error="raise"
    RuntimeError
     └─ CircuitOpenError    a circuit breaker refused a call
    ValueError
     └─ CodecError
         ├─ NotEncodableError      a value that would not come back as it is
         └─ NotDecodableError      bytes that are no value
             └─ StaleClassError    of a class that is not known here, or has other fields now
"""

from __future__ import annotations


class LoadTimeoutError(TimeoutError):
    """A load did not end within its timeout."""


class NotCachedError(LookupError):
    """Nothing is there, and nothing was to be loaded."""


class TierError(OSError):
    """A tier did not do what it was asked."""


class CircuitOpenError(RuntimeError):
    """A circuit breaker refused a call, which was not made."""

    def __init__(self, message: str, *, name: str | None = None, retry_in: float = 0.0) -> None:
        super().__init__(message)
        #: The name of the breaker.
        self.name = name
        #: In how many seconds it lets a call through, to see whether that succeeds.
        self.retry_in = retry_in


class CodecError(ValueError):
    """A value is not encoded, or bytes are not decoded."""


class NotEncodableError(CodecError):
    """A value would not come back as it is, so it is not encoded. It says where, and what to do."""

    def __init__(self, message: str, *, path: str = "value", cls: type | None = None) -> None:
        super().__init__(message)
        #: Where it is: ``value["users"][3].address``.
        self.path = path
        #: The class of what is there, if that is the reason.
        self.cls = cls


class NotDecodableError(CodecError):
    """Bytes are no value."""


class StaleClassError(NotDecodableError):
    """A value has objects of a class that is not known here, or whose fields are others now."""


def not_encodable(path: str, cls: type | None, reason: str) -> NotEncodableError:
    """Return what is raised for something at a path."""
    if cls is None:
        return NotEncodableError(f"{path} is not encoded: {reason}", path=path)
    from hotset._aliasing.paths import type_name

    return NotEncodableError(f"{path} is not encoded, a {type_name(cls)}: {reason}", path=path, cls=cls)
