"""Ways to the values of many keys: what is missing is loaded in one call, and to others every key is its own load."""

from __future__ import annotations

from hotset._core import prefetch
from hotset._errors import NotCachedError
from hotset._flights import FAILED, LATE, REFRESHING, Stale, raised_again
from hotset._leads import PoolLead, TaskLead, in_pool, late, refuse_endless
from hotset._typing import TYPE_CHECKING, cast
from hotset._waiting import Presence, follow_in_task, follow_in_thread, look_after, running_loop, take_over

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from typing import Any

    from hotset._core import Attempt, Flight
    from hotset._terms import Terms

    Attempts = dict[Any, Attempt]


class Search:
    """The keys that a caller wants, and what is there of them."""

    def __init__(
        self,
        where: str,
        keys: Iterable[Any],
        attempt_of: Callable[[Any, float | None], Attempt],
        given: Mapping[str, Any],
        *,
        enabled: bool,
    ) -> None:
        self._wanted = list(dict.fromkeys(keys))
        #: What its caller accepts, None if nothing was said of that.
        self.terms = _terms(where, given)
        self.found: dict[Any, Any] = {}
        self.missing: Attempts = {}
        self._outdated: Attempts = {}
        #: Whether to load without the cache.
        self.uncached = not enabled or (self.terms is not None and self.terms.bypass)
        oldest = None if self.terms is None else self.terms.oldest
        attempts = {key: attempt_of(key, oldest) for key in self._wanted}
        if not self.uncached:
            prefetch(list(attempts.values()))
        for key, attempt in attempts.items():
            self._sort(key, attempt)

    def _sort(self, key: Any, attempt: Attempt) -> None:
        """Look a key up, and sort it by what is there."""
        match self._look(attempt):
            case ("refresh", value):
                self.found[key] = value
                self._outdated[key] = attempt
            case ("hit", value):
                self.found[key] = value
            case ("unwanted",):
                pass
            case _:
                self.missing[key] = attempt

    def _look(self, attempt: Attempt) -> tuple[Any, ...] | None:
        if self.terms is None:
            return attempt.read(True)
        if self.terms.bypass:
            return None
        if self.terms.refresh:
            attempt.overtake()
            return None
        try:
            return self.terms.accepts(attempt, loads=True)
        except NotCachedError:
            return ("unwanted",)

    def refresh_later(self, load_missing: Callable[[list[Any]], Any], *, is_coroutine: bool) -> None:
        """Have what is to be refreshed loaded anew by somebody else."""
        if self._outdated:
            refresh_many_later(self._outdated, load_missing, is_coroutine=is_coroutine)

    def result(self) -> dict[Any, Any]:
        """What was found, in the order of the keys."""
        return {key: self.found[key] for key in self._wanted if key in self.found}


def _terms(where: str, given: Mapping[str, Any]) -> Terms | None:
    if not given:
        return None
    from hotset._terms import Terms

    return Terms(where, given)


