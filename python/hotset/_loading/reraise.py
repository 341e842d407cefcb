"""Exceptions that several callers raise, or that are kept: each gets a copy, where one can be made."""

from __future__ import annotations

from itertools import zip_longest

from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

#: Where the files are whose frames say nothing to who reads a traceback.
_OURS = __file__.removesuffix("reraise.py")


def raised_again(error: BaseException, traceback: Any) -> BaseException:
    """What a follower raises for what the load raised: a copy where one can be made, with the traceback of the load.

    An exception that several threads raise at once would show each the frames of the others.
    """
    while traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(_OURS):
        traceback = traceback.tb_next
    return _twin(error).with_traceback(traceback)


def own_error(error: BaseException, handled: BaseException) -> BaseException:
    """What a load raised, without what its caller was handling when it began, which is nobody else's: a copy, as far as
    copies can be made."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link is not handled and link not in chain:
        chain.append(link)
        link = link.__context__
    if link is not handled:
        return error
    twins: dict[int, BaseException] = {}
    context: BaseException | None = None
    for link in reversed(chain):
        twin = _twin(link)
        if twin is link:
            return error
        cause = link.__cause__
        _follow_from(twin, link, None if cause is handled else twins.get(id(cause), cause), context)
        twins[id(link)] = context = twin.with_traceback(link.__traceback__)
    return twins[id(error)]


def kept_error(error: BaseException) -> BaseException:
    """What is stored of an error: no frames, which would keep alive what is in them."""
    return _without_frames(error) or error


def _without_frames(error: BaseException | None, depth: int = 8) -> BaseException | None:
    """A copy of an exception that was the cause of another, and of its own causes up to a depth, without tracebacks."""
    if error is None or depth == 0:
        return None
    twin = _twin(error)
    if twin is not error:
        twin = twin.with_traceback(None)
        _follow_from(twin, error, *(_without_frames(one, depth - 1) for one in (error.__cause__, error.__context__)))
    return None if twin is error else twin


def _twin(error: BaseException) -> BaseException:
    """A copy of an exception, or itself where none can be made."""
    import copy

    try:
        twin = copy.copy(error)
    except Exception:  # noqa: BLE001  # its constructor wants something else, or it does not let itself be changed
        twin = _made_by_hand(error)
    if type(twin) is not type(error) or any(
        mine is not its for mine, its in zip_longest(twin.args, error.args, fillvalue=twin)
    ):
        return error
    for name, value in _in_slots(error):
        object.__setattr__(twin, name, value)
    if hasattr(error, "__notes__"):
        object.__setattr__(twin, "__notes__", list(error.__notes__))
    _follow_from(twin, error, error.__cause__, error.__context__)
    return twin


def _follow_from(
    twin: BaseException, error: BaseException, cause: BaseException | None, context: BaseException | None
) -> None:
    """Give a copy its cause and context, past what its class does that is not to be changed."""
    object.__setattr__(twin, "__cause__", cause)
    object.__setattr__(twin, "__context__", context)
    object.__setattr__(twin, "__suppress_context__", error.__suppress_context__)


def _made_by_hand(error: BaseException) -> BaseException:
    """A copy without a call of its constructor, or itself if there is more to its class than Python code can see."""
    kind = type(error)
    builtin = next(base for base in kind.__mro__ if base.__module__ == "builtins")
    if builtin not in (Exception, BaseException) or kind.__new__ is not BaseException.__new__:
        return error
    twin = kind.__new__(kind, *error.args)
    twin.__dict__.update(error.__dict__)
    return twin


def _in_slots(error: BaseException) -> Iterator[tuple[str, Any]]:
    """What an exception has in its slots, which no copy has."""
    for kind in type(error).__mro__:
        for name in kind.__dict__.get("__slots__", ()):
            if name not in ("__dict__", "__weakref__") and hasattr(error, name):
                yield name, getattr(error, name)
