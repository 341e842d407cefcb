//! What loads returned and callers gave, stored in a tier.

use std::sync::Arc;

use hotset::codec::Header;
use hotset::expiry::Lifespan;
use hotset::flight::Ticket;
use hotset::memory::{Condition, Details, Freshness, Owner};
use hotset::stack::{Address, Given, Offered};
use hotset::stats::Cause;
use hotset::tier::{Fault, Judgement, Mark, Number};
use pyo3::prelude::*;

use crate::ffi::live::Live;
use crate::ffi::object::Object;
use crate::key::lookup_key::LookupKey;
use crate::key::probe::Probe;
use crate::missing;
use crate::state::CacheState;
use crate::state::behind::{ChangeBehind, Filled, Pulled, StoreBehind};
use crate::tier::behind::TierBehind;
use crate::tier::behind::copied::Copied;
use crate::tier::codec::Encoded;
use crate::tier::spelling::Spelled;
use crate::tier::wall::Now;

/// How often a value is read and exchanged anew when others are quicker.
const MOST_EXCHANGES: usize = 64;

/// Makes a change of the tier; what it came to, and what the memory's moves are afterwards if there was no other meanwhile.
///
/// A move is noted before and after: so what was read before, or while the change was made, is kept neither by who reads nor by another
/// who changes.
pub(super) fn changing<T>(state: &CacheState, change: impl FnOnce() -> T) -> (T, u64) {
    let before = state.memory().note_move();
    let made = change();
    state.memory().note_move();
    (made, before + 1)
}

/// An entry that is about to be offered to a tier.
struct Prepared {
    encoded: Encoded,
    spelled: Spelled,
    header: Header,
}

impl Prepared {
    fn offered<'a>(&'a self, tags: &'a [Mark]) -> (Address<'a>, Offered<'a>) {
        let at = Address { key: &self.spelled.bytes, marks: &self.spelled.marks };
        (at, Offered { payload: &self.encoded.bytes, header: &self.header, tags })
    }
}

impl TierBehind {
    fn header(&self, details: &Details, spelled: &Spelled, now: Now, codec: u8) -> Header {
        let lifespan = &details.lifespan;
        let hash = spelled.marks[0].bits() as u32;
        let ttl = self.jitter.shorten(lifespan.ttl, hash);
        let bounded = ttl.min(self.settings.max_life);
        let (fresh_until, gone_at) = now.ends(bounded, lifespan.grace);
        let tags = details.tags.iter().map(|tag| Box::from(&**tag)).collect();
        let (load_nanos, errors) = (details.nanos, details.failures);
        Header { created: now.millis, fresh_until, gone_at, load_nanos, errors, codec, tags }
    }

    /// How many errors in a row loads of a key have ended with, here or elsewhere.
    fn errors_before(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &mut Probe<'_>,
        spelled: &Spelled,
    ) -> PyResult<u8> {
        let hash = probe.tag().hash();
        let here = probe.settle_read(py, |probe| state.memory().failures(hash, probe))?;
        let (_, there) = self.raw(py, state, probe.tag().owner(), spelled)?;
        Ok(here.max(there.map_or(0, |pulled| pulled.details.failures)))
    }

    /// As a fill, of which others hear.
    fn publish(
        &self,
        py: Python<'_>,
        state: &CacheState,
        at: Address<'_>,
        offered: Offered<'_>,
        fence: Number,
        details: &mut Details,
    ) -> Result<bool, Fault> {
        let marks: Vec<Mark> = at.marks.iter().chain(offered.tags).copied().collect();
        for _ in 0..MOST_EXCHANGES {
            let (stored, moves) = changing(state, || {
                self.call(py, |wait| {
                    let mut there = None;
                    self.back.get(at.key, wait, &mut |bytes| there = Some(bytes.to_vec()))?;
                    self.back.set(at, offered, Some((there.as_deref(), fence)), wait)
                })
            });
            details.moves = Some(moves);
            if let Some(Given { numbers, fault }) = stored? {
                self.note_own(&numbers);
                return fault.map_or(Ok(true), Err);
            }
            if self.call(py, |wait| self.back.judge(fence, &marks, wait))? != Judgement::Valid {
                break;
            }
        }
        Ok(false)
    }

