use super::*;
use proptest::prelude::*;

#[derive(Default)]
struct Timers {
    nodes: Vec<(Links, Tick)>,
}

impl Timers {
    fn add(&mut self, deadline: Tick) -> Slot {
        self.nodes.push((UNLINKED, deadline));
        self.nodes.len() as Slot - 1
    }
}

impl TimerLinks for Timers {
    fn timer(&self, slot: Slot) -> Links {
        self.nodes[slot as usize].0
    }
    fn set_timer(&mut self, slot: Slot, links: Links) {
        self.nodes[slot as usize].0 = links;
    }
    fn deadline(&self, slot: Slot) -> Tick {
        self.nodes[slot as usize].1
    }
}

/// Turns to `now` and returns what has expired; what has not goes back.
fn expire(wheel: &mut Wheel, timers: &mut Timers, now: Tick) -> Vec<Slot> {
    let mut expired = Vec::new();
    wheel.turn(timers, now);
    while let Some(slot) = wheel.pop_due(timers) {
        if timers.deadline(slot) <= now {
            expired.push(slot);
        } else {
            wheel.insert(timers, slot);
        }
    }
    expired.sort_unstable();
    expired
}

#[test]
fn nothing_is_lost_over_a_long_pause() {
    let mut timers = Timers::default();
    let mut wheel = Wheel::new(5);
    for shift in 0..47 {
        let slot = timers.add(5 + (1 << shift));
        wheel.insert(&mut timers, slot);
    }
    assert_eq!(expire(&mut wheel, &mut timers, 1 << 47).len(), 47);
    assert_eq!(wheel.wake(), NEVER);
}

#[test]
fn a_deadline_beyond_the_coarsest_wheel_is_kept() {
    let mut timers = Timers::default();
    let mut wheel = Wheel::new(0);
    let slot = timers.add(NEVER - 1);
    wheel.insert(&mut timers, slot);
    assert_eq!(expire(&mut wheel, &mut timers, 1 << 46), []);
    assert_eq!(wheel.validate(&timers), [slot]);
}

proptest! {
    /// Whatever is inserted, removed and passed: entries leave within one bucket of their deadline and never before it,
    /// and the wheel asks to be woken by then.
    #[test]
    fn entries_leave_in_time(steps in prop::collection::vec((0_u8..4, 0_u64..40, any::<u64>()), 1..200)) {
        let mut timers = Timers::default();
        let mut wheel = Wheel::new(0);
        let mut live: Vec<Slot> = Vec::new();
        let mut now = 0;
        for (action, magnitude, random) in steps {
            let distance = random % (1 << magnitude) + 1;
            match action {
                0 | 1 => {
                    let slot = timers.add(now + distance);
                    let due = wheel.insert(&mut timers, slot);
                    prop_assert!(wheel.wake() <= due);
                    live.push(slot);
                }
                2 if !live.is_empty() => {
                    let slot = live.swap_remove(random as usize % live.len());
                    wheel.remove(&mut timers, slot);
                }
                _ => {
                    now += distance;
                    let expired = expire(&mut wheel, &mut timers, now);
                    prop_assert!(expired.iter().all(|&slot| timers.deadline(slot) <= now));
                    live.retain(|slot| !expired.contains(slot));
                    let late = live.iter().filter(|&&slot| timers.deadline(slot) + (1 << FINEST) <= now).count();
                    prop_assert_eq!(late, 0, "entries were left behind");
                }
            }
            let mut inside = wheel.validate(&timers);
            inside.sort_unstable();
            live.sort_unstable();
            prop_assert_eq!(&inside, &live);
        }
    }
}
