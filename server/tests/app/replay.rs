//! A sweep is replayed from its events.

use tabsweep_protocol::{Parameters, StudyId};
use tabsweep_study::{EventKind, Timeline};

use crate::support::{TestServer, until};

/// A study that is swept to its end.
struct Sweep {
    sampler: &'static str,
    /// What its space has beside that of the tests' study.
    space: &'static str,
    trials: usize,
    /// Trials under way at the same time.
    workers: usize,
}

/// Twenty settings of a grid: five learning rates, each with three decays or without any.
const CONDITIONAL: &str = r#"
learning_rate = { type = "float", low = 1e-3, high = 1e-2, log = true, points = 5 }
optimizer = { type = "categorical", choices = ["adamw", "sgd"] }
weight_decay = { type = "float", low = 1e-4, high = 1e-1, log = true, points = 3, when = { optimizer = "adamw" } }
"#;

const PLAIN: &str = r#"
learning_rate = { type = "float", low = 1e-3, high = 1e-2, log = true, points = 18 }
"#;

impl Sweep {
    fn study_file(&self, server: &TestServer) -> String {
        let Self {
            sampler, trials, ..
        } = self;
        let text = server.study_file();
        let (head, _) = text.split_once("learning_rate").unwrap();
        let budget = format!("trials = {trials}\nsampler = \"{sampler}\"");
        head.replace("trials = 2", &budget) + self.space
    }

    /// Sweeps, then folds the events one after the other: at each suggestion the sampler, told no more
    /// than what came before, must say the same again. All settings, in the order of suggestion.
    async fn replayed(&self) -> Vec<Parameters> {
        let server = TestServer::empty().await;
        tabsweep_server::studies::create(&server.app, &self.study_file(&server))
            .await
            .unwrap();
        for _ in 0..self.trials / self.workers {
            verify_at_once(&server, self.workers).await;
        }
        let id = StudyId(1);
        let study = server.app.store.study(id).await.unwrap().unwrap().study;
        let events = server.app.store.events(id).await.unwrap();
        let mut timeline = Timeline::new(study.objective);
        let mut suggested = Vec::new();
        for event in events {
            if let EventKind::Suggested { parameters } = &event.kind {
                let again = study.suggest(timeline.history(), event.number);
                assert_eq!(*parameters, again, "trial {}", event.number);
                suggested.push(again);
            }
            timeline.fold(event);
        }
        assert_eq!(suggested.len(), self.trials);
        assert_eq!(timeline.history().finished.len(), self.trials);
        suggested
    }
}

/// So many trials are suggested before the first of them ends; the last ends first.
async fn verify_at_once(server: &TestServer, workers: usize) {
    let mut at_work = Vec::new();
    for _ in 0..workers {
        let mut worker = server.worker("worker").await;
        let lease = worker.leases().await;
        at_work.push((worker, lease));
    }
    for (mut worker, lease) in at_work.into_iter().rev() {
        let trained = server.train(&lease);
        server
            .upload(&lease.token, trained.sha256().as_str(), &trained.weights)
            .await;
        worker.says(trained.claim(&lease.token)).await;
        until("the trial is verified", async || {
            server.state_of(lease.trial.0).await == "verified"
        })
        .await;
    }
}

/// The last are not Sobol points: a sampler that learns begins after ten.
#[tokio::test]
async fn a_sampler_that_learns_suggests_the_same_when_its_events_are_told_again() {
    let sweep = Sweep {
        sampler: "tpe",
        space: PLAIN,
        trials: 18,
        workers: 3,
    };
    sweep.replayed().await;
}

#[tokio::test]
async fn and_so_it_does_where_not_all_trials_have_all_hyperparameters() {
    let sweep = Sweep {
        sampler: "tpe",
        space: CONDITIONAL,
        trials: 18,
        workers: 3,
    };
    let settings = sweep.replayed().await;
    let decays = settings.iter().map(|setting| setting.get("weight_decay"));
    assert!((1..18).contains(&decays.flatten().count()));
}

#[tokio::test]
async fn a_sobol_sequence_is_the_same_when_its_events_are_told_again() {
    let sweep = Sweep {
        sampler: "sobol",
        space: CONDITIONAL,
        trials: 18,
        workers: 3,
    };
    sweep.replayed().await;
}

#[tokio::test]
async fn ten_workers_come_through_a_grid_without_repeating_a_setting() {
    let sweep = Sweep {
        sampler: "grid",
        space: CONDITIONAL,
        trials: 20,
        workers: 10,
    };
    let settings = sweep.replayed().await;
    for (place, setting) in settings.iter().enumerate() {
        assert!(!settings[..place].contains(setting), "{setting:?} twice");
    }
}