    /// Whether nothing has changed since the clock was this that concerns a result which only memory can keep.
    fn is_still_good(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &Probe<'_>,
        fence: Number,
        tags: &[Arc<str>],
    ) -> PyResult<bool> {
        let spelled = self.spell(py, state, probe)?;
        let marks: Vec<Mark> = spelled.marks.iter().copied().chain(self.tag_marks(tags)).collect();
        match self.call(py, |wait| self.back.judge(fence, &marks, wait)) {
            Ok(judgement) => Ok(judgement == Judgement::Valid),
            Err(fault) => self.failed(py, state, "tell its clock", &fault).map(|()| true),
        }
    }

    /// The clock, before what is there is read that is to be replaced.
    fn fence(&self, py: Python<'_>, state: &CacheState) -> PyResult<Number> {
        match self.call(py, |wait| self.back.clock(wait)) {
            Ok(clock) => Ok(clock),
            Err(fault) => self.failed(py, state, "tell its clock", &fault).map(|()| 0),
        }
    }

    /// While the tier is away nobody hears of changes elsewhere: what is kept in memory is good for a short time.
    fn shorten_for_outage(&self, details: &mut Details) {
        if !details.is_error && self.settings.outage_ttl < details.lifespan.ttl {
            details.lifespan.ttl = self.settings.outage_ttl;
        }
    }

    /// Where nobody tells of changes, what is kept in memory is good for as long as was said.
    fn shorten_for_memory(&self, details: &mut Details) {
        if self.settings.memory_ttl < details.lifespan.ttl {
            details.lifespan = Lifespan { ttl: self.settings.memory_ttl, grace: 0, ..details.lifespan };
        }
    }

    /// The bytes that are stored under a key, and what they are.
    fn raw(
        &self,
        py: Python<'_>,
        state: &CacheState,
        owner: Owner,
        spelled: &Spelled,
    ) -> PyResult<(Option<Vec<u8>>, Option<Pulled>)> {
        let read = self.call(py, |wait| {
            let mut copied = None;
            self.back.get(&spelled.bytes, wait, &mut |stored| copied = Some(Copied::of(stored, &self.back)))?;
            Ok(copied)
        });
        match read {
            Ok(None) => Ok((None, None)),
            Ok(Some(copied)) => {
                let bytes = copied.envelope().to_vec();
                Ok((Some(bytes), self.opened(py, state, owner, spelled, copied)?))
            }
            Err(fault) => self.failed(py, state, "read", &fault).map(|()| (None, None)),
        }
    }

    /// Stores in the tier what a caller gave; false if something else is there than was expected.
    #[expect(clippy::too_many_arguments, reason = "all of them are of one entry")]
    fn put(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        spelled: &Spelled,
        encoded: &Encoded,
        header: &Header,
        details: &mut Details,
        expected: Option<(Option<&[u8]>, Number)>,
    ) -> PyResult<bool> {
        let tags = self.tag_marks(&details.tags);
        let at = Address { key: &spelled.bytes, marks: &spelled.marks };
        let offered = Offered { payload: &encoded.bytes, header, tags: &tags };
        let (stored, moves) = changing(state, || self.call(py, |wait| self.back.set(at, offered, expected, wait)));
        details.moves = Some(moves);
        match stored.transpose() {
            None => Ok(false),
            Some(stored) => self.given(py, state, stored, details).map(|()| true),
        }
    }

    /// What has become of what a caller gave, and so of what memory keeps of it.
    fn given(
        &self,
        py: Python<'_>,
        state: &CacheState,
        given: Result<Given, Fault>,
        details: &mut Details,
    ) -> PyResult<()> {
        let Given { numbers, fault } = given.unwrap_or_else(|fault| Given { numbers: Vec::new(), fault: Some(fault) });
        self.note_own(&numbers);
        self.notice_eviction(py, state);
        if numbers.is_empty() && fault.is_some() {
            self.shorten_for_outage(details);
        } else {
            self.shorten_for_memory(details);
        }
        fault.map_or(Ok(()), |fault| self.failed(py, state, "store", &fault))
    }
}

