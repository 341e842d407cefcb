//! What processes that share a store agree through: a file beside it that all of them have mapped, and no lock.
//!
//! [`Shared`] holds the clock, the versions of marks, the log of changes and the leases. A change goes through whoever is stopped
//! where, and a process that is killed leaves nothing behind that others would have to wait for. The reasons are in
//! `docs/design/tiers.md`.

mod clock;
mod layout;
mod leases;
mod log;
mod region;
mod stale;
#[cfg(test)]
mod tests;
mod versions;
mod word;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

pub use layout::Sizes;

use self::clock::Clock;
use self::layout::{FORMAT, HEADER, MAGIC, at};
use self::leases::Leases;
use self::log::{Entry, Log};
use self::region::Region;
use self::stale::{Since, Stales};
use self::versions::{LAST_NUMBER, LINE, Versions};
use self::word::Word;
use crate::tier::{Fault, Heard, Judgement, Lease, Mark, Number, To, Watch};

/// Who may share the file, and what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The boot of the machine.
    pub boot: u128,
    /// The namespace of process ids.
    pub pid_ns: u64,
    /// The generation of the store: another number whenever that is rebuilt.
    pub store: u64,
}

const CLEAN: u64 = 1;
const RETIRED: u64 = 2;

/// Numbers that are left out when a file is adopted: more than can have been given and not have reached the disk, and more than
/// the log holds.
const SKIPPED: Number = 1 << 20;
/// Changes after which the tables have no more numbers, and the file is to be made anew.
const WORN_OUT: Number = LAST_NUMBER - 4 * SKIPPED;

/// What processes that share a store agree through.
#[derive(Debug)]
pub struct Shared {
    region: Region,
    sizes: Sizes,
    base: Number,
}

impl Shared {
    /// A new file in place of what is there, whose clock begins later than this and than that of what was there. Who has that one
    /// mapped finds that [`Shared::is_retired`]. Only for who is alone.
    ///
    /// # Errors
    /// [`Fault::Full`] if there is no room for all of it, [`Fault::Away`] if it cannot be made.
    pub fn create(path: &Path, sizes: Sizes, identity: Identity, after: Number) -> Result<Self, Fault> {
        let old = Self::attach(path).ok();
        let after = old.as_ref().map_or(after, |old| old.last().max(after));
        let draft = path.with_extension("new");
        let made = Self::draft(&draft, sizes, identity, after).and_then(|made| {
            fs::rename(&draft, path)?;
            Ok(made)
        });
        match made {
            Ok(made) => {
                old.inspect(Self::retire);
                Ok(made)
            }
            Err(error) => {
                _ = fs::remove_file(&draft);
                Err(refused(path, &error))
            }
        }
    }

