//! Policies of several lists, against naive models that follow their papers: room is made before a key comes in, lists are vectors.

use proptest::collection::vec;
use proptest::prelude::*;

use super::simulated::Simulated;

/// A cache as a paper tells it.
trait Paper {
    fn new(capacity: usize) -> Self;
    /// Whether it was a hit, and who left.
    fn access(&mut self, key: u64) -> (bool, Option<u64>);
}

/// Takes the key out, if it is there.
fn take(keys: &mut Vec<u64>, key: u64) -> bool {
    let place = keys.iter().position(|&other| other == key);
    place.map(|place| keys.remove(place)).is_some()
}

/// Segmented LRU. In vectors here, the least recently used is the first.
struct Segmented {
    probation: Vec<u64>,
    protected: Vec<u64>,
    capacity: usize,
}

impl Paper for Segmented {
    fn new(capacity: usize) -> Self {
        Self { probation: Vec::new(), protected: Vec::new(), capacity }
    }

    fn access(&mut self, key: u64) -> (bool, Option<u64>) {
        if take(&mut self.protected, key) || take(&mut self.probation, key) {
            self.protected.push(key);
            if self.protected.len() > self.capacity * 80 / 100 {
                self.probation.push(self.protected.remove(0));
            }
            return (true, None);
        }
        let is_full = self.probation.len() + self.protected.len() == self.capacity;
        let emptier = if self.probation.is_empty() { &mut self.protected } else { &mut self.probation };
        let left = is_full.then(|| emptier.remove(0));
        self.probation.push(key);
        (false, left)
    }
}

/// ARC, in the letters of the paper.
struct AdaptiveReplacement {
    t1: Vec<u64>,
    t2: Vec<u64>,
    b1: Vec<u64>,
    b2: Vec<u64>,
    p: f64,
    c: usize,
}

impl AdaptiveReplacement {
    fn replace(&mut self, was_in_b2: bool) -> Option<u64> {
        if self.t1.len() + self.t2.len() < self.c {
            return None;
        }
        let t1 = self.t1.len() as f64;
        let from_t1 = t1 > 0.0 && (t1 > self.p || was_in_b2 && t1 == self.p);
        let (list, ghosts) = if from_t1 { (&mut self.t1, &mut self.b1) } else { (&mut self.t2, &mut self.b2) };
        let key = list.remove(0);
        ghosts.push(key);
        Some(key)
    }

    fn make_room(&mut self) -> Option<u64> {
        let known = self.t1.len() + self.t2.len() + self.b1.len() + self.b2.len();
        if self.t1.len() + self.b1.len() == self.c {
            if self.b1.is_empty() {
                return Some(self.t1.remove(0));
            }
            self.b1.remove(0);
        } else if known == 2 * self.c {
            self.b2.remove(0);
        }
        self.replace(false)
    }
}

impl Paper for AdaptiveReplacement {
    fn new(c: usize) -> Self {
        Self { t1: Vec::new(), t2: Vec::new(), b1: Vec::new(), b2: Vec::new(), p: 0.0, c }
    }

    fn access(&mut self, key: u64) -> (bool, Option<u64>) {
        if take(&mut self.t1, key) || take(&mut self.t2, key) {
            self.t2.push(key);
            return (true, None);
        }
        let (b1, b2) = (self.b1.len() as f64, self.b2.len() as f64);
        let (was_in_b1, was_in_b2) = (self.b1.contains(&key), self.b2.contains(&key));
        if was_in_b1 {
            self.p = (self.p + (b2 / b1).max(1.0)).min(self.c as f64);
        } else if was_in_b2 {
            self.p = (self.p - (b1 / b2).max(1.0)).max(0.0);
        } else {
            let left = self.make_room();
            self.t1.push(key);
            return (false, left);
        }
        let left = self.replace(was_in_b2);
        take(&mut self.b1, key);
        take(&mut self.b2, key);
        self.t2.push(key);
        (false, left)
    }
}

/// LIRS with its stack, the least recently used key first.
struct InterReference {
    stack: Vec<u64>,
    hot: Vec<u64>,
    queue: Vec<u64>,
    gone: Vec<u64>,
    capacity: usize,
}