class _Many:
    """The keys that values are sought for, and what has come of them."""

    def __init__(self, attempts: Attempts, terms: Terms | None) -> None:
        self.found: dict[Any, Any] = {}
        looks = terms is None or terms.looks
        self.stale = {
            key: stale for key, attempt in attempts.items() if (stale := Stale(attempt, looks, terms)).is_there
        }
        loading = next(iter(attempts.values())).loading
        self._first = next(iter(attempts.values()))
        self.timeout = loading.timeout
        self._own = None if terms is None else terms.timeout
        self._until = self._ends(self.timeout)
        self._until_tired = self._ends(_sooner(self.timeout, self._own))
        self._until_stale = self._ends(_sooner(loading.patience(has_stale=True), self._own))
        self.missing = dict(attempts)
        #: What is served stale, and is to be refreshed by somebody else.
        self.outdated: Attempts = {}
        for key, stale in self.stale.items():
            if stale.resting or loading.soft_timeout == 0:
                self.found[key] = stale.serve(FAILED if stale.resting else REFRESHING)
                attempt = self.missing.pop(key)
                if not stale.resting:
                    self.outdated[key] = attempt
        #: Whether somebody may not wait for as long as a load takes.
        self.hurries = self._until_tired is not None or any(
            self._until_stale is not None and key in self.missing for key in self.stale
        )
        self.begin()

    def _ends(self, seconds: float | None) -> float | None:
        return None if seconds is None else self._first.now() + seconds

    def begin(self) -> None:
        """Forget what the last round came to."""
        self.again: Attempts = {}
        self.alone: list[Any] = []

    def time_left(self, key: Any) -> float | None:
        """Seconds until the load of a key is late, None for no end."""
        until = self._until_tired if key not in self.stale else self._until_stale
        return None if until is None else max(until - self._first.now(), 0.0)

    @property
    def is_late(self) -> bool:
        """Whether loads have taken longer than they may."""
        return self._until is not None and self._first.now() >= self._until

    def take(self, key: Any, step: tuple[Any, ...], attempt: Attempt) -> None:
        """Sort a key by what waiting for it came to."""
        match step:
            case ("found" | "value", value):
                self.found[key] = value
            case ("error", error, traceback):
                if attempt.loading.keeps(error) or not self.take_stale(key):
                    again, step = raised_again(error, traceback), ()
                    try:
                        raise again
                    finally:
                        # What is raised refers to this frame, which must not refer to it.
                        del again, error, traceback
            case ("late",):
                if not self.take_stale(key, LATE):
                    raise late(attempt, _sooner(self.timeout, self._own))
            case ("alone",):
                self.alone.append(key)
            case _:
                self.again[key] = attempt

    def waits_on(self, key: Any) -> bool:
        """Whether a caller who has waited for as long as it would with a stale value has none any more."""
        stale = self.stale.get(key)
        if stale is None or stale.look():
            return False
        del self.stale[key]
        return self.time_left(key) != 0

    def take_led(self, key: Any, lead: PoolLead | TaskLead) -> None:
        """Sort a key whose load this caller leads, and whose flight ended without a value."""
        if lead.error is not None:
            raise lead.error
        if not lead.loaded:
            # Others gave it up, and nothing is known of it.
            self.again[key] = self.missing[key]
        elif key in lead.loaded[0]:
            self.found[key] = lead.loaded[0][key]

    def take_stale(self, key: Any, why: str = FAILED) -> bool:
        """Whether there is a stale value, which is taken then."""
        stale = self.stale.get(key)
        if stale is None or not stale.look():
            return False
        self.found[key] = stale.serve(why)
        return True

    def take_loaded(self, keys: list[Any], loaded: Mapping[Any, Any]) -> None:
        """Take what was loaded without the cache."""
        self.found.update((key, loaded[key]) for key in keys if key in loaded)


def answered(loaded: Any) -> Mapping[Any, Any]:
    """What a load of several keys has returned.

    Raises:
        TypeError: it is no mapping.
    """
    if not hasattr(loaded, "keys"):
        raise TypeError(
            f"the load of several keys returned a {type(loaded).__qualname__}: "
            "return a dict from each key that was found to its value"
        )
    return cast("Mapping[Any, Any]", loaded)


