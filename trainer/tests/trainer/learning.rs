//! Trainings learn, report their life in order, and end in a clear error where they can't learn.

use crate::fixtures::{CLASSES, SIZE, data, finish, full_setting, setting, training};
use tabsweep_trainer::architecture::Architecture;
use tabsweep_trainer::{
    ArchitectureError, Hyperparameters, ImageSet, Mistake, Model, Progress, Training, TrainingData,
    TrainingError,
};

fn last_figures(reports: &[Progress]) -> (usize, usize) {
    match reports.last() {
        Some(Progress::Finished(figures)) => (figures.validation_correct, figures.validation_count),
        other => panic!("not finished: {other:?}"),
    }
}

#[test]
fn learns_a_problem_that_can_be_learnt() {
    let settings = [
        setting(r#"{"optimizer": "adamw", "epochs": 12}"#),
        setting(r#"{"batch_norm": true, "schedule": "cosine", "epochs": 8}"#),
        setting(
            r#"{"batch_norm": true, "schedule": "one_cycle", "dropout": 0.1, "epochs": 12,
            "learning_rate": 0.05, "label_smoothing": 0.1}"#,
        ),
    ];
    for hyperparameters in settings {
        let reports = finish(&mut training(&hyperparameters, 64));
        assert_eq!(last_figures(&reports), (20, 20), "{hyperparameters:?}");
    }
}

#[test]
fn does_not_learn_from_shuffled_labels() {
    let good = data(64);
    let labels = (0..64).map(|image| (image / 7 % CLASSES) as u8).collect();
    let pixels = good.training().pixels().to_vec();
    let shuffled = ImageSet::new("training", pixels, labels, (SIZE, SIZE), CLASSES).unwrap();
    let data = TrainingData::new(shuffled, good.validation().clone(), CLASSES).unwrap();
    let setting = setting(r#"{"batch_norm": true, "epochs": 8}"#);
    let (correct, _) = last_figures(&finish(&mut Training::new(setting, 42, data).unwrap()));
    assert!(
        correct < 15,
        "{correct} of 20 right without anything to learn"
    );
}

#[test]
fn reports_steps_then_scores_then_the_epoch_and_counts_all_images() {
    let mut training = training(&setting(r#"{"epochs": 2}"#), 20);
    assert_eq!((training.steps_per_epoch(), training.total_steps()), (3, 6));
    let mut seen = Vec::new();
    let mut life = String::new();
    loop {
        let progress = training.advance().unwrap();
        life.push(match progress {
            Progress::Step { .. } => 's',
            Progress::Evaluating { .. } => 'v',
            Progress::Epoch(_) => 'e',
            Progress::Finished(_) => 'f',
        });
        seen.push(training.images_seen());
        if matches!(progress, Progress::Finished(_)) {
            break;
        }
    }
    assert_eq!(life, "sssessse f".replace(' ', ""));
    assert_eq!(seen, [8, 16, 20, 20, 28, 36, 40, 40, 40]);
    assert_eq!(training.advance().unwrap(), training.advance().unwrap());
}

#[test]
fn a_large_validation_set_is_scored_in_pieces() {
    let small = data(8);
    let many = data(450).training().clone();
    let data = TrainingData::new(small.training().clone(), many, CLASSES).unwrap();
    let mut training = Training::new(setting(r#"{"epochs": 1}"#), 1, data).unwrap();
    let done: Vec<usize> = finish(&mut training)
        .iter()
        .filter_map(|progress| match progress {
            Progress::Evaluating { done, of: 450, .. } => Some(*done),
            _ => None,
        })
        .collect();
    assert_eq!(done, [200, 400]);
}

#[test]
fn the_mean_loss_is_weighted_by_images() {
    let mut training = training(&setting(r#"{"epochs": 1}"#), 20);
    let sizes = [8.0, 8.0, 4.0];
    let mut sum = 0.0;
    for progress in finish(&mut training) {
        match progress {
            Progress::Step { step, loss, .. } => sum += f64::from(loss) * sizes[step as usize - 1],
            Progress::Finished(figures) => assert_eq!(figures.mean_loss, sum / 20.0),
            _ => {}
        }
    }
}

#[test]
fn a_last_batch_of_one_image_trains_too() {
    let hyperparameters = full_setting();
    let mut training = training(&hyperparameters, 17);
    let reports = finish(&mut training);
    let steps = reports
        .iter()
        .filter(|progress| matches!(progress, Progress::Step { .. }));
    assert_eq!(steps.count(), 9);
    Model::load(&hyperparameters, CLASSES, SIZE, SIZE, &training.weights()).unwrap();
}

#[test]
fn even_batches_of_one_image_only_train() {
    let hyperparameters = setting(r#"{"batch_norm": true, "batch_size": 1}"#);
    assert_eq!(finish(&mut training(&hyperparameters, 5)).len(), 3 * 6 + 1);
}

#[test]
fn the_loaded_model_scores_as_the_training_did() {
    for test_time_augmentation in [false, true] {
        check_scores(&Hyperparameters {
            test_time_augmentation,
            ..full_setting()
        });
    }
}

fn check_scores(hyperparameters: &Hyperparameters) {
    let mut training = training(hyperparameters, 64);
    let (correct, count) = last_figures(&finish(&mut training));
    let model = Model::load(hyperparameters, CLASSES, SIZE, SIZE, &training.weights()).unwrap();
    let validation = data(64).validation().clone();
    assert_eq!(
        model
            .count_correct(validation.pixels(), validation.labels())
            .unwrap(),
        correct
    );

    let probabilities = model.probabilities(validation.pixels(), count).unwrap();
    assert_eq!(probabilities.len(), count * CLASSES);
    let mut highest_is_right = 0;
    for (row, &label) in probabilities.chunks(CLASSES).zip(validation.labels()) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        highest_is_right += usize::from(row.iter().all(|&other| other <= row[usize::from(label)]));
    }
    assert_eq!(highest_is_right, correct);
}

#[test]
fn test_time_augmentation_is_the_mean_of_five_views() {
    let setting = full_setting();
    let mut training = training(&setting, 64);
    finish(&mut training);
    let weights = training.weights();
    let load = |test_time_augmentation| {
        let setting = Hyperparameters {
            test_time_augmentation,
            ..setting.clone()
        };
        Model::load(&setting, CLASSES, SIZE, SIZE, &weights).unwrap()
    };
    // A bright pixel in the middle, and where it goes when the picture is moved.
    let middle = SIZE / 2 * SIZE + SIZE / 2;
    let views = [middle, middle + SIZE, middle - SIZE, middle + 1, middle - 1].map(|place| {
        let mut picture = vec![0; SIZE * SIZE];
        picture[place] = 255;
        picture
    });
    let of_views = load(false).probabilities(&views.concat(), 5).unwrap();
    let mean = load(true).probabilities(&views[0], 1).unwrap();
    for (class, &mean) in mean.iter().enumerate() {
        let sum: f32 = of_views.iter().skip(class).step_by(CLASSES).sum();
        assert!((mean - sum / 5.0).abs() < 1e-6, "{mean} is not {sum} / 5");
    }
}

#[test]
fn the_seed_and_each_source_of_randomness_matter() {
    let weights = |hyperparameters: &Hyperparameters, seed| {
        let mut training = Training::new(hyperparameters.clone(), seed, data(16)).unwrap();
        training.advance().unwrap();
        training.weights()
    };
    let base = setting("{}");
    assert_ne!(weights(&base, 1), weights(&base, 2));
    for changed in [
        r#"{"dropout": 0.5}"#,
        r#"{"shift_px": 1}"#,
        r#"{"label_smoothing": 0.1}"#,
    ] {
        assert_ne!(
            weights(&base, 1),
            weights(&setting(changed), 1),
            "{changed}"
        );
    }
}

#[test]
fn images_too_small_for_the_kernels_are_refused() {
    let tiny = ImageSet::new("training", vec![0; 2 * 9 * 30], vec![0, 1], (9, 30), 2).unwrap();
    let data = TrainingData::new(tiny.clone(), tiny, 2).unwrap();
    let refused = Training::new(setting("{}"), 1, data).unwrap_err();
    assert!(matches!(
        refused,
        TrainingError::Architecture(ArchitectureError::ImageTooSmall { height: 9, .. })
    ));
}

#[test]
fn counts_the_default_models_multiplications() {
    let digit = ImageSet::new("training", vec![0; 784], vec![0], (28, 28), 10).unwrap();
    let data = TrainingData::new(digit.clone(), digit, 10).unwrap();
    let training = Training::new(Hyperparameters::default(), 1, data).unwrap();
    let expected = 24 * 24 * 25 * 16 + 8 * 8 * 25 * 16 * 32 + 512 * 128 + 128 * 10;
    assert_eq!(training.multiply_adds_per_image(), expected);
}

#[test]
fn counts_what_training_costs_layer_by_layer() {
    let per_image = |json| {
        let setting = setting(json);
        let architecture = Architecture::new(&setting, 10, 28, 28).unwrap();
        architecture.multiply_adds_per_training_image()
    };
    let sizes =
        r#"{"conv1_channels": 16, "conv2_channels": 32, "kernel_size": 5, "hidden_units": 128}"#;
    let rest = 8 * 8 * 25 * 16 * 32 + 512 * 128 + 128 * 10;
    assert_eq!(per_image(sizes), 2 * 24 * 24 * 25 * 16 + 3 * rest);
    let wider =
        r#"{"conv1_channels": 16, "conv2_channels": 32, "kernel_size": 5, "hidden_units": 129}"#;
    assert_eq!(per_image(wider) - per_image(sizes), 3 * (512 + 10));
}

#[test]
fn names_the_images_that_the_last_scoring_found_wrong() {
    let mut training = training(&setting(r#"{"learning_rate": 1e-6, "epochs": 1}"#), 16);
    assert_eq!(training.mistakes(), []);
    let reports = finish(&mut training);
    let Some(Progress::Finished(figures)) = reports.last() else {
        panic!("a training ends");
    };
    let wrong = figures.validation_count - figures.validation_correct;
    let mistakes = training.mistakes().to_vec();
    assert!(wrong > 0, "a net that learned nothing is wrong somewhere");
    assert_eq!(mistakes.len(), wrong.min(12));
    let hyperparameters = setting("{}");
    let weights = training.weights();
    let model = Model::load(&hyperparameters, CLASSES, SIZE, SIZE, &weights).unwrap();
    let validation = training.validation();
    for Mistake {
        index,
        label,
        guess,
    } in mistakes
    {
        let probabilities = model.probabilities(validation.images(index..index + 1), 1);
        let probabilities = probabilities.unwrap();
        let highest = (0..CLASSES).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
        assert_eq!(highest, Some(usize::from(guess)));
        assert_eq!(validation.labels()[index], label);
        assert_ne!(label, guess);
    }
}
