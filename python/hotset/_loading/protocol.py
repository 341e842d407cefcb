"""One caller's way to values that are not there, or not fresh: steps that a driver takes, in a thread or in a task.

The compiled half knows who leads which load, and what is stored. Here is for how long somebody waits, what is served
meanwhile, and what is done with what a load came to; for one key and for several, written once.
"""

from __future__ import annotations

from hotset._core import Failed, Found, Joins, Leads, NotShareable, Retry
from hotset._loading.current import refuse_endless
from hotset._loading.failures import load_failed, load_returned
from hotset._loading.policy import sooner
from hotset._loading.reraise import raised_again
from hotset._loading.runners import count_once, in_pool, late, start
from hotset._loading.sources import ABSENT
from hotset._loading.waiters import Presence, Wait, look_after, running_loop, take_over
from hotset._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from typing import Any

    from hotset._core import Attempt, Flight
    from hotset._loading.call_options import CallOptions
    from hotset._loading.policy import LoadPolicy
    from hotset._loading.runners import Place, PoolLead, TaskLead
    from hotset._loading.sources import Source
    from hotset._percall.entry import Told

    Steps = Generator["Wait | Run", None, None]

#: Why a stale value is served.
REFRESHING = "refreshing"
FAILED = "load failed"
LATE = "load is late"


class Asker:
    """Who wants values: what they accept, and since when they wait."""

    __slots__ = ("_began", "looks", "patience", "policy", "terms", "told")

    def __init__(
        self, policy: LoadPolicy, looks: bool = True, terms: CallOptions | None = None, told: Told | None = None
    ) -> None:
        self.policy, self.terms, self.told = policy, terms, told
        #: Whether what others have loaded meanwhile will do.
        self.looks = looks
        self._began: float | None = None
        #: How many seconds it waits for a load, None for as long as it takes, where nothing is stale.
        self.patience = policy.timeout if terms is None else sooner(policy.timeout, terms.timeout)

    def time_left(self, patience: float, attempt: Attempt) -> float:
        """What is left of so many seconds since this was first asked, by the clock of an attempt."""
        now = attempt.now()
        if self._began is None:
            self._began = now
        return max(patience - (now - self._began), 0.0)

    def patience_for(self, want: Want) -> float | None:
        """How many seconds it waits for a load of a key, None for as long as it takes."""
        return sooner(self.policy.soft_timeout, self.patience) if want.is_stale else self.patience


class Want:
    """A key that a caller wants, and what may be served of it although it is not fresh."""

    __slots__ = (
        "_times",
        "asker",
        "attempt",
        "flight",
        "is_stale",
        "key",
        "leads",
        "rests",
        "stale_value",
        "value",
    )

    def __init__(self, asker: Asker, attempt: Attempt, key: Any = None) -> None:
        self.asker, self.attempt, self.key = asker, attempt, key
        #: What the caller gets, :data:`~hotset._loading.sources.ABSENT` as long as there is nothing.
        self.value: Any = ABSENT
        #: A load that is waited for, and whether it is the caller's own.
        self.flight: Flight | None = None
        self.leads = False
        #: Whether there is a stale value; and then that, and whether a load has just failed.
        self.is_stale = False
        self.stale_value: Any
        self.rests: bool
        #: For how long it is stale, and its age.
        self._times: tuple[float, float]
        if asker.looks:
            self.look()

    def look(self) -> bool:
        """Whether there is a stale value; an error that is kept is raised."""
        info = self.attempt.not_fresh() if self.asker.looks else None
        self.is_stale, self.stale_value = False, None
        if info is None:
            return False
        if info.freshness == "error":
            again, info = raised_again(info.value, None), None
            try:
                raise again
            finally:
                # What is raised refers to this frame, which must not refer to it.
                del again
        terms = self.asker.terms
        if terms is None or terms.accepts_stale(info.stale_for, info.age):
            self.is_stale, self.rests, self.stale_value = True, info.retry_in > 0, info.value
            self._times = (info.stale_for, info.age)
        return self.is_stale

    def has_rest(self) -> bool:
        """Whether there is a stale value still and a load has failed meanwhile."""
        return self.is_stale and self.look() and self.rests

    def serve(self, why: str) -> None:
        """Take the stale value, counted."""
        self.attempt.count_stale()
        if self.asker.told is not None:
            self.asker.told.stale(why, *self._times)
        self.value = self.stale_value

    def serve_if_there(self, why: str) -> bool:
        """Whether there is a stale value still, which is taken then."""
        if not self.is_stale or not self.look():
            return False
        self.serve(why)
        return True


