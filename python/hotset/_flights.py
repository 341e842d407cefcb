"""Ways to a value that is not there, or not fresh: in threads and in tasks.

The compiled half knows who leads which load, and what is stored; here is who runs it, who waits for it, for how long,
and what is served meanwhile.
"""

from __future__ import annotations

from itertools import zip_longest

from hotset._leads import ENCLOSING, PoolLead, TaskLead, in_pool, late, refuse_endless
from hotset._leases import run as run_with_lease
from hotset._leases import run_in_task
from hotset._log import recovered, refresh_failed
from hotset._typing import TYPE_CHECKING
from hotset._waiting import follow_in_task, follow_in_thread, look_after, running_loop, take_over, wait_in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Any

    from hotset._core import Attempt, Flight
    from hotset._terms import Terms, Told

# The compiled half finds these here.
__all__ = ["ENCLOSING", "running_loop", "wait_in_thread"]

#: Files whose frames say nothing to who reads a traceback.
_OURS = (__file__, *(function.__code__.co_filename for function in (late, run_with_lease, wait_in_thread)))


def raised_again(error: BaseException, traceback: Any) -> BaseException:
    """What a follower raises for what the load raised: a copy where one can be made, with the traceback of the load.

    An exception that several threads raise at once would show each the frames of the others.
    """
    while traceback is not None and traceback.tb_frame.f_code.co_filename in _OURS:
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


#: Why a stale value is served.
REFRESHING = "refreshing"
FAILED = "load failed"
LATE = "load is late"


class Stale:
    """What may be served of a key although it is not fresh."""

    __slots__ = ("_attempt", "_began", "_terms", "_times", "_told", "is_there", "resting", "value")

    def __init__(
        self, attempt: Attempt, looks: bool = True, terms: Terms | None = None, told: Told | None = None
    ) -> None:
        self._attempt, self._terms, self._told = attempt, terms, told
        #: For how long it is stale, and its age.
        self._times = (0.0, 0.0)
        self._began: float | None = None
        self.look(looks)

    def look(self, looks: bool = True) -> bool:
        """Whether there is a stale value; an error that is kept is raised."""
        step: Any = self._attempt.standing() if looks else None
        self.is_there, self.value, self.resting = False, None, False
        match step:
            case ("stale", value, resting, stale_for, age):
                if self._terms is None or self._terms.accepts_stale(stale_for, age):
                    self.is_there, self.value, self.resting = True, value, resting
                    self._times = (stale_for, age)
            case ("error", error):
                again, step = raised_again(error, None), None
                try:
                    raise again
                finally:
                    # What is raised refers to this frame, which must not refer to it.
                    del again, error
            case _:
                pass
        return self.is_there

    def rests(self) -> bool:
        """Whether there is a stale value still and a load has failed meanwhile; else nothing changes."""
        if not self.is_there:
            return False
        match self._attempt.standing():
            case ("stale", value, True, stale_for, age) if self._terms is None or self._terms.accepts_stale(
                stale_for, age
            ):
                self.value, self._times, self.resting = value, (stale_for, age), True
            case _:
                return False
        return True

    def serve(self, why: str) -> Any:
        """The stale value, counted."""
        self._attempt.count_stale()
        if self._told is not None:
            self._told.stale(why, *self._times)
        return self.value

    def patience(self) -> float | None:
        """How many seconds its caller waits for a load, None for as long as it takes."""
        usual = self._attempt.loading.patience(has_stale=self.is_there)
        own = None if self._terms is None else self._terms.timeout
        return usual if own is None else own if usual is None else min(usual, own)

    def left(self, patience: float | None) -> float | None:
        """What is left of so many seconds since this was first asked."""
        if patience is None:
            return None
        now = self._attempt.now()
        if self._began is None:
            self._began = now
        return max(patience - (now - self._began), 0.0)

    def after(self, patience: float) -> tuple[Any, ...]:
        """What is left to do when its caller has waited so long: to give the load up, ``("late",)``; to give up only
        waiting, ``("too late", error)``; to take ``("stale",)``; or to ``("wait",)`` on."""
        timeout = self._attempt.loading.timeout
        if timeout is not None and patience >= timeout:
            return ("late",)
        if self.is_there and self.look():
            return ("stale",)
        if self._terms is not None and patience == self._terms.timeout:
            return ("too late", late(self._attempt, patience))
        return ("wait",)


# Threads