impl InterReference {
    fn raise(&mut self, key: u64) {
        take(&mut self.stack, key);
        self.stack.push(key);
    }

    fn prune(&mut self) {
        while self.stack.first().is_some_and(|key| !self.hot.contains(key)) {
            self.stack.remove(0);
        }
    }

    /// Makes the key on top of the stack hot, and the one at its bottom cold if there are too many.
    fn heat(&mut self, key: u64) {
        self.hot.push(key);
        if self.hot.len() > self.capacity - 1 {
            let bottom = self.stack.remove(0);
            take(&mut self.hot, bottom);
            self.queue.push(bottom);
            self.prune();
        }
    }

    fn hit(&mut self, key: u64) -> bool {
        let was_in_stack = self.stack.contains(&key);
        let is_here = self.hot.contains(&key) || self.queue.contains(&key);
        if is_here {
            self.raise(key);
        }
        if take(&mut self.queue, key) {
            if was_in_stack { self.heat(key) } else { self.queue.push(key) }
        }
        self.prune();
        is_here
    }

    fn leave(&mut self, newcomer: u64) -> Option<u64> {
        if self.hot.len() + self.queue.len() <= self.capacity {
            return None;
        }
        let place = self.queue.iter().position(|&key| key != newcomer)?;
        let key = self.queue.remove(place);
        if self.stack.contains(&key) {
            self.gone.push(key);
        }
        while self.gone.len() > self.capacity {
            let forgotten = self.gone.remove(0);
            take(&mut self.stack, forgotten);
        }
        Some(key)
    }
}

impl Paper for InterReference {
    fn new(capacity: usize) -> Self {
        Self { stack: Vec::new(), hot: Vec::new(), queue: Vec::new(), gone: Vec::new(), capacity }
    }

    fn access(&mut self, key: u64) -> (bool, Option<u64>) {
        if self.hit(key) {
            return (true, None);
        }
        let was_in_stack = self.stack.contains(&key);
        take(&mut self.gone, key);
        self.raise(key);
        if was_in_stack || self.hot.len() < self.capacity - 1 {
            self.heat(key)
        } else {
            self.queue.push(key)
        }
        if !self.queue.contains(&key) || self.queue.len() > 1 {
            (false, self.leave(key))
        } else {
            (false, self.leave_hot())
        }
    }
}

impl InterReference {
    /// The queue holds nothing but the newcomer.
    fn leave_hot(&mut self) -> Option<u64> {
        if self.hot.len() + self.queue.len() <= self.capacity {
            return None;
        }
        let bottom = self.stack.remove(0);
        take(&mut self.hot, bottom);
        self.prune();
        Some(bottom)
    }
}

fn follow<P: Paper>(name: &str, capacity: u64, keys: Vec<u64>) {
    let (mut cache, mut paper) = (Simulated::new(name, capacity), P::new(capacity as usize));
    for key in keys {
        let hit = cache.get(key);
        let left = if hit { None } else { cache.insert(key, 1).first().copied() };
        assert_eq!((hit, left), paper.access(key), "{name} of {capacity} at {key}");
        cache.validate();
    }
}

/// Keys from so few that they come back, with runs in which they come in order.
fn keys() -> impl Strategy<Value = Vec<u64>> {
    let run = (0_u64..30, 1_u64..12).prop_map(|(first, length)| (first..first + length).collect());
    let single = (0_u64..16).prop_map(|key| vec![key]);
    vec(prop_oneof![3 => single, 1 => run], 0..200).prop_map(|parts: Vec<Vec<u64>>| parts.concat())
}

proptest! {
    #[test]
    fn slru_is_that_of_the_paper(keys in keys(), capacity in 1_u64..16) {
        follow::<Segmented>("slru", capacity, keys);
    }

    #[test]
    fn arc_is_that_of_the_paper(keys in keys(), capacity in 1_u64..16) {
        follow::<AdaptiveReplacement>("arc", capacity, keys);
    }

    #[test]
    fn lirs_is_that_of_the_paper(keys in keys(), capacity in 2_u64..16) {
        follow::<InterReference>("lirs", capacity, keys);
    }
}