class Run:
    """A step that a driver takes: to call a source as part of its caller's code."""

    __slots__ = ("_is_shared", "_wants", "attempts", "source")

    def __init__(self, source: Source, wants: Sequence[Want], *, is_shared: bool) -> None:
        self.source, self._wants = source, wants
        #: Whether others wait for what it comes to.
        self._is_shared = is_shared
        self.attempts = _attempts(wants)
        if is_shared and len(wants) > 1:
            count_once(self.attempts)

    def fail(self, error: BaseException) -> bool:
        """The source raised; whether the caller has stale values instead."""
        if not self._is_shared:
            return False
        kept = [attempt.fail(error) for attempt in self.attempts]
        if not isinstance(error, Exception) or any(kept):
            return False
        served = [want.serve_if_there(FAILED) for want in self._wants]
        if not all(served):
            return False
        load_failed(self.attempts[0].name, error)
        return True

    def land(self, loaded: Any) -> None:
        """The source returned."""
        if self._is_shared:
            for want, value in zip(self._wants, self.source.land(self.attempts, loaded, None), strict=True):
                want.value = value
            load_returned(self.attempts[0].name)
        else:
            for want in self._wants:
                want.value = self.source.value_of(want.attempt, loaded)


def obtain(asker: Asker, wants: Sequence[Want], source: Source, *, awaits: bool) -> Steps:
    """Come to the values of keys: loaded in one call, waited for, or stale.

    Args:
        asker: Who wants them.
        wants: The keys.
        source: What loads those that nobody else loads.
        awaits: Whether the driver is a coroutine.
    """
    # Without an event loop that is known a coroutine waits for nobody, and nobody loads for it.
    waits = not awaits or running_loop() is not None
    missing = wants
    outdated: list[Want] = []
    hurries = asker.patience is not None
    for want in wants:
        if want.is_stale:
            missing, outdated, hurries = _sorted(asker, wants, waits)
            break
    if outdated:
        refresh_later(_attempts(outdated), source, looks=True, awaits=awaits)
        for want in outdated:
            want.serve(REFRESHING)
    place: Place = "here"
    if awaits and waits and missing:
        refuse_endless()
        place = "task"
    elif hurries and not awaits and not in_pool():
        place = "pool"
    while missing:
        lead: PoolLead | TaskLead | None = None
        presence: Presence | None = None
        again: list[Want] = []
        try:
            # Each is a call: an exception at the end of a round of a loop is not seen to be within this block.
            led, joined, alone = _begun(missing, place)
            if led and place == "here":
                yield Run(source, led, is_shared=True)
                led = []
            elif led:
                lead = start(place, source, _attempts(led), _flights(led), background=False)
                if lead is None:
                    place = "here"
                    continue
        except BaseException:
            # Whatever came between: nobody is to wait for loads that nobody makes.
            for want in missing:
                want.attempt.quit()
            raise
        followed = led + joined
        if not waits:
            alone += followed
            followed = []
        try:
            if len(followed) > 1:
                presence = Presence(_flights(followed))
            for want in followed:
                left = yield from _follow(want, lead if want.leads else None)
                if left is not None:
                    (alone if isinstance(left, NotShareable) else again).append(want)
        except BaseException:
            if lead is not None:
                lead.watched = False
                lead = None
            # What is raised refers to this frame, and must not come back through a flight.
            for want in followed:
                want.flight = None
            raise
        finally:
            if presence is not None:
                presence.end()
        if alone:
            yield Run(source, alone, is_shared=False)
        missing = again


def _attempts(wants: Iterable[Want]) -> list[Attempt]:
    return [want.attempt for want in wants]


def _flights(wants: Iterable[Want]) -> list[Any]:
    return [want.flight for want in wants]


def _sorted(asker: Asker, wants: Sequence[Want], waits: bool) -> tuple[Sequence[Want], list[Want], bool]:
    """Those that have to be waited for; those whose stale value is served at once while it is refreshed, if there is
    anybody to do that; and whether the caller may not wait for the former for as long as a load takes."""
    missing: list[Want] = []
    outdated: list[Want] = []
    hurries = False
    for want in wants:
        patience = asker.patience_for(want)
        if want.is_stale and want.rests:
            want.serve(FAILED)
        elif patience == 0 and waits:
            outdated.append(want)
        else:
            missing.append(want)
            hurries = hurries or patience is not None
    return missing, outdated, hurries