def load_here(
    attempt: Attempt,
    loader: Callable[[], Any] | None = None,
    looks: bool = True,
    terms: Terms | None = None,
    told: Told | None = None,
) -> Any:
    """The value of a key: loaded on this thread or in the pool, waited for, or stale."""
    stale = Stale(attempt, looks, terms, told)
    if stale.resting:
        return stale.serve(FAILED)
    loading = attempt.loading
    patience: float | None = stale.patience()
    elsewhere = patience is not None and (patience == 0 or not in_pool())
    lead: PoolLead | None = None
    while True:
        lead = None
        try:
            step: Any = attempt.begin("pool" if elsewhere else "here", looks)
            if step[0] == "lead":
                if not elsewhere:
                    return _load_on_this_thread(attempt, loader, stale)
                lead = _lead_in_pool(attempt, step[1], loader, background=patience == 0)
        except BaseException:
            # Whatever came between: nobody is to wait for a load that nobody makes.
            attempt.quit()
            raise
        if step[0] == "lead" and lead is None:
            if patience == 0:
                return stale.serve(REFRESHING)
            elsewhere = False
            continue
        if step[0] in ("lead", "join"):
            if step[0] == "join" and (look_after(step[1], loading.timeout) or take_over(step[1])):
                if stale.rests():
                    return stale.serve(FAILED)
                continue
            if patience == 0:
                return stale.serve(REFRESHING)
            step = _wait_here(attempt, step[1], stale, leads=lead is not None)
        match step:
            case ("found" | "value", value):
                return value
            case ("error", error, traceback):
                if not loading.keeps(error) and stale.is_there and stale.look():
                    if lead is not None:
                        refresh_failed(attempt.name, error)
                    return stale.serve(FAILED)
                # What is raised refers to this frame, and must not come back through the flight, nor from here.
                again, step = raised_again(error, traceback), None
                try:
                    raise again
                finally:
                    del again, error, traceback
            case ("stale",):
                if lead is not None:
                    lead.stay()
                return stale.serve(LATE)
            case ("too late", error):
                raise error
            case ("late",):
                if lead is not None:
                    lead.give_up()
                if stale.is_there and stale.look():
                    return stale.serve(LATE)
                raise late(attempt, loading.timeout)
            case ("alone",):
                # What can be read only once is its leader's.
                return lead.loaded[0] if lead is not None and lead.loaded else attempt.run(loader)
            case _:
                if lead is not None and lead.error is not None:
                    raise lead.error
                # its leader has left it, and it begins anew


def _wait_here(attempt: Attempt, flight: Flight, stale: Stale, *, leads: bool) -> tuple[Any, ...]:
    """What a load came to, or what is left to do when its caller has waited for long enough."""
    while True:
        patience = stale.patience()
        step = follow_in_thread(attempt, flight, stale.left(patience), leads=leads)
        if step[0] == "late" and patience is not None:
            step = stale.after(patience)
        if step[0] != "wait":
            return step


def _is_hidden(attempt: Attempt, error: BaseException, stale: Stale) -> bool:
    """End a load that raised; whether its own caller gets a stale value instead."""
    is_kept = attempt.fail(error)
    if not isinstance(error, Exception) or is_kept or not stale.is_there or not stale.look():
        return False
    refresh_failed(attempt.name, error)
    return True


def _landed(attempt: Attempt, value: Any) -> Any:
    """End a load that returned; what its own caller gets."""
    value = attempt.land(value)
    recovered(attempt.name)
    return value


def _load_on_this_thread(attempt: Attempt, loader: Callable[[], Any] | None, stale: Stale) -> Any:
    try:
        value, is_found = run_with_lease(attempt, loader)
    except BaseException as error:
        if _is_hidden(attempt, error, stale):
            return stale.serve(FAILED)
        raise
    return value if is_found else _landed(attempt, value)


def _lead_in_pool(
    attempt: Attempt, flight: Flight, loader: Callable[[], Any] | None, *, background: bool
) -> PoolLead | None:
    """A load that a thread of the pool makes; None, and the load is not begun, if there is none for it."""

    number = flight.number  # and not the flight: what is raised refers to this frame, and the flight to it

    def load(lead: PoolLead) -> None:
        began = attempt.now()
        value, is_found = run_with_lease(attempt, loader, number)
        if lead.is_late(attempt.now() - began):
            raise late(attempt, attempt.loading.timeout)
        lead.loaded = [value]
        if not is_found:
            attempt.land(value, number)
            recovered(attempt.name)

    lead = PoolLead([attempt], load, background=background)
    return lead if lead.start([flight]) else None


def load_on_terms(attempt: Attempt, loader: Callable[[], Any] | None, terms: Terms, told: Told | None = None) -> Any:
    """As :func:`load_here`, for a caller with terms; an entry for one who wants to be ``told``."""
    step: Any = None
    if terms.refresh:
        attempt.overtake()
    else:
        step = terms.accepts(attempt, told, loads=True)
    if step is None:
        value = load_here(attempt, loader, terms.looks, terms, told)
    else:
        value = step[1]
        if step[0] == "refresh":
            refresh_later(attempt, loader, is_coroutine=False)
    return value if told is None else told.entry(attempt, value, loaded=step is None)


# Tasks


