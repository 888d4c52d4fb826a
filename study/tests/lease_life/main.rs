//! A model of leases under everything that may happen to them: several workers and trials, messages
//! that come late, twice, out of order or never, rungs and promotions, verdicts, operators, restarts,
//! and clocks that jump. What must hold is checked at every change, in `store.rs`.

mod store;
mod world;

use std::cell::Cell;
use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use store::Tally;
use world::World;

/// Histories that are tried.
const HISTORIES: u32 = 120_000;

#[test]
fn no_history_loses_a_trial_or_counts_it_twice() {
    let config = Config {
        cases: HISTORIES,
        failure_persistence: None,
        ..Config::default()
    };
    let (tried, total) = (Cell::new(0), RefCell::new(Tally::default()));
    let histories = (any::<u32>(), prop::collection::vec(any::<u32>(), 0..120));
    let done = TestRunner::new(config).run(&histories, |(choice, history)| {
        let mut world = World::new(choice);
        history.into_iter().for_each(|word| world.step(word));
        let tally = world.settle().tally;
        total.borrow_mut().add(tally);
        tried.set(tried.get() + 1);
        Ok(())
    });
    if let Err(failure) = done {
        panic!("{failure}");
    }
    assert_eq!(tried.get(), HISTORIES);
    let total = total.into_inner();
    println!("{total:?}");
    // Histories in which nothing happens would prove nothing.
    for (what, count) in total.counts() {
        assert!(count > u64::from(HISTORIES) / 100, "only {count} {what}");
    }
}