def _begun(wants: Sequence[Want], place: Place) -> tuple[list[Want], list[Want], list[Want]]:
    """Begin loads of keys, or find them in progress: those that this caller leads, those that others lead, and those
    that it has to load alone."""
    led: list[Want] = []
    joined: list[Want] = []
    alone: list[Want] = []
    for want in wants:
        step = want.attempt.begin(place, want.asker.looks)
        if isinstance(step, Leads):
            want.flight, want.leads = step.flight, True
            led.append(want)
        elif isinstance(step, Joins):
            want.flight, want.leads = step.flight, False
            joined.append(want)
        elif isinstance(step, Found):
            want.value = step.value
        else:
            alone.append(want)
    return led, joined, alone


def _follow(want: Want, lead: PoolLead | TaskLead | None) -> Generator[Wait, None, Retry | NotShareable | None]:
    """Wait for a load that another thread or task makes, and take what it comes to; what is left to do if it came to
    nothing."""
    asker, attempt = want.asker, want.attempt
    flight: Any = want.flight
    want.flight = None
    policy = asker.policy
    if lead is None and (look_after(flight, policy.timeout) or take_over(flight)):
        if not want.has_rest():
            return Retry()
        want.serve(FAILED)
        return None
    while True:
        patience = asker.patience if not want.is_stale else asker.patience_for(want)
        seconds = None if patience is None else asker.time_left(patience, attempt)
        wait = Wait(attempt, flight, seconds, want.leads, want.is_stale)
        yield wait
        outcome, wait.outcome = wait.outcome, None
        if outcome is not None or patience is None:
            break
        if policy.timeout is not None and patience >= policy.timeout:
            if lead is not None:
                lead.give_up()
            if not want.serve_if_there(LATE):
                raise late(attempt, policy.timeout)
            return None
        if want.serve_if_there(LATE):
            if lead is not None:
                lead.stay()
            return None
        if asker.terms is not None and patience == asker.terms.timeout:
            raise late(attempt, patience)
    if isinstance(outcome, Found):
        want.value = outcome.value
        return None
    if isinstance(outcome, Failed):
        if not policy.keeps(outcome.error) and want.serve_if_there(FAILED):
            if lead is not None:
                load_failed(attempt.name, outcome.error)
            return None
        again = raised_again(outcome.error, outcome.traceback)
    elif lead is not None and lead.error is not None:
        again = lead.error
    elif lead is not None and lead.loaded:
        want.value = lead.value_of(attempt)
        return None
    else:
        return outcome
    # What is raised refers to this frame, and must not come back through the flight, nor from here.
    del outcome, wait, flight, lead
    try:
        raise again
    finally:
        del again


def refresh_later(attempts: Sequence[Attempt], source: Source, *, looks: bool, awaits: bool) -> None:
    """Have values loaded anew in one call, in the pool or by a task, as far as nobody is at it, and if there is anybody
    to do it."""
    if awaits and running_loop() is None:
        return
    place: Place = "task" if awaits else "pool"
    try:
        led = _refreshed(attempts, place, looks)
        if led:
            start(place, source, list(led), list(led.values()), background=True)
    except BaseException:
        # As in `obtain`.
        for attempt in attempts:
            attempt.quit()
        raise


def _refreshed(attempts: Sequence[Attempt], place: Place, looks: bool) -> dict[Attempt, Flight]:
    """The flights of loads that are to be made."""
    begun = ((attempt, _begun_anew(attempt, place, looks)) for attempt in attempts)
    return {attempt: flight for attempt, flight in begun if flight is not None}


def _begun_anew(attempt: Attempt, place: Place, looks: bool) -> Flight | None:
    """The flight of a load that is to be made, if one is; one that is in progress and will not end is given up."""
    step = attempt.begin(place, looks)
    while isinstance(step, Joins) and look_after(step.flight, attempt.policy.timeout):
        left = attempt.not_fresh()
        if left is not None and left.retry_in > 0:
            return None
        step = attempt.begin(place, looks)
    return step.flight if isinstance(step, Leads) else None
