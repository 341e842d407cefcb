//! The fuzz targets on stable Rust: replays `fuzz/corpus`, then changes what is in it for a while.
//!
//! - `HOTSET_FUZZ_SECONDS`: for how long, 2 by default.
//! - `HOTSET_FUZZ_SEED`: another number makes other changes.
//! - `HOTSET_FUZZ_KEEP=1`: the corpus becomes the few inputs that meet most of what was met.
//!
//! An input that fails is made shorter and written to `fuzz/artifacts`. Once mended, it belongs into the corpus.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::any::Any;
use std::cell::Cell;
use std::collections::HashSet;
use std::env;
use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant};

use hotset::policy::generator::Generator;
use hotset::{clock, codec, expiry, hash, memory, policy, progress, stats, sync, trace};

#[path = "../../fuzz/payload.rs"]
mod payload;
#[path = "../../src/memory/tests/program/mod.rs"]
mod program;
#[path = "../../fuzz/requests.rs"]
mod requests;
#[path = "../../fuzz/sealed.rs"]
mod sealed;
#[path = "../../fuzz/text.rs"]
mod text;

type Features = HashSet<u64>;

/// The most inputs that a target's corpus keeps.
const MOST_KEPT: usize = 40;
const DEFAULT_SECONDS: u64 = 2;
const DEFAULT_SEED: u64 = 1;
/// The most changes that are made to an input at once.
const MOST_CHANGES: usize = 6;

/// An input, and what it meets.
struct Input {
    bytes: Vec<u8>,
    features: Features,
}

/// What is fuzzed.
struct Target {
    name: &'static str,
    run: fn(&[u8]) -> Features,
    /// Bytes that belong together.
    unit: usize,
    /// Bytes of the longest input.
    longest: usize,
    /// What is worth putting in.
    words: &'static [&'static str],
}

const MEMORY: Target =
    Target { name: "memory", run: |bytes| program::Program::decode(bytes).run(), unit: 6, longest: 1_800, words: &[] };

const DURATION: Target = Target {
    name: "duration",
    run: text::parse_beside_a_model,
    unit: 1,
    longest: 80,
    words: &["w", "d", "h", "m", "s", "ms", "us", " ", ".", "0", "1", "30", "999999999", "1h30m", "\u{a0}", "-", "e5"],
};

const TRACE: Target = Target {
    name: "trace",
    run: requests::read_in_every_format,
    unit: 1,
    longest: 600,
    words: &[
        "\n",
        "key",
        "time,key\n",
        ",",
        "\"",
        "\\",
        "a\nb\na\n",
        "192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] \"GET /a HTTP/1.1\" 200 1\n",
        "] \"POST /b HTTP/1.1\"",
        "1339518083.107412 [0 192.0.2.1:60866] \"GET\" \"a\"\n",
        "1.1 [1 lua] \"mget\" \"a\" \"b\\\"\"\n",
        "\u{feff}",
        "12345678",
    ],
};

const ENVELOPE: Target = Target {
    name: "envelope",
    run: sealed::open_in_every_format,
    unit: 1,
    longest: 600,
    words: &["\0", "\0\0\0\0", "\u{1}\0", "\u{3}\0tag", "\u{1}\0\u{1}\0", "\0\0\u{1}\0"],
};

const VALUE: Target = Target {
    name: "value",
    run: payload::walk_and_write_anew,
    unit: 1,
    longest: 600,
    words: &["\u{1}", "\u{2}ab", "Hhot sets"],
};

#[test]
fn any_program_follows_the_model() {
    MEMORY.fuzz();
}

#[test]
fn any_text_is_a_duration_or_none() {
    DURATION.fuzz();
}

#[test]
fn any_bytes_are_a_trace_or_none() {
    TRACE.fuzz();
}

#[test]
fn any_bytes_are_an_envelope_or_none() {
    ENVELOPE.fuzz();
}

#[test]
fn any_bytes_are_a_value_or_none() {
    VALUE.fuzz();
}

impl Target {
    fn fuzz(&self) {
        let mut met = Features::new();
        let mut corpus: Vec<Input> = self.kept().into_iter().map(|bytes| self.attempt(bytes)).collect();
        corpus.iter().for_each(|input| met.extend(&input.features));
        let mut random = Generator::new(number("HOTSET_FUZZ_SEED", DEFAULT_SEED));
        let end = Instant::now() + Duration::from_secs(number("HOTSET_FUZZ_SECONDS", DEFAULT_SECONDS));
        while Instant::now() < end {
            let input = self.attempt(self.changed(&corpus, &mut random));
            if !input.features.is_subset(&met) {
                met.extend(&input.features);
                corpus.push(input);
            }
        }
        if env::var_os("HOTSET_FUZZ_KEEP").is_some() {
            self.keep(corpus);
        }
    }