def _sooner(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


def load_many_here(
    attempts: Attempts, load_missing: Callable[[list[Any]], Mapping[Any, Any]], terms: Terms | None = None
) -> dict[Any, Any]:
    """The values of keys: loaded in one call, waited for, or stale. Keys that nobody finds are left out."""
    many = _Many(attempts, terms)
    looks = terms is None or terms.looks
    if many.outdated:
        refresh_many_later(many.outdated, load_missing, is_coroutine=False)
    elsewhere = many.hurries and not in_pool()
    while many.missing:
        lead: PoolLead | None = None
        try:
            # As in `obtain_many`: each is a call.
            steps = _begin_all(many.missing, "pool" if elsewhere else "here", looks)
            leads = _led(many.missing, steps)
            if leads and elsewhere:
                lead = _lead_in_pool(leads, steps, load_missing, background=False)
            elif leads:
                _load_on_this_thread(leads, load_missing, many)
        except BaseException:
            _quit_all(many.missing)
            raise
        if leads and elsewhere and lead is None:
            elsewhere = False
            continue
        if leads and not elsewhere:
            for key in leads:
                del steps[key]
            leads = {}
        presence = Presence(step[1] for step in steps.values() if step[0] == "join")
        try:
            for key in list(steps):
                step: Any = steps.pop(key)
                if step[0] == "join" and (look_after(step[1], many.timeout) or take_over(step[1])):
                    step = ("again",)
                if step[0] in ("lead", "join"):
                    step = _follow_here(many, key, step[1])
                if step[0] == "late" and lead is not None and many.is_late:
                    lead.give_up()
                if lead is not None and key in leads and step[0] in ("again", "alone"):
                    many.take_led(key, lead)
                else:
                    many.take(key, step, many.missing[key])
        except BaseException:
            # What is raised refers to this frame, and must not come back through a flight.
            step = None
            steps.clear()
            raise
        finally:
            presence.end()
        if many.alone:
            many.take_loaded(many.alone, answered(load_missing(many.alone)))
        many.missing = many.again
        many.begin()
    return many.found


def _follow_here(many: _Many, key: Any, flight: Flight) -> tuple[Any, ...]:
    while True:
        step = follow_in_thread(many.missing[key], flight, many.time_left(key))
        if step[0] != "late" or not many.waits_on(key):
            return step


async def _follow_in_task(many: _Many, key: Any, flight: Flight, *, leads: bool) -> tuple[Any, ...]:
    while True:
        left, stays = many.time_left(key), key in many.stale
        step = await follow_in_task(many.missing[key], flight, left, leads=leads, stays=stays)
        if step[0] != "late" or not many.waits_on(key):
            return step


def _begin_all(attempts: Attempts, where: str, looks: bool) -> dict[Any, tuple[Any, ...]]:
    return {key: attempt.begin(where, looks) for key, attempt in attempts.items()}


def _begin_anew(attempts: Attempts, where: str, timeout: float | None) -> dict[Any, tuple[Any, ...]]:
    """As :func:`_begin_all`, whatever is there; of loads in progress those are given up that will not end."""
    steps = _begin_all(attempts, where, looks=False)
    for key, attempt in attempts.items():
        step: Any = steps[key]
        if step[0] == "join" and look_after(step[1], timeout):
            steps |= _begin_all({key: attempt}, where, looks=False)
    return steps


def _led(attempts: Attempts, steps: dict[Any, tuple[Any, ...]]) -> Attempts:
    """Those whose loads this caller leads."""
    return {key: attempts[key] for key, step in steps.items() if step[0] == "lead"}


def _quit_all(attempts: Attempts) -> None:
    """Nobody is to wait for loads that nobody makes: an exception came between, or out of the comparison of a key."""
    for attempt in attempts.values():
        attempt.quit()


def _load_on_this_thread(leads: Attempts, load_missing: Callable[[list[Any]], Mapping[Any, Any]], many: _Many) -> None:
    first, *others = leads.values()
    _count_once(leads)
    try:
        loaded = first.run(lambda: answered(load_missing(list(leads))), others)
        _land_all(leads, loaded, many.found)
    except Exception as error:
        kept = [attempt.fail(error) for attempt in leads.values()]
        served = [many.take_stale(key) for key in leads]
        if any(kept) or not all(served):
            raise
    except BaseException as error:
        for attempt in leads.values():
            attempt.fail(error)
        raise


def _lead_in_pool(
    leads: Attempts,
    steps: dict[Any, tuple[Any, ...]],
    load_missing: Callable[[list[Any]], Mapping[Any, Any]],
    *,
    background: bool,
) -> PoolLead | None:
    """Loads that a thread of the pool makes; None, and they are not begun, if there is none for them."""
    first, *others = leads.values()
    flights: list[Flight] = [steps[key][1] for key in leads]
    _count_once(leads)

    def load(lead: PoolLead) -> None:
        began = first.now()
        loaded = first.run(lambda: answered(load_missing(list(leads))), others)
        if lead.is_late(first.now() - began):
            raise late(first, first.loading.timeout)
        lead.loaded = [loaded]
        _land_all(leads, loaded, {}, lead.numbers)

    lead = PoolLead(list(leads.values()), load, background=background)
    return lead if lead.start(flights) else None


def _land_all(
    leads: Attempts, loaded: Mapping[Any, Any], found: dict[Any, Any], numbers: list[int] | None = None
) -> None:
    for place, (key, attempt) in enumerate(leads.items()):
        number = numbers[place] if numbers else None
        if key in loaded:
            found[key] = attempt.land(loaded[key], number)
        else:
            attempt.leave_out(number)


def _count_once(leads: Attempts) -> None:
    """Loads of several keys in one call are one load."""
    for attempt in list(leads.values())[1:]:
        attempt.untimed()


async def obtain_many(
    attempts: Attempts,
    load_missing: Callable[[list[Any]], Awaitable[Mapping[Any, Any]]],
    terms: Terms | None = None,
) -> dict[Any, Any]:
    """As :func:`load_many_here`, loaded by one task of its own."""
    many = _Many(attempts, terms)
    looks = terms is None or terms.looks
    if running_loop() is None:
        await _load_in_this_coroutine(many, load_missing, looks)
        return many.found
    refuse_endless()
    if many.outdated:
        refresh_many_later(many.outdated, load_missing, is_coroutine=True)
    while many.missing:
        try:
            # Each is a call: an exception at the end of a round of a loop is not seen to be within this block.
            steps = _begin_all(many.missing, "task", looks)
            leads = _led(many.missing, steps)
            lead = _lead_as_task(leads, steps, load_missing, background=False) if leads else None
        except BaseException:
            _quit_all(many.missing)
            raise
        presence = Presence(step[1] for step in steps.values() if step[0] in ("lead", "join"))
        try:
            for key in list(steps):
                step: Any = steps.pop(key)
                if step[0] == "join" and look_after(step[1], many.timeout):
                    step = ("again",)
                if step[0] in ("lead", "join"):
                    step = await _follow_in_task(many, key, step[1], leads=key in leads)
                if lead is not None and key in leads and step[0] in ("again", "alone"):
                    many.take_led(key, lead)
                else:
                    many.take(key, step, many.missing[key])
        except BaseException:
            # As in `load_many_here`.
            if lead is not None:
                lead.watched = False
            step, lead = None, None
            steps.clear()
            raise
        finally:
            presence.end()
        if many.alone:
            many.take_loaded(many.alone, answered(await load_missing(many.alone)))
        many.missing = many.again
        many.begin()
    return many.found


async def _load_in_this_coroutine(
    many: _Many, load_missing: Callable[[list[Any]], Awaitable[Mapping[Any, Any]]], looks: bool
) -> None:
    """Load where no event loop is known: as part of the call, and nobody is waited for."""
    try:
        steps = _begin_all(many.missing, "here", looks)
        leads = _led(many.missing, steps)
    except BaseException:
        _quit_all(many.missing)
        raise
    many.found.update((key, step[1]) for key, step in steps.items() if step[0] == "found")
    wanted = [key for key, step in steps.items() if step[0] != "found"]
    if not wanted:
        return
    _count_once(leads)
    try:
        loaded = answered(await load_missing(wanted))
        _land_all(leads, loaded, many.found)
        many.take_loaded([key for key in wanted if key not in leads], loaded)
    except BaseException as error:
        for attempt in leads.values():
            attempt.fail(error)
        raise


def _lead_as_task(
    leads: Attempts,
    steps: dict[Any, tuple[Any, ...]],
    load_missing: Callable[[list[Any]], Awaitable[Mapping[Any, Any]]],
    *,
    background: bool,
) -> TaskLead:
    async def load(lead: TaskLead) -> None:
        loaded = answered(await load_missing(list(leads)))
        lead.loaded = [loaded]
        if not lead.was_cancelled:  # else its end is all that there is to tell
            _land_all(leads, loaded, {}, lead.numbers)

    _count_once(leads)
    return TaskLead(list(leads.values()), [steps[key][1] for key in leads], load, background=background)


def refresh_many_later(attempts: Attempts, load_missing: Callable[[list[Any]], Any], *, is_coroutine: bool) -> None:
    """Have values loaded anew in one call, in the pool or by a task, as far as nobody is at it."""
    if is_coroutine and running_loop() is None:
        return
    where = "task" if is_coroutine else "pool"
    timeout = next(iter(attempts.values())).loading.timeout
    try:
        steps = _begin_anew(attempts, where, timeout)
        leads = _led(attempts, steps)
        if leads and is_coroutine:
            _lead_as_task(leads, steps, load_missing, background=True)
        elif leads:
            _lead_in_pool(leads, steps, load_missing, background=True)
    except BaseException:
        _quit_all(attempts)
        raise
