//! Who waits for whom, in the whole process, so that a wait that could never end is not begun.
//!
//! A flight waits for another if code that is part of its load does, or if the thread does that runs its load or the event loop of
//! its load: a thread that waits holds up every task of its loop. A wait for a flight would close a circle if that flight waits,
//! through any number of others, for one that the waiting code is part of, or that needs the waiting thread.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use hotset::sync::Mutex;

use crate::ffi::attached_lock::AttachedLock;
use crate::flight::load_stack::Numbers;
use crate::promise::Promise;

static WAITS: LazyLock<Mutex<AttachedLock, Waits>> = LazyLock::new(Mutex::default);

/// For which flights threads and flights wait.
#[derive(Default)]
struct Waits {
    of_threads: HashMap<usize, Vec<Arc<Promise>>>,
    of_flights: HashMap<u64, Vec<Arc<Promise>>>,
}

/// A wait for a flight, until it is dropped.
pub(crate) struct WaitEdge {
    target: Arc<Promise>,
    enclosing: Numbers,
    thread: Option<usize>,
}

impl WaitEdge {
    /// Begins a wait by code that is part of these flights, and by its whole thread if it is one that blocks; `None` if that would
    /// close a circle.
    pub(crate) fn begin(target: &Arc<Promise>, enclosing: Numbers, thread: Option<usize>) -> Option<Self> {
        let mut waits = WAITS.lock();
        if waits.would_close(target, &enclosing, thread) {
            return None;
        }
        for &number in &enclosing {
            waits.of_flights.entry(number).or_default().push(target.clone());
        }
        if let Some(thread) = thread {
            waits.of_threads.entry(thread).or_default().push(target.clone());
        }
        drop(waits);
        Some(Self { target: target.clone(), enclosing, thread })
    }
}

impl Drop for WaitEdge {
    fn drop(&mut self) {
        let mut waits = WAITS.lock();
        for number in &self.enclosing {
            remove(&mut waits.of_flights, *number, &self.target);
        }
        if let Some(thread) = self.thread {
            remove(&mut waits.of_threads, thread, &self.target);
        }
    }
}

impl Waits {
    fn would_close(&self, target: &Arc<Promise>, enclosing: &[u64], thread: Option<usize>) -> bool {
        let mut ahead = vec![target];
        let mut seen = HashSet::new();
        while let Some(flight) = ahead.pop() {
            let needs = [flight.leader.thread, flight.leader.home];
            if enclosing.contains(&flight.number) || thread.is_some_and(|thread| needs.contains(&thread)) {
                return true;
            }
            if !seen.insert(flight.number) {
                continue;
            }
            let threads = needs.iter().filter(|&&thread| thread != 0).filter_map(|thread| self.of_threads.get(thread));
            ahead.extend(threads.chain(self.of_flights.get(&flight.number)).flatten());
        }
        false
    }
}

fn remove<K: std::hash::Hash + Eq>(waits: &mut HashMap<K, Vec<Arc<Promise>>>, of: K, target: &Arc<Promise>) {
    if let Some(targets) = waits.get_mut(&of) {
        if let Some(place) = targets.iter().position(|known| Arc::ptr_eq(known, target)) {
            targets.swap_remove(place);
        }
        if targets.is_empty() {
            waits.remove(&of);
        }
    }
}

/// Forgets every wait: in a forked child, whose parent's threads are gone.
pub(super) fn forget() {
    let waits = std::mem::take(&mut *WAITS.lock());
    // What they hold may be held by threads that are gone too; it is left to the parent.
    std::mem::forget(waits);
}
