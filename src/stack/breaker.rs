//! A circuit breaker: what fails is left alone for a while, and then tried with few calls (Nygard, *Release It!*, 2007).
//!
//! It is *closed* while calls go well, and then a call costs it a look at one word and a count. Failures in a row, or too large a part
//! of failures among the calls of late, *open* it: calls are refused. After some time it is *half-open*: a few calls are let through as
//! probes. If they succeed it closes; if one fails it is open again, for longer each time.
//!
//! Nobody is called back. Whoever makes the breaker change its state is told so by what the call returns.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::window::Window;
use crate::clock::{self, Clock, Tick, ticks};
use crate::expiry::Jitter;
use crate::fork;
use crate::sync::{ForkLock, Mutex};

/// When a breaker opens and closes.
#[derive(Clone, Debug)]
pub struct BreakerOptions {
    /// It opens after so many failures in a row.
    pub failures: u32,
    /// It opens when this part of the calls within `window` have failed, from 0 to 1.
    pub rate: f64,
    /// The length of time whose calls are judged by `rate`.
    pub window: Duration,
    /// Fewer calls than these are not judged by `rate`.
    pub least_calls: u32,
    /// A call that takes so long has failed, whatever it returned.
    pub slow: Option<Duration>,
    /// For how long it is open at first.
    pub open: Duration,
    /// For how long it is open at most, after twice as long with each probe that failed.
    pub most_open: Duration,
    /// By up to which part that is shorter, so that processes do not probe all at once.
    pub jitter: f64,
    /// So many calls are let through while it is half-open, and so many have to succeed.
    pub probes: u32,
    /// What decides the jitter, together with the process: children that a server has forked do not probe all at once.
    pub seed: u64,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            failures: 5,
            rate: 0.5,
            window: Duration::from_secs(10),
            least_calls: 20,
            slow: None,
            open: Duration::from_secs(1),
            most_open: Duration::from_secs(30),
            jitter: 0.2,
            probes: 1,
            seed: 0,
        }
    }
}

/// What a breaker does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// All are let through.
    Closed = 0,
    /// All are refused.
    Open = 1,
    /// A few are let through, as probes.
    HalfOpen = 2,
}

/// A change of a breaker's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
}

/// A call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When to try again.
    pub retry_in: Duration,
}

/// What there is to know of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerStats {
    /// What it does with calls.
    pub state: State,
    /// For how long it has done so.
    pub for_so_long: Duration,
    /// How many times it was opened by calls, or again by a probe.
    pub opened: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// Calls within the window, since it was last closed.
    pub calls: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Failures since the last success.
    pub in_a_row: u32,
}

/// A circuit breaker.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    jitter: Jitter,
    clock: Clock,
    /// `how many times the state has changed, the state`: what a call looks at.
    gate: AtomicU64,
    window: Window,
    in_a_row: AtomicU32,
    refused: AtomicU64,
    /// Held when the state changes, or is not closed.
    inner: Mutex<ForkLock, Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// When the state changed.
    changed: Tick,
    /// When it is no longer open; or, while it is half-open, when probes of which nothing was heard are given up on.
    until: Tick,
    /// Probes that may still be made.
    probes: u32,
    /// Probes that have succeeded.
    succeeded: u32,
    /// How many times in a row it was opened.
    streak: u32,
    opened: u64,
}