async def obtain(
    attempt: Attempt,
    loader: Callable[[], Awaitable[Any]] | None = None,
    looks: bool = True,
    terms: Terms | None = None,
    told: Told | None = None,
) -> Any:
    """The value of a key: loaded by a task of its own on this event loop, waited for, or stale."""

    loaded: list[Any] = []

    async def load(lead: TaskLead) -> None:
        value, is_found = await run_in_task(attempt, loader, lead.numbers[0])
        loaded[:] = [value]
        if not is_found:
            lead.land(attempt, value, lead.numbers[0])
            recovered(attempt.name)

    stale = Stale(attempt, looks, terms, told)
    if stale.resting:
        return stale.serve(FAILED)
    if running_loop() is None:
        return await _load_in_this_coroutine(attempt, loader, stale, looks)
    refuse_endless()
    loading = attempt.loading
    patience: float | None = stale.patience()
    lead: TaskLead | None = None
    while True:
        lead = None
        try:
            step: Any = attempt.begin("task", looks)
            leads = step[0] == "lead"
            if leads:
                lead = TaskLead([attempt], [step[1]], load, background=patience == 0)
        except BaseException:
            # As in `load_here`.
            attempt.quit()
            raise
        if step[0] in ("lead", "join"):
            if not leads and (look_after(step[1], loading.timeout) or take_over(step[1])):
                if stale.rests():
                    return stale.serve(FAILED)
                continue
            if patience == 0:
                return stale.serve(REFRESHING)
            try:
                step = await _wait_in_task(attempt, step[1], stale, leads=leads)
            except BaseException:
                if lead is not None:
                    lead.watched = False
                raise
        match step:
            case ("found" | "value", value):
                return value
            case ("error", error, traceback):
                if not loading.keeps(error) and stale.is_there and stale.look():
                    if lead is not None:
                        refresh_failed(attempt.name, error)
                    return stale.serve(FAILED)
                # As in `load_here`.
                again, step, lead = raised_again(error, traceback), None, None
                try:
                    raise again
                finally:
                    del again, error, traceback
            case ("stale",):
                return stale.serve(LATE)
            case ("too late", error):
                raise error
            case ("late",):
                if stale.is_there and stale.look():
                    return stale.serve(LATE)
                raise late(attempt, loading.timeout)
            case ("alone",):
                # What can be read only once is its leader's.
                return loaded[0] if leads and loaded else await attempt.run(loader)
            case _:
                if lead is not None and lead.error is not None:
                    again, step, lead = lead.error, None, None
                    try:
                        raise again
                    finally:
                        del again


async def _load_in_this_coroutine(
    attempt: Attempt, loader: Callable[[], Awaitable[Any]] | None, stale: Stale, looks: bool
) -> Any:
    """The value of a key where no event loop is known: a load is part of the call, and nobody is waited for."""
    try:
        step: Any = attempt.begin("here", looks)
        if step[0] == "found":
            return step[1]
        try:
            value = await attempt.run(loader)
        except BaseException as error:
            if _is_hidden(attempt, error, stale):
                return stale.serve(FAILED)
            raise
        return _landed(attempt, value)
    except BaseException:
        attempt.quit()
        raise


async def obtain_on_terms(
    attempt: Attempt, loader: Callable[[], Awaitable[Any]] | None, terms: Terms, told: Told | None = None
) -> Any:
    """As :func:`load_on_terms`."""
    step: Any = None
    if terms.refresh:
        attempt.overtake()
    else:
        step = terms.accepts(attempt, told, loads=True)
    if step is None:
        value = await obtain(attempt, loader, terms.looks, terms, told)
    else:
        value = step[1]
        if step[0] == "refresh":
            refresh_later(attempt, loader, is_coroutine=True)
    return value if told is None else told.entry(attempt, value, loaded=step is None)


async def _wait_in_task(attempt: Attempt, flight: Flight, stale: Stale, *, leads: bool) -> tuple[Any, ...]:
    """As :func:`_wait_here`."""
    while True:
        patience = stale.patience()
        step = await follow_in_task(attempt, flight, stale.left(patience), leads=leads, stays=stale.is_there)
        if step[0] == "late" and patience is not None:
            step = stale.after(patience)
        if step[0] != "wait":
            return step


# Both


def refresh_later(attempt: Attempt, loader: Callable[[], Any] | None, is_coroutine: bool) -> None:
    """Have a value loaded anew, in the pool or by a task, unless somebody is at it or there is nobody to do it."""
    if is_coroutine and running_loop() is None:
        return

    async def load(lead: TaskLead) -> None:
        value, is_found = await run_in_task(attempt, loader, lead.numbers[0])
        if not is_found:
            lead.land(attempt, value, lead.numbers[0])
            recovered(attempt.name)

    try:
        step: Any = attempt.begin("task" if is_coroutine else "pool", False)
        if step[0] == "lead" and is_coroutine:
            TaskLead([attempt], [step[1]], load, background=True)
        elif step[0] == "lead":
            _lead_in_pool(attempt, step[1], loader, background=True)
    except BaseException:
        # As in `load_here`.
        attempt.quit()
        raise
    if step[0] == "join" and look_after(step[1], attempt.loading.timeout):
        refresh_later(attempt, loader, is_coroutine)
