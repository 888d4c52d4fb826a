//! A sweep is replayed from its events.

use tabsweep_protocol::StudyId;
use tabsweep_study::{EventKind, Timeline};

use crate::support::{TestServer, until};

/// Folds the events of a finished study one after the other: at each suggestion the sampler, told no
/// more than what came before, must say the same again.
#[tokio::test]
async fn a_finished_study_suggests_the_same_when_its_events_are_told_again() {
    let server = TestServer::empty().await;
    // The last are not random: a sampler that learns begins after ten.
    let text = server
        .study_file()
        .replace("trials = 2", "trials = 18\nsampler = \"tpe\"");
    tabsweep_server::studies::create(&server.app, &text)
        .await
        .unwrap();
    // Three at a time, so that trials are suggested while others run.
    for _ in 0..6 {
        let mut at_work = Vec::new();
        for _ in 0..3 {
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
    let id = StudyId(1);
    let study = server.app.store.study(id).await.unwrap().unwrap().study;
    let events = server.app.store.events(id).await.unwrap();
    let mut timeline = Timeline::new(study.objective);
    let mut suggested = 0;
    for event in events {
        if let EventKind::Suggested { parameters } = &event.kind {
            let again = study.suggest(timeline.history(), event.number);
            assert_eq!(*parameters, again, "trial {}", event.number);
            suggested += 1;
        }
        timeline.fold(event);
    }
    assert_eq!((suggested, timeline.history().finished.len()), (18, 18));
}