    fn draft(path: &Path, sizes: Sizes, identity: Identity, after: Number) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let region = Region::create(path, sizes.words())?;
        let made = Self { region, sizes, base: clock::beginning().max(after + SKIPPED) };
        made.write_header(identity);
        Ok(made)
    }

    fn write_header(&self, identity: Identity) {
        let constants = [
            (at::FORMAT, FORMAT),
            (at::WORDS, self.sizes.words() as u64),
            (at::BUCKETS, self.sizes.buckets()),
            (at::BASE, self.base),
            (at::LAST, self.base),
        ];
        constants.iter().for_each(|&(place, value)| self.header(place).store(value, Relaxed));
        self.identify(identity);
        self.header(at::MAGIC).store(MAGIC, Release);
    }

    fn identify(&self, identity: Identity) {
        self.header(at::BOOT[0]).store(identity.boot as u64, Relaxed);
        self.header(at::BOOT[1]).store((identity.boot >> 64) as u64, Relaxed);
        self.header(at::PID_NS).store(identity.pid_ns, Relaxed);
        self.header(at::STORE).store(identity.store, Release);
    }

    /// The file that is there.
    ///
    /// # Errors
    /// [`Fault::Damaged`] if it is no such file, or of another version or length; [`Fault::Away`] if there is none, or it cannot be opened.
    pub fn attach(path: &Path) -> Result<Self, Fault> {
        let damaged = |reason: String| Fault::Damaged(format!("{} {reason}", path.display()));
        let region = Region::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("is empty".to_owned()),
            _ => refused(path, &error),
        })?;
        let sizes = check(region.words()).map_err(damaged)?;
        let base = region.words()[at::BASE].load(Relaxed);
        Ok(Self { region, sizes, base })
    }

    /// Takes over what others have left: says whose it is now, ends all leases, and leaves out numbers that may have been given. Only
    /// for who is alone.
    pub fn adopt(&self, identity: Identity) {
        self.identify(identity);
        self.leases().forget();
        self.header(at::SETTING).store(0, Relaxed);
        self.header(at::LAST).raise(self.last() + SKIPPED);
        self.retire_if_worn_out(self.last());
    }

    /// Whose it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let word = |place: usize| self.header(place).load(Acquire);
        let boot = u128::from(word(at::BOOT[1])) << 64 | u128::from(word(at::BOOT[0]));
        Identity { boot, pid_ns: word(at::PID_NS), store: word(at::STORE) }
    }

    /// Whether whoever had it last came to an orderly end.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.has(CLEAN)
    }

    /// Notes an orderly end, or that it is in use.
    pub fn set_clean(&self, clean: bool) {
        let flags = self.header(at::FLAGS);
        if clean { flags.set_bits(CLEAN) } else { flags.clear_bits(CLEAN) }
    }

    /// Makes all who have it mapped look for another: from now on nothing is valid by it.
    pub fn retire(&self) {
        self.header(at::FLAGS).set_bits(RETIRED);
        self.log().publish(Entry::Everything, |_| {});
    }

    /// Whether it belongs to a store that was rebuilt, or has no more numbers: to be looked at when [`Heard::Lost`] was heard, and
    /// opened again.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.has(RETIRED)
    }

    fn has(&self, flag: u64) -> bool {
        self.header(at::FLAGS).load(Acquire) & flag != 0
    }

    /// Waits until all of it is on the disk.
    ///
    /// # Errors
    /// [`Fault::Away`].
    pub fn sync(&self) -> Result<(), Fault> {
        self.sync_words(0..self.sizes.words())
    }

    /// Waits until what has changed of a mark is on the disk, so that it is so after a loss of power.
    ///
    /// # Errors
    /// [`Fault::Away`].
    pub fn sync_change(&self, mark: Mark) -> Result<(), Fault> {
        let versions = self.sizes.versions().start + self.versions().place(mark);
        let stale = self.sizes.stale().start + self.stales().versions.place(mark);
        self.sync_words(0..HEADER)?;
        self.sync_words(versions..versions + LINE)?;
        self.sync_words(stale..stale + stale::BUCKET)
    }

    fn sync_words(&self, words: std::ops::Range<usize>) -> Result<(), Fault> {
        self.region.sync(words).map_err(|error| Fault::Away(format!("the shared memory could not be written: {error}")))
    }

    /// The number of the last change.
    #[must_use]
    pub fn last(&self) -> Number {
        self.log().last()
    }

    /// The clock, for a load that is about to begin.
    #[must_use]
    pub fn fence(&self) -> Number {
        self.clock().fence()
    }

    /// Makes a change, of which others hear; its number.
    pub fn change(&self, mark: Mark, to: To) -> Number {
        // Whoever hears of it finds the version raised.
        let number = self.log().publish(Entry::of(mark), |number| self.raise(mark, to, number));
        self.retire_if_worn_out(number);
        number
    }

    fn raise(&self, mark: Mark, to: To, number: Number) {
        let number = number - self.base;
        match to {
            To::Invalid => _ = self.versions().raise(mark, number),
            To::Stale(time) => self.stales().raise(mark, number, time),
        }
    }

    fn retire_if_worn_out(&self, number: Number) {
        if number - self.base > WORN_OUT && !self.is_retired() {
            self.retire();
        }
    }

    /// A `set` of one value or several begins: the clock that they are valid from. For who holds the store's write lock, until
    /// [`Shared::end_set`], also if nothing could be stored: then what was there is as it was, until it is [`Shared::change`]d.
    #[must_use]
    pub fn begin_set(&self) -> Number {
        self.clock().begin_set()
    }

    /// The value with this mark is stored and can be read; the number of this change.
    pub fn has_set(&self, clock: Number, mark: Mark) -> Number {
        self.raise(mark, To::Invalid, clock);
        self.log().publish(Entry::of(mark), |_| {})
    }

    /// All values of the `set` are stored: loads that begin from now on come after it.
    pub fn end_set(&self, clock: Number) {
        self.clock().end_set(clock);
        self.retire_if_worn_out(self.last());
    }

    /// To be called by whoever gets the store's write lock: ends the `set` of one who was killed while he had it.
    pub fn take_over(&self) {
        self.clock().end_left();
    }

    /// How something stands that is valid from this clock and has these marks.
    #[must_use]
    pub fn judge(&self, clock: Number, marks: &[Mark]) -> Judgement {
        let Some(number) = clock.checked_sub(self.base).filter(|_| clock <= self.last() && !self.is_retired()) else {
            return Judgement::Invalid;
        };
        if marks.iter().any(|&mark| self.versions().of(mark) > number) {
            return Judgement::Invalid;
        }
        let stales = marks.iter().map(|&mark| self.stales().since(number, mark));
        stales.fold(Judgement::Valid, |judged, since| match (judged, since) {
            (Judgement::Invalid, _) | (_, Since::Unknown) => Judgement::Invalid,
            (judged, Since::Never) => judged,
            (Judgement::Valid, Since::At(time)) => Judgement::Stale(time),
            (Judgement::Stale(first), Since::At(time)) => Judgement::Stale(first.min(time)),
        })
    }

    /// As [`crate::tier::Tier::lease`]. `now` is in milliseconds since the machine was started.
    #[must_use]
    pub fn lease(&self, mark: Mark, holder: u64, length: Duration, now: u64) -> Lease {
        self.leases().lease(mark, holder, length, now)
    }

    /// As [`crate::tier::Tier::release`].
    pub fn release(&self, mark: Mark, holder: u64) {
        self.leases().release(mark, holder);
    }

    fn header(&self, place: usize) -> &Word {
        &self.region.words()[place]
    }

    fn log(&self) -> Log<'_> {
        Log { base: self.base, last: self.header(at::LAST), slots: &self.region.words()[self.sizes.log()] }
    }

    fn clock(&self) -> Clock<'_> {
        Clock { log: self.log(), setting: self.header(at::SETTING) }
    }

    fn versions(&self) -> Versions<'_> {
        Versions { words: &self.region.words()[self.sizes.versions()] }
    }

    fn stales(&self) -> Stales<'_> {
        Stales::new(&self.region.words()[self.sizes.stale()])
    }

    fn leases(&self) -> Leases<'_> {
        Leases { words: &self.region.words()[self.sizes.leases()] }
    }
}

