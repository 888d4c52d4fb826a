//! A trial gives the same bits whether or not it was interrupted, wherever that was.

use crate::fixtures::{data, finish, full_setting, setting, train_until, training};
use tabsweep_trainer::{Hyperparameters, Progress, Training};

const IMAGES: usize = 60; // 7 whole batches of 8 and one of 4

fn resumed(hyperparameters: &Hyperparameters, checkpoint: &[u8]) -> Training {
    Training::resume(hyperparameters.clone(), 42, data(IMAGES), checkpoint).unwrap()
}

#[test]
fn twenty_steps_are_ten_and_ten() {
    let settings = [
        setting("{}"),
        setting(r#"{"optimizer": "adamw", "schedule": "cosine", "weight_decay": 0.1}"#),
        setting(r#"{"batch_norm": true, "dropout": 0.5, "shift_px": 4, "weight_decay": 0.1}"#),
        full_setting(),
    ];
    for hyperparameters in settings {
        let mut uninterrupted = training(&hyperparameters, IMAGES);
        train_until(&mut uninterrupted, 10);
        let checkpoint = uninterrupted.checkpoint();
        train_until(&mut uninterrupted, 20);

        let mut second = resumed(&hyperparameters, &checkpoint);
        assert_eq!(second.step(), 10);
        assert_eq!(second.checkpoint(), checkpoint);
        train_until(&mut second, 20);
        assert_eq!(
            second.checkpoint(),
            uninterrupted.checkpoint(),
            "{hyperparameters:?}"
        );
        assert_eq!(finish(&mut second), finish(&mut uninterrupted));
        assert_eq!(second.weights(), uninterrupted.weights());
    }
}

#[test]
fn every_step_is_a_place_to_resume_from() {
    let hyperparameters = full_setting();
    let mut uninterrupted = training(&hyperparameters, IMAGES);
    let mut relay = training(&hyperparameters, IMAGES);
    finish(&mut uninterrupted);
    while !matches!(relay.advance().unwrap(), Progress::Finished(_)) {
        // At the end of an epoch resuming scores it again: go past that, or it would never end.
        if !relay.step().is_multiple_of(relay.steps_per_epoch()) {
            relay = resumed(&hyperparameters, &relay.checkpoint());
        }
    }
    assert_eq!(relay.checkpoint(), uninterrupted.checkpoint());
}

#[test]
fn resuming_at_the_end_of_an_epoch_scores_it() {
    let hyperparameters = full_setting();
    let mut first = training(&hyperparameters, IMAGES);
    let epoch_end = first.steps_per_epoch();
    train_until(&mut first, epoch_end);
    let before_scoring = first.checkpoint();
    let scored = first.advance().unwrap();
    assert!(matches!(scored, Progress::Epoch(figures) if figures.epoch == 1));
    assert_eq!(first.checkpoint(), before_scoring);

    let mut second = resumed(&hyperparameters, &before_scoring);
    assert_eq!(second.advance().unwrap(), scored);
    train_until(&mut first, 20);
    train_until(&mut second, 20);
    assert_eq!(second.checkpoint(), first.checkpoint());
}

#[test]
fn resuming_at_the_very_end_scores_the_last_epoch_and_finishes() {
    let hyperparameters = full_setting();
    let mut first = training(&hyperparameters, IMAGES);
    let reports = finish(&mut first);
    let mut second = resumed(&hyperparameters, &first.checkpoint());
    assert_eq!(finish(&mut second), reports[reports.len() - 2..]);
}