const STATE_BITS: u32 = 2;

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(options: BreakerOptions, clock: Clock) -> Self {
        fork::watch();
        Self {
            jitter: Jitter::new(options.jitter, options.seed),
            window: Window::new(options.window),
            inner: Mutex::new(Inner { changed: clock.precise(), ..Inner::default() }),
            gate: AtomicU64::new(0),
            in_a_row: AtomicU32::new(0),
            refused: AtomicU64::new(0),
            options,
            clock,
        }
    }

    /// Lets a call through, or refuses it.
    ///
    /// # Errors
    /// [`Refused`]: it is open, or half-open with all its probes on their way.
    #[inline]
    pub fn allow(&self) -> Result<Permit<'_>, Refused> {
        // Acquire: whoever sees that it is closed sees that its counts were cleared.
        let gate = self.gate.load(Ordering::Acquire);
        if state(gate) == State::Closed { Ok(self.permit(gate, None)) } else { self.probe() }
    }

    /// What it was made with.
    #[must_use]
    pub fn options(&self) -> &BreakerOptions {
        &self.options
    }

    /// Lets calls through again, and forgets all that there were; the change of state that this was.
    pub fn reset(&self) -> Option<Moved> {
        let now = self.clock.precise();
        self.close(&mut self.inner.lock(), now)
    }

    /// Refuses calls as if one too many had failed; the change of state that this was. If it is open it stays so for longer.
    pub fn trip(&self) -> Option<Moved> {
        let now = self.clock.precise();
        self.open(&mut self.inner.lock(), now)
    }

    /// The permit of a call that was laid aside.
    pub fn resume(&self, aside: Aside) -> Permit<'_> {
        let Aside { gate, began } = aside;
        Permit { breaker: self, gate, began, moved: None, is_told: false }
    }

    /// Whether what comes of a call matters still: the state has not changed since.
    #[must_use]
    pub fn awaits(&self, aside: &Aside) -> bool {
        aside.gate == self.gate.load(Ordering::Acquire)
    }

    /// A permit for a call of which it is not known any more when it began, as if that was now; None if no calls are let through.
    #[must_use]
    pub fn assume(&self) -> Option<Permit<'_>> {
        let gate = self.gate.load(Ordering::Acquire);
        (state(gate) != State::Open).then(|| self.permit(gate, None))
    }

    fn permit(&self, gate: u64, moved: Option<Moved>) -> Permit<'_> {
        Permit { breaker: self, gate, began: self.clock.coarse(), moved, is_told: false }
    }

    #[cold]
    fn probe(&self) -> Result<Permit<'_>, Refused> {
        let now = self.clock.precise();
        let mut inner = self.inner.lock();
        let mut moved = None;
        match self.state() {
            State::Closed => {}
            State::HalfOpen if inner.probes > 0 => self.take_probe(&mut inner, now),
            // Probes of which nothing was heard for as long as it was open are made again.
            State::Open | State::HalfOpen if now >= inner.until => {
                moved = self.half_open(&mut inner, now);
                self.take_probe(&mut inner, now);
            }
            State::Open | State::HalfOpen => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(Refused { retry_in: clock::duration(inner.until - now) });
            }
        }
        Ok(self.permit(self.gate.load(Ordering::Relaxed), moved))
    }

    fn half_open(&self, inner: &mut Inner, now: Tick) -> Option<Moved> {
        inner.probes = self.options.probes.max(1);
        inner.succeeded = 0;
        self.change(inner, State::HalfOpen, now)
    }

    fn take_probe(&self, inner: &mut Inner, now: Tick) {
        inner.probes -= 1;
        inner.until = now + ticks(self.options.open);
    }

    fn open(&self, inner: &mut Inner, now: Tick) -> Option<Moved> {
        let grown = self.options.open.saturating_mul(1_u32.checked_shl(inner.streak).unwrap_or(u32::MAX));
        inner.streak = (inner.streak + 1).min(u32::BITS);
        inner.opened += 1;
        let part = (inner.opened as u32) ^ std::process::id();
        inner.until = now + self.jitter.shorten(ticks(grown.min(self.options.most_open)), part).max(1);
        self.change(inner, State::Open, now)
    }

    fn close(&self, inner: &mut Inner, now: Tick) -> Option<Moved> {
        inner.streak = 0;
        self.window.clear();
        self.in_a_row.store(0, Ordering::Relaxed);
        self.change(inner, State::Closed, now)
    }

    /// Changes the state, after which permits from before it say nothing any more.
    fn change(&self, inner: &mut Inner, to: State, now: Tick) -> Option<Moved> {
        let gate = self.gate.load(Ordering::Relaxed);
        if state(gate) != to {
            inner.changed = now;
        }
        self.gate.store(((gate >> STATE_BITS) + 1) << STATE_BITS | to as u64, Ordering::Release);
        (state(gate) != to).then_some(Moved { from: state(gate), to })
    }

    /// What it does with calls.
    #[must_use]
    pub fn state(&self) -> State {
        state(self.gate.load(Ordering::Acquire))
    }

    /// What there is to know of it.
    #[must_use]
    pub fn stats(&self) -> BreakerStats {
        let inner = self.inner.lock();
        let now = self.clock.precise();
        let calls = self.window.calls(now);
        BreakerStats {
            state: self.state(),
            for_so_long: clock::duration(now.saturating_sub(inner.changed)),
            opened: inner.opened,
            refused: self.refused.load(Ordering::Relaxed),
            calls: calls.all,
            failed: calls.failed,
            in_a_row: self.in_a_row.load(Ordering::Relaxed),
        }
    }

    #[inline]
    fn succeeded(&self, gate: u64) -> Option<Moved> {
        if gate != self.gate.load(Ordering::Acquire) {
            return None;
        }
        if state(gate) != State::Closed {
            return self.probe_succeeded(gate);
        }
        self.window.count(self.clock.coarse(), false);
        if self.in_a_row.load(Ordering::Relaxed) != 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
        None
    }

    #[cold]
    fn probe_succeeded(&self, gate: u64) -> Option<Moved> {
        let mut inner = self.inner.lock();
        if gate != self.gate.load(Ordering::Relaxed) {
            return None;
        }
        inner.succeeded += 1;
        if inner.succeeded < self.options.probes {
            return None;
        }
        self.close(&mut inner, self.clock.precise())
    }

    #[cold]
    fn failed(&self, gate: u64) -> Option<Moved> {
        let now = self.clock.precise();
        let mut inner = self.inner.lock();
        if gate != self.gate.load(Ordering::Relaxed) {
            return None;
        }
        if state(gate) == State::Closed {
            self.window.count(now, true);
            let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            let calls = self.window.calls(now);
            let is_judged = calls.all >= u64::from(self.options.least_calls);
            let is_bad = is_judged && calls.failed as f64 >= self.options.rate * calls.all as f64;
            if in_a_row < self.options.failures && !is_bad {
                return None;
            }
        }
        self.open(&mut inner, now)
    }

    #[cold]
    fn cancelled(&self, gate: u64) {
        let mut inner = self.inner.lock();
        if gate == self.gate.load(Ordering::Relaxed) && state(gate) == State::HalfOpen {
            inner.probes += 1;
        }
    }
}