impl Watch for Shared {
    fn word(&self) -> &AtomicU64 {
        self.header(at::LAST).atomic()
    }

    fn changes(&self, after: Number, see: &mut dyn FnMut(Number, u64)) -> Heard {
        self.log().changes(after, see)
    }
}

/// What the tables of a file are like, or what is wrong with it.
fn check(words: &[Word]) -> Result<Sizes, String> {
    let word = |place: usize| words.get(place).map_or(0, |word| word.load(Acquire));
    if word(at::MAGIC) != MAGIC {
        return Err("does not begin as a file of hotset's shared memory does".to_owned());
    }
    if word(at::FORMAT) != FORMAT {
        return Err(format!("is of version {}, and this is version {FORMAT}", word(at::FORMAT)));
    }
    let sizes = Sizes::of_buckets(word(at::BUCKETS)).ok_or("says that it has tables of no size that there is")?;
    if words.len() != sizes.words() || word(at::WORDS) != sizes.words() as u64 {
        return Err(format!("has {} words, and should have {}", words.len(), sizes.words()));
    }
    if word(at::LAST) < word(at::BASE) {
        return Err("has a clock that is before its beginning".to_owned());
    }
    Ok(sizes)
}

fn refused(path: &Path, error: &io::Error) -> Fault {
    let reason = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::Full(reason),
        _ => Fault::Away(reason),
    }
}