impl StoreBehind for TierBehind {
    fn begin(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &Probe<'_>,
        ticket: &Ticket,
        tells: bool,
    ) -> PyResult<()> {
        let spelled = self.spell(py, state, probe)?;
        let flights = state.store.flights();
        let known = flights.note(ticket, |began| {
            (began.mark, began.tells) = (spelled.marks[0].part(), tells);
            began.tags.clone()
        });
        if let Some(Some(tags)) = known {
            self.learn_tags(state, &tags);
        }
        match self.call(py, |wait| self.back.clock(wait)) {
            Ok(clock) => drop(flights.note(ticket, |began| began.fence = Some(clock))),
            Err(fault) => self.failed(py, state, "tell its clock", &fault)?,
        }
        Ok(())
    }

    fn fill(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &mut Probe<'_>,
        ticket: &Ticket,
        value: &Object,
        details: &mut Details,
    ) -> PyResult<Filled> {
        details.moves = Some(state.memory().moves());
        let noted = state.store.flights().note(ticket, |began| (began.mark, began.fence, began.tells));
        let (mark, fence, tells) = noted.unwrap_or_default();
        details.mark = mark;
        self.learn_tags(state, &details.tags);
        let Some(fence) = fence else {
            self.shorten_for_outage(details);
            return Ok(Filled::There);
        };
        let owner = probe.tag().owner();
        let codec = if details.is_error { self.settings.errors.clone() } else { self.codec(owner) };
        let encoded = match codec.encode(py, &value.bind(py)) {
            Ok(encoded) => encoded,
            Err(error) if self.settings.strict && !details.is_error => return Err(error),
            Err(error) => {
                state.log_unencodable(py, owner, &error);
                let is_good = self.is_still_good(py, state, probe, fence, &details.tags)?;
                return Ok(if is_good { Filled::There } else { Filled::Overtaken });
            }
        };
        let spelled = self.spell(py, state, probe)?;
        if details.is_error {
            details.count_error(self.errors_before(py, state, probe, &spelled)?);
        }
        let header = self.header(details, &spelled, self.wall.now(), encoded.codec);
        let tags = self.tag_marks(&details.tags);
        let at = Address { key: &spelled.bytes, marks: &spelled.marks };
        let offered = Offered { payload: &encoded.bytes, header: &header, tags: &tags };
        let filled = if tells {
            self.publish(py, state, at, offered, fence, details)
        } else {
            self.call(py, |wait| self.back.fill(at, offered, fence, wait))
        };
        match filled {
            Ok(true) => {
                self.notice_eviction(py, state);
                self.shorten_for_memory(details);
                Ok(Filled::There)
            }
            Ok(false) => Ok(Filled::Overtaken),
            Err(fault) => {
                self.failed(py, state, "store", &fault)?;
                if matches!(fault, Fault::Away(_) | Fault::Closed) {
                    self.shorten_for_outage(details);
                }
                Ok(Filled::There)
            }
        }
    }