fn state(gate: u64) -> State {
    match gate & ((1 << STATE_BITS) - 1) {
        0 => State::Closed,
        1 => State::Open,
        _ => State::HalfOpen,
    }
}

/// The right to make one call, and to tell what came of it. Dropped without that, the call was cancelled: it counts as neither, and another
/// may probe instead.
#[derive(Debug)]
#[must_use = "a call ends with `succeeded` or `failed`"]
pub struct Permit<'a> {
    breaker: &'a Breaker,
    gate: u64,
    began: Tick,
    moved: Option<Moved>,
    is_told: bool,
}

impl Permit<'_> {
    /// The change of state that letting this call through was.
    #[must_use]
    pub fn moved(&self) -> Option<Moved> {
        self.moved
    }

    /// Whether it is one of the few while the breaker is half-open.
    #[inline]
    #[must_use]
    pub fn is_probe(&self) -> bool {
        state(self.gate) != State::Closed
    }

    /// Lays it aside, for who keeps the breaker elsewhere. What comes of the call is told to [`Breaker::resume`].
    #[inline]
    pub fn lay_aside(mut self) -> Aside {
        self.is_told = true;
        Aside { gate: self.gate, began: self.began }
    }

    /// The call succeeded, or failed if it was slow; the change of state that this was.
    #[inline]
    pub fn succeeded(mut self) -> Option<Moved> {
        self.is_told = true;
        if self.is_slow() { self.breaker.failed(self.gate) } else { self.breaker.succeeded(self.gate) }
    }

    /// The call failed; the change of state that this was.
    pub fn failed(mut self) -> Option<Moved> {
        self.is_told = true;
        self.breaker.failed(self.gate)
    }

    fn is_slow(&self) -> bool {
        let took = || self.breaker.clock.coarse().saturating_sub(self.began);
        self.breaker.options.slow.is_some_and(|slow| took() >= ticks(slow))
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_told && self.is_probe() {
            self.breaker.cancelled(self.gate);
        }
    }
}

/// A permit without its breaker.
#[derive(Debug)]
#[must_use = "a probe that is laid aside for ever is not made again for a while"]
pub struct Aside {
    gate: u64,
    began: Tick,
}

impl Aside {
    /// Whether it is one of the few while the breaker is half-open.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        state(self.gate) != State::Closed
    }
}

#[cfg(test)]
#[path = "tests/breaker.rs"]
mod tests;