    /// Runs an input; where it fails, so does the test, and says where a short one that fails is kept.
    fn attempt(&self, bytes: Vec<u8>) -> Input {
        match self.outcome(&bytes) {
            Ok(features) => Input { bytes, features },
            Err(_) => {
                let short = self.shortened(bytes);
                let message = self.outcome(&short).err().unwrap_or_default();
                let path = write(&self.folder("artifacts"), &short);
                panic!("{} fails on {}: {message}", self.name, path.display());
            }
        }
    }

    fn outcome(&self, bytes: &[u8]) -> Result<Features, String> {
        quietly(|| catch_unwind(AssertUnwindSafe(|| (self.run)(bytes)))).map_err(|panic| message(panic.as_ref()))
    }

    /// An input that still fails without anything that can be left out.
    fn shortened(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let mut size = bytes.len() / self.unit / 2;
        while size > 0 {
            let mut at = 0;
            while at < bytes.len() {
                let mut shorter = bytes.clone();
                shorter.drain(at..(at + size * self.unit).min(bytes.len()));
                match self.outcome(&shorter) {
                    Err(_) => bytes = shorter,
                    Ok(_) => at += size * self.unit,
                }
            }
            size /= 2;
        }
        bytes
    }

    /// An input of the corpus with a few changes.
    fn changed(&self, corpus: &[Input], random: &mut Generator) -> Vec<u8> {
        let any = |random: &mut Generator| corpus.get(random.below(corpus.len())).map_or(&[][..], |input| &input.bytes);
        let mut bytes = any(random).to_vec();
        for _ in 0..=random.below(MOST_CHANGES) {
            let other = any(random);
            self.change(&mut bytes, other, random);
        }
        bytes.truncate(self.longest);
        bytes
    }

    fn change(&self, bytes: &mut Vec<u8>, other: &[u8], random: &mut Generator) {
        let at = self.border(bytes.len(), random);
        match random.below(8) {
            0..3 => self.insert_noise(bytes, at, random),
            3 => _ = bytes.drain(at..self.border(bytes.len(), random).max(at)),
            4 => _ = bytes.splice(at.., other[self.border(other.len(), random)..].iter().copied()),
            5 if !self.words.is_empty() => _ = bytes.splice(at..at, self.words[random.below(self.words.len())].bytes()),
            _ if bytes.is_empty() => self.insert_noise(bytes, at, random),
            6 => bytes[random.below(at.max(1))] ^= 1 << random.below(8),
            _ => {
                let place = random.below(bytes.len());
                bytes[place] = random.draw() as u8;
            }
        }
    }

    fn insert_noise(&self, bytes: &mut Vec<u8>, at: usize, random: &mut Generator) {
        let count = self.unit * (1 + random.below(4));
        let noise: Vec<u8> = (0..count).map(|_| random.draw() as u8).collect();
        bytes.splice(at..at, noise);
    }

    /// A place where a unit begins, or the end.
    fn border(&self, length: usize, random: &mut Generator) -> usize {
        (random.below(length / self.unit + 1)) * self.unit
    }

    fn folder(&self, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name).join(self.name)
    }

    /// The inputs in the corpus, in an order that repeats.
    fn kept(&self) -> Vec<Vec<u8>> {
        let files = fs::read_dir(self.folder("corpus")).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
        files.sort();
        files.iter().map(|path| fs::read(path).unwrap()).collect()
    }

    /// Puts those inputs into the corpus that add most to what the others meet.
    fn keep(&self, mut inputs: Vec<Input>) {
        let folder = self.folder("corpus");
        fs::remove_dir_all(&folder).unwrap();
        let mut met = Features::new();
        for _ in 0..MOST_KEPT {
            let gain = |input: &Input| input.features.difference(&met).count();
            let best =
                (0..inputs.len()).max_by_key(|&place| (gain(&inputs[place]), usize::MAX - inputs[place].bytes.len()));
            let Some(best) = best.filter(|&place| gain(&inputs[place]) > 0) else { break };
            let best = inputs.swap_remove(best);
            met.extend(&best.features);
            write(&folder, &best.bytes);
        }
    }
}

/// Writes bytes into a folder, under a name that follows from them.
fn write(folder: &Path, bytes: &[u8]) -> PathBuf {
    let name = BuildHasherDefault::<DefaultHasher>::default().hash_one(bytes);
    let path = folder.join(format!("{name:016x}"));
    fs::create_dir_all(folder).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does something whose panics are expected, and not shown.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                shown(panic);
            }
        }));
    });
    QUIET.set(true);
    let done = work();
    QUIET.set(false);
    done
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