    fn set(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &mut Probe<'_>,
        value: &Object,
        details: &mut Details,
        condition: &Condition<'_, Object>,
    ) -> PyResult<bool> {
        let encoded = self.codec(probe.tag().owner()).encode(py, &value.bind(py))?;
        let spelled = self.spell(py, state, probe)?;
        details.mark = spelled.marks[0].part();
        self.learn_tags(state, &details.tags);
        for _ in 0..MOST_EXCHANGES {
            let fence = if matches!(condition, Condition::Always) { None } else { Some(self.fence(py, state)?) };
            let present = fence.map(|_| self.raw(py, state, probe.tag().owner(), &spelled)).transpose()?;
            let mut header = self.header(details, &spelled, self.wall.now(), encoded.codec);
            if let Some((bytes, pulled)) = &present {
                let fresh = pulled.as_ref().filter(|pulled| pulled.freshness == Freshness::Fresh);
                let holds = match condition {
                    Condition::Always => true,
                    Condition::IfAbsent => fresh.is_none(),
                    Condition::IfPresent => fresh.is_some(),
                    Condition::IfValue(same) => fresh.is_some_and(|pulled| same(&pulled.value)),
                };
                if !holds {
                    return Ok(false);
                }
                if let (Condition::IfValue(_), Some(pulled), Some(bytes)) = (condition, fresh, bytes) {
                    let at = Address { key: &spelled.bytes, marks: &spelled.marks };
                    let was = self.back.header(at, bytes);
                    header = was.map_or(header.clone(), |was| Header { codec: header.codec, ..was });
                    *details = pulled.details.clone();
                    self.learn_tags(state, &details.tags);
                }
            }
            let expected = present.as_ref().map(|(bytes, _)| bytes.as_deref()).zip(fence);
            if self.put(py, state, &spelled, &encoded, &header, details, expected)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn set_many(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        entries: &[(&LookupKey, Object)],
        details: &Details,
    ) -> PyResult<Vec<Details>> {
        let now = self.wall.now();
        self.learn_tags(state, &details.tags);
        let tags = self.tag_marks(&details.tags);
        let mut prepared = Vec::with_capacity(entries.len());
        for (lookup_key, value) in entries {
            missing::refuse(Live::of(value))?;
            let encoded = self.codec(lookup_key.tag.owner()).encode(py, &value.bind(py))?;
            let spelled = self.spell(py, state, &lookup_key.probe())?;
            let header = self.header(details, &spelled, now, encoded.codec);
            prepared.push(Prepared { encoded, spelled, header });
        }
        let offered: Vec<_> = prepared.iter().map(|entry| entry.offered(&tags)).collect();
        let (stored, moves) = changing(state, || self.call(py, |wait| self.back.set_many(&offered, wait)));
        let mut details = Details { moves: Some(moves), ..details.clone() };
        self.given(py, state, stored, &mut details)?;
        let marked = |entry: &Prepared| Details { mark: entry.spelled.marks[0].part(), ..details.clone() };
        Ok(prepared.iter().map(marked).collect())
    }

    fn take(&self, py: Python<'_>, state: &Arc<CacheState>, probe: &Probe<'_>) -> PyResult<Option<Object>> {
        let spelled = self.spell(py, state, probe)?;
        for _ in 0..MOST_EXCHANGES {
            let fence = self.fence(py, state)?;
            let (bytes, pulled) = self.raw(py, state, probe.tag().owner(), &spelled)?;
            let Some(mut pulled) = pulled.filter(|pulled| pulled.freshness == Freshness::Fresh) else { break };
            // What is over already takes its place.
            let (now, nothing) = (self.wall.now().millis, Encoded { bytes: Vec::new(), codec: 0 });
            let over = Header {
                created: now,
                fresh_until: now,
                gone_at: now,
                load_nanos: 0,
                errors: 0,
                codec: 0,
                tags: Vec::new(),
            };
            let expected = Some((bytes.as_deref(), fence));
            if self.put(py, state, &spelled, &nothing, &over, &mut pulled.details, expected)? {
                return state.kept(py, pulled.value).map(Some);
            }
        }
        self.change_key(py, state, probe, false).map(|()| None)
    }

    fn touch(
        &self,
        py: Python<'_>,
        state: &Arc<CacheState>,
        probe: &mut Probe<'_>,
        changed: &dyn Fn(Lifespan) -> PyResult<Lifespan>,
    ) -> PyResult<bool> {
        let spelled = self.spell(py, state, probe)?;
        for _ in 0..MOST_EXCHANGES {
            let fence = self.fence(py, state)?;
            let (bytes, Some(pulled)) = self.raw(py, state, probe.tag().owner(), &spelled)? else { return Ok(false) };
            if pulled.freshness != Freshness::Fresh {
                return Ok(false);
            }
            let lifespan = changed(pulled.details.lifespan)?;
            let mut details = Details { lifespan, deadlines: None, ..pulled.details };
            let encoded = self.codec(probe.tag().owner()).encode(py, &pulled.value.bind(py))?;
            let header = self.header(&details, &spelled, self.wall.now(), encoded.codec);
            if self.put(py, state, &spelled, &encoded, &header, &mut details, Some((bytes.as_deref(), fence)))? {
                let tag = probe.tag();
                let left = probe.settle(py, |probe| state.store.remove(tag.hash(), probe, Cause::Replaced))?;
                state.finish(py, left);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_same(&self, py: Python<'_>, one: &Object, other: &Object) -> bool {
        let bytes = |value: &Object| self.settings.codec.encode(py, &value.bind(py)).map(|encoded| encoded.bytes);
        matches!((bytes(one), bytes(other)), (Ok(one), Ok(other)) if one == other)
    }
}
