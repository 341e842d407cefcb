//! Any program, on a memory of every policy and beside a model of it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::program::{Config, Program, Step};
use crate::policy::NAMES;

/// Programs for each policy and number of shards.
const CASES: u32 = 200;
const LONGEST: usize = 120;
const MOST_SHRINKS: u32 = 4_000;

fn programs(policy: &'static str, shards: usize) -> impl Strategy<Value = Program> {
    let config = any::<[u8; 6]>().prop_map(move |record| Config { policy, shards, ..Config::decode(record) });
    let step = any::<[u8; 6]>().prop_map(Step::decode);
    (config, vec(step, 0..LONGEST)).prop_map(|(config, steps)| Program { config, steps })
}

fn follows_the_model(policy: &'static str, shards: usize) {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: CASES,
        max_shrink_iters: MOST_SHRINKS,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&programs(policy, shards), |program| {
        program.run();
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{policy}, {shards} shards: {error}"));
}

#[test]
fn one_shard_follows_the_model() {
    NAMES.iter().for_each(|policy| follows_the_model(policy, 1));
}

#[test]
fn four_shards_follow_the_model() {
    NAMES.iter().for_each(|policy| follows_the_model(policy, 4));
}
