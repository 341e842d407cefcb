//! The tree is the architecture: imports go downward only, and the core knows nothing of Python.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of a layer, and the layers that it stands on. Modules of one layer may import each other.
struct Layer {
    modules: &'static [&'static str],
    below: &'static [usize],
}

const LEAVES: usize = 0;
const DECISIONS: usize = 1;
const SIMULATION: usize = 2;
const MEMORY: usize = 3;
const FLIGHT: usize = 4;
const CODEC: usize = 5;
const TIER: usize = 6;

const LAYERS: [Layer; 8] = [
    Layer {
        modules: &["call_stack", "clock", "error", "fork", "hash", "progress", "size", "stats", "sync"],
        below: &[],
    },
    Layer { modules: &["policy", "expiry", "trace"], below: &[LEAVES] },
    Layer { modules: &["simulation"], below: &[LEAVES, DECISIONS] },
    Layer { modules: &["memory"], below: &[LEAVES, DECISIONS, SIMULATION] },
    Layer { modules: &["flight"], below: &[LEAVES, DECISIONS, SIMULATION, MEMORY] },
    Layer { modules: &["codec"], below: &[LEAVES] },
    Layer { modules: &["tier"], below: &[LEAVES, CODEC] },
    Layer { modules: &["stack"], below: &[LEAVES, DECISIONS, SIMULATION, MEMORY, FLIGHT, CODEC, TIER] },
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.modules.contains(&module))
}

fn may_import(from: &str, to: &str) -> bool {
    match (layer(from), layer(to)) {
        (Some(from), Some(to)) => from == to || LAYERS[from].below.contains(&to),
        _ => false,
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let here = files.into_iter().filter(|path| path.extension().is_some_and(|name| name == "rs"));
    here.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// The module of the crate's root that a file belongs to.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).unwrap();
    let first = inside.components().next().unwrap();
    Path::new(first.as_os_str()).file_stem().unwrap().to_string_lossy().into_owned()
}

/// Whether a file is compiled for tests only.
fn is_of_tests(file: &Path) -> bool {
    file.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

/// The text without comments: what stands behind two slashes.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The modules of the root that are named in code, behind the name of the crate.
fn imported(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for start in ["crate::", "hotset::"] {
        for (place, _) in code.match_indices(start) {
            let is_whole = !code[..place].ends_with(|before: char| before.is_alphanumeric() || "_$:".contains(before));
            if is_whole {
                found.extend(heads(&code[place + start.len()..]));
            }
        }
    }
    // Names that begin in upper case are what the root re-exports, for those outside.
    found.retain(|name| name.starts_with(char::is_lowercase));
    found
}

/// The first names of a path, of which there are several if it begins with braces.
fn heads(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let mut depth = 1;
    let mut parts = vec![String::new()];
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => parts.push(String::new()),
            _ if depth == 1 => parts.last_mut().unwrap().push(letter),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    parts.iter().map(|part| name(part.trim())).filter(|name| !name.is_empty()).collect()
}

fn name(path: &str) -> String {
    path.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

#[test]
fn imports_go_downward_only() {
    let mut climbing = Vec::new();
    for file in sources(&root().join("src")) {
        let from = module_of(&file);
        if from == "lib" {
            continue;
        }
        assert!(layer(&from).is_some(), "{} is in no layer: give it one here", file.display());
        let text = code(&fs::read_to_string(&file).unwrap());
        // A policy is tested in a simulated cache, which stands on it.
        let may = |to: &str| may_import(&from, to) || is_of_tests(&file) && to == "simulation";
        let upward = imported(&text).into_iter().filter(|to| !may(to));
        climbing.extend(upward.map(|to| format!("{} imports {to}", file.display())));
    }
    assert!(climbing.is_empty(), "{climbing:#?}");
}

#[test]
fn the_core_says_nothing_of_python() {
    let manifest = root().join("Cargo.toml");
    for file in sources(&root().join("src")).into_iter().chain([manifest]) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("pyo3"), "{} mentions the bindings", file.display());
    }
}

#[test]
fn an_import_is_seen_however_it_is_written() {
    let text = "use crate::memory::{self, Removals};\nuse crate::{clock, expiry::{Wheel, Jitter}, Error}; // crate::tier\n\
                let names = crate::policy::NAMES; use other_crate::flight; use hotset::{\n    stats,\n    sync::Mutex,\n};";
    let mut found = imported(&code(text));
    found.sort();
    assert_eq!(found, ["clock", "expiry", "memory", "policy", "stats", "sync"]);
}

#[test]
fn a_layer_stands_on_those_below_it() {
    assert!(may_import("memory", "simulation") && may_import("simulation", "policy") && may_import("policy", "expiry"));
    assert!(
        !may_import("policy", "simulation")
            && !may_import("memory", "flight")
            && !may_import("clock", "policy")
            && !may_import("tier", "memory")
    );
    let closed = |layer: &Layer| {
        layer.below.iter().all(|&below| LAYERS[below].below.iter().all(|deeper| layer.below.contains(deeper)))
    };
    assert!(LAYERS.iter().all(closed), "what is below a layer's foundation is below the layer");
}
