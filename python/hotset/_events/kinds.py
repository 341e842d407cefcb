"""The kinds of events. None has a value of yours in it, but an exception, where it tells of one."""

from __future__ import annotations

from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn, dataclass_transform
else:

    def dataclass_transform(**_options):
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Event:
    """Something that has happened. It does not change."""

    __match_args__: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        cls.__match_args__ = tuple(cls.__annotations__)  # type: ignore[misc]  # each has its own

    if not TYPE_CHECKING:

        def __init__(self, *values):
            self.__dict__.update(zip(self.__match_args__, values, strict=True))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{name}: an event does not change")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]  # an exception in it may have none

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class CacheFull(Event):
    """A cache has reached its bound for the first time, and evicts from now on."""

    cache: str
    #: The most entries and the most weight of all of them; 2**64 - 1 for no bound.
    maxsize: int
    weight: int
    #: Whether it weighs by ``"max_bytes"`` or ``"maxweight"``.
    unit: str


class TierFull(Event):
    """The tier of a cache has had to make room for the first time."""

    cache: str
    max_bytes: int | None


class ReadOnce(Event):
    """A function has returned what can be read only once, for the first time."""

    function: str
    #: The name of its class.
    result: str


class LoadGivenUp(Event):
    """A load has been in progress for longer than ``load_age``, in seconds."""

    cache: str
    age: float


class RefreshFailed(Event):
    """A load has raised that nobody waits for, or that a stale value hides."""

    #: The cache or function.
    name: str
    error: Exception
    #: Whether the load before it has not.
    is_first: bool


class LoadRecovered(Event):
    """A load has returned after others have failed."""

    name: str


class BackgroundFailed(Event):
    """What runs in the background has raised, and nobody is there to raise it in."""

    error: Exception


class BreakerOpened(Event):
    """A circuit breaker refuses calls from now on."""

    name: str
    #: An exception, or what else is said for it.
    why: object


class BreakerClosed(Event):
    """A circuit breaker lets calls through again."""

    name: str


class CallbackFailed(Event):
    """A function of the user's that was to be told of something, or asked, has raised."""

    #: What it is for, and of whom.
    name: str
    error: Exception


class StoreDamaged(Event):
    """The store of a tier was damaged when it was opened: it was set aside, and begins empty."""

    cache: str
    damage: str


class TierFailed(Event):
    """A tier has not done what it was asked."""

    cache: str
    #: What it cannot do, as in ``"store"``; in which way, as in ``"away"`` or ``"busy"``; and why.
    what: str
    kind: str
    reason: str
    #: Whether all was well before, as far as was told.
    is_first: bool


class TierRecovered(Event):
    """A tier works again."""

    cache: str


class ValueNotEncodable(Event):
    """What a function returned is kept in memory only."""

    name: str
    error: Exception
    is_first: bool


class ValueNotDecodable(Event):
    """A codec that somebody wrote cannot read what is stored, which counts as unreadable."""

    cache: str
    error: Exception
    #: Whether it is the first of its class.
    is_first: bool
