//! Conversations as scripts: what happens, what the worker does about it.

use tabsweep_protocol::{
    BlobRef, ChunkNumber, ClaimAnswer, DataRef, JobId, LabelLease, LabelModel, Labelled, Lease,
    LeaseToken, NoWork, NoWorkReason, Numerics, Outcome, Paused, Seed, ServerMessage, Sha256, Stop,
    StopReason, StudyId, TrialNumber, VolunteerId, Welcome, WorkerMessage, limits::close,
};

use crate::{
    Action, Activity, Event, Identity, Idle, Slice, Upload, Uploaded, Volunteer, WorkerStatus,
};

fn token(digit: char) -> LeaseToken {
    digit.to_string().repeat(32).parse().unwrap()
}

fn hash(digit: char) -> Sha256 {
    digit.to_string().repeat(64).parse().unwrap()
}

fn lease() -> Lease {
    let blob = BlobRef {
        sha256: hash('d'),
        bytes: 1,
    };
    Lease {
        token: token('1'),
        study: StudyId(1),
        study_name: "study".into(),
        trial: TrialNumber(3),
        attempt: 1,
        parameters: Default::default(),
        seed: Seed(1),
        numerics: Numerics(1),
        data: DataRef {
            name: "d".into(),
            classes: 10,
            training: blob.clone(),
            validation: blob,
        },
        checkpoint: None,
        lease_secs: 60,
        progress_secs: 1,
        checkpoint_secs: 5,
        stops_at: None,
    }
}

struct Script {
    volunteer: Volunteer,
    now_millis: u64,
}

impl Script {
    fn new() -> Self {
        let identity = Identity {
            volunteer_token: "secret".into(),
            worker: "0123456789abcdef".parse().unwrap(),
            numerics: Numerics(1),
        };
        Self {
            volunteer: Volunteer::new(identity),
            now_millis: 0,
        }
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        self.volunteer.handle(event, self.now_millis)
    }

    fn says(&mut self, message: ServerMessage) -> Vec<Action> {
        self.on(Event::Received(message.encode()))
    }

    fn welcome(&mut self, resumed: bool) -> Vec<Action> {
        self.says(ServerMessage::Welcome(Welcome {
            protocol: tabsweep_protocol::VERSION,
            build: tabsweep_protocol::BUILD.into(),
            volunteer: VolunteerId(1),
            resumed,
            heartbeat_secs: 60,
        }))
    }

    fn connected() -> Self {
        let mut script = Self::new();
        assert_eq!(script.on(Event::Tick), [Action::Connect]);
        script.on(Event::Opened);
        assert_eq!(
            script.welcome(false),
            [Action::Send(WorkerMessage::Ready {})]
        );
        script
    }

    fn training() -> Self {
        let mut script = Self::connected();
        let lease = Box::new(lease());
        let actions = script.says(ServerMessage::Lease(lease.clone()));
        assert_eq!(actions, [Action::Prepare(lease)]);
        script.on(Event::Prepared {
            step: 0,
            steps: 100,
            steps_per_epoch: 50,
        });
        assert!(script.volunteer.trains());
        script
    }

    fn reconnect(&mut self) -> Vec<Action> {
        self.on(Event::Closed {
            code: 1006,
            reason: String::new(),
        });
        self.now_millis += 60_000;
        assert!(self.on(Event::Tick).contains(&Action::Connect));
        self.on(Event::Opened)
    }

    fn status(&self) -> WorkerStatus {
        self.volunteer.status()
    }
}

fn steps(step: u64) -> Event {
    Event::Trained(Slice::Steps {
        step,
        loss: 0.5,
        images: 64,
    })
}

fn last_epoch() -> Event {
    Event::Trained(Slice::Epoch {
        epoch: 2,
        step: 100,
        validation_correct: 9,
        validation_count: 10,
        mean_loss: 0.4,
        state_sha256: hash('a'),
        is_last: true,
    })
}

fn weights() -> Event {
    Event::Uploaded(Uploaded {
        upload: Upload::Weights,
        step: 100,
        sha256: hash('b'),
    })
}

fn is_claim(action: &Action) -> bool {
    matches!(action, Action::Send(WorkerMessage::Claim(claim))
        if claim.lease == token('1') && matches!(claim.outcome, Outcome::Finished(_)))
}

#[test]
fn a_trial_from_lease_to_the_next() {
    let mut script = Script::training();
    let actions = script.on(last_epoch());
    assert!(matches!(actions[0], Action::Send(WorkerMessage::Epoch(_))));
    assert_eq!(actions[1], Action::Upload(Upload::Weights));
    assert!(!script.volunteer.trains());
    assert!(is_claim(&script.on(weights())[0]));
    let answer = ClaimAnswer {
        lease: token('1'),
        taken: true,
        reason: None,
    };
    let actions = script.says(ServerMessage::ClaimAnswer(answer));
    assert_eq!(
        actions,
        [Action::Forget, Action::Send(WorkerMessage::Ready {})]
    );
    assert_eq!(script.status().counts.claimed, 1);
}

#[test]
fn progress_is_reported_once_a_second_and_checkpoints_when_due() {
    let mut script = Script::training();
    assert_eq!(script.on(steps(1)), []);
    script.now_millis = 1_000;
    let actions = script.on(steps(2));
    let Action::Send(WorkerMessage::Progress(progress)) = &actions[0] else {
        panic!("{actions:?}")
    };
    assert_eq!((progress.step, progress.images_per_sec), (2, 128.0));
    script.now_millis = 5_000;
    assert!(
        script
            .on(steps(3))
            .contains(&Action::Upload(Upload::Checkpoint))
    );
    script.now_millis = 9_000;
    assert!(
        !script
            .on(steps(4))
            .contains(&Action::Upload(Upload::Checkpoint)),
        "one at a time"
    );
    let done = Uploaded {
        upload: Upload::Checkpoint,
        step: 3,
        sha256: hash('c'),
    };
    let actions = script.on(Event::Uploaded(done));
    assert!(matches!(&actions[0], Action::Send(WorkerMessage::Checkpoint(c)) if c.step == 3));
}

#[test]
fn a_lost_socket_does_not_stop_training() {
    let mut script = Script::training();
    let actions = script.reconnect();
    let Action::Send(WorkerMessage::Hello(hello)) = &actions[0] else {
        panic!("{actions:?}")
    };
    assert_eq!(hello.resume, Some(token('1')));
    assert_eq!(script.welcome(true), []);
    assert!(script.volunteer.trains());
}

#[test]
fn epochs_that_the_server_may_have_missed_are_reported_again() {
    let mut script = Script::training();
    script.on(Event::Closed {
        code: 1006,
        reason: String::new(),
    });
    let epoch = |epoch, is_last| {
        Event::Trained(Slice::Epoch {
            epoch,
            step: 50 * u64::from(epoch),
            validation_correct: 9,
            validation_count: 10,
            mean_loss: 0.4,
            state_sha256: hash('a'),
            is_last,
        })
    };
    assert_eq!(script.on(epoch(1, false)), []);
    assert_eq!(script.on(epoch(2, true)), [Action::Upload(Upload::Weights)]);
    script.on(weights());
    script.now_millis += 60_000;
    script.on(Event::Tick);
    script.on(Event::Opened);
    let actions = script.welcome(true);
    let is_epoch = |action: &Action, number| matches!(action, Action::Send(WorkerMessage::Epoch(epoch)) if epoch.epoch == number);
    assert!(
        is_epoch(&actions[0], 1) && is_epoch(&actions[1], 2),
        "{actions:?}"
    );
    assert!(is_claim(&actions[2]));
}

#[test]
fn a_lease_that_is_gone_is_dropped() {
    let mut script = Script::training();
    script.reconnect();
    assert_eq!(
        script.welcome(false),
        [Action::Forget, Action::Send(WorkerMessage::Ready {})]
    );
    let mut script = Script::training();
    let stop = tabsweep_protocol::Stop {
        lease: token('1'),
        reason: StopReason::LeaseLost,
    };
    let actions = script.says(ServerMessage::Stop(stop));
    assert_eq!(
        actions,
        [Action::Forget, Action::Send(WorkerMessage::Ready {})]
    );
}

#[test]
fn a_result_that_the_server_has_not_answered_is_claimed_again() {
    let mut script = Script::training();
    script.on(last_epoch());
    script.on(Event::Closed {
        code: 1006,
        reason: String::new(),
    });
    assert_eq!(script.on(weights()), [], "the socket is down");
    script.now_millis += 60_000;
    script.on(Event::Tick);
    script.on(Event::Opened);
    assert!(
        is_claim(&script.welcome(false)[0]),
        "though the lease is gone"
    );
}

#[test]
fn failed_uploads_are_tried_again_unless_refused() {
    let mut script = Script::training();
    script.on(last_epoch());
    let failed = |refused| Event::UploadFailed {
        upload: Upload::Weights,
        refused,
    };
    assert_eq!(script.on(failed(false)), []);
    script.now_millis += 20_000;
    assert!(
        script
            .on(Event::Tick)
            .contains(&Action::Upload(Upload::Weights))
    );
    assert!(script.on(failed(true)).contains(&Action::Forget));
}

#[test]
fn a_checkpoint_that_fails_after_the_end_does_not_send_the_weights_twice() {
    let mut script = Script::training();
    script.on(last_epoch());
    script.on(Event::UploadFailed {
        upload: Upload::Checkpoint,
        refused: false,
    });
    script.now_millis += 60_000;
    assert!(
        !script
            .on(Event::Tick)
            .contains(&Action::Upload(Upload::Weights))
    );
}

#[test]
fn a_trial_that_can_not_be_prepared_goes_back_and_the_worker_pauses() {
    let mut script = Script::connected();
    script.says(ServerMessage::Lease(Box::new(lease())));
    let actions = script.on(Event::WorkFailed { is_network: false });
    assert!(matches!(
        actions[0],
        Action::Send(WorkerMessage::Release(_))
    ));
    assert_eq!(script.on(Event::Tick), []);
    script.now_millis += 10_000;
    assert_eq!(
        script.on(Event::Tick),
        [Action::Send(WorkerMessage::Ready {})]
    );
}

#[test]
fn idleness_has_a_reason() {
    let mut script = Script::connected();
    script.says(ServerMessage::NoWork(NoWork {
        reason: NoWorkReason::AllLeased,
    }));
    assert_eq!(
        script.status().activity,
        Activity::Idle {
            why: Idle::AllLeased
        }
    );
    let mut script = Script::connected();
    assert_eq!(script.on(Event::Received("?".into())), [Action::Reload]);
    assert_eq!(
        script.status().activity,
        Activity::Idle {
            why: Idle::Outdated
        }
    );
    let mut script = Script::connected();
    let closed = Event::Closed {
        code: close::OUTDATED,
        reason: "build".into(),
    };
    assert_eq!(script.on(closed), [Action::Reload]);
}

#[test]
fn trouble_with_the_network_is_not_the_trials_fault() {
    let mut script = Script::connected();
    script.says(ServerMessage::Lease(Box::new(lease())));
    let actions = script.on(Event::WorkFailed { is_network: true });
    let reason = tabsweep_protocol::ReleaseReason::Stopped;
    assert!(matches!(&actions[0], Action::Send(WorkerMessage::Release(r)) if r.reason == reason));
}

#[test]
fn a_lease_of_another_numeric_contract_goes_back_and_the_page_loads_anew() {
    let mut script = Script::connected();
    let mut other = lease();
    other.numerics = Numerics(2);
    let actions = script.says(ServerMessage::Lease(Box::new(other)));
    let release = tabsweep_protocol::Release {
        lease: token('1'),
        reason: tabsweep_protocol::ReleaseReason::OtherNumerics,
    };
    let back = Action::Send(WorkerMessage::Release(release));
    assert_eq!(actions, [back, Action::Reload]);
    assert!(!script.volunteer.trains());
}

#[test]
fn a_server_that_does_not_answer_counts_as_gone() {
    let mut script = Script::connected();
    script.says(ServerMessage::NoWork(NoWork {
        reason: NoWorkReason::AllLeased,
    }));
    script.now_millis = 59_000;
    assert_eq!(script.on(Event::Tick), []);
    script.now_millis = 60_000;
    assert_eq!(
        script.on(Event::Tick),
        [Action::Send(WorkerMessage::Ready {})]
    );
    script.now_millis = 79_000;
    assert_eq!(script.on(Event::Tick), []);
    script.now_millis = 80_000;
    assert_eq!(script.on(Event::Tick), [Action::Disconnect]);
    script.now_millis = 82_000;
    assert_eq!(script.on(Event::Tick), [Action::Connect]);
    script.now_millis = 102_000;
    assert_eq!(
        script.on(Event::Tick),
        [Action::Disconnect],
        "nor does it open the socket"
    );
}

#[test]
fn a_lost_lease_does_not_throw_away_a_result() {
    let mut script = Script::training();
    script.on(last_epoch());
    let stop = tabsweep_protocol::Stop {
        lease: token('1'),
        reason: StopReason::LeaseLost,
    };
    assert_eq!(script.says(ServerMessage::Stop(stop)), []);
    assert!(is_claim(&script.on(weights())[0]));
}

#[test]
fn a_checkpoint_that_the_server_may_have_missed_is_reported_again() {
    let mut script = Script::training();
    script.on(Event::Closed {
        code: 1006,
        reason: String::new(),
    });
    let done = Uploaded {
        upload: Upload::Checkpoint,
        step: 3,
        sha256: hash('c'),
    };
    assert_eq!(script.on(Event::Uploaded(done)), []);
    script.now_millis += 60_000;
    script.on(Event::Tick);
    script.on(Event::Opened);
    let actions = script.welcome(true);
    assert!(matches!(&actions[0], Action::Send(WorkerMessage::Checkpoint(c)) if c.step == 3));
}

#[test]
fn stop_gives_the_lease_back() {
    let mut script = Script::training();
    let actions = script.on(Event::Stop);
    assert!(matches!(
        actions[0],
        Action::Send(WorkerMessage::Release(_))
    ));
    assert_eq!(actions[1..], [Action::Disconnect, Action::Forget]);
    assert_eq!(script.on(Event::Tick), []);
}

fn epoch(epoch: u32, step: u64) -> Event {
    Event::Trained(Slice::Epoch {
        epoch,
        step,
        validation_correct: 8,
        validation_count: 10,
        mean_loss: 0.4,
        state_sha256: hash('a'),
        is_last: false,
    })
}

fn checkpoint(step: u64, digit: char) -> Event {
    Event::Uploaded(Uploaded {
        upload: Upload::Checkpoint,
        step,
        sha256: hash(digit),
    })
}

fn training_until(stops_at: u32) -> Script {
    let mut script = Script::connected();
    let mut lease = lease();
    lease.stops_at = Some(stops_at);
    script.says(ServerMessage::Lease(Box::new(lease)));
    script.on(Event::Prepared {
        step: 0,
        steps: 150,
        steps_per_epoch: 50,
    });
    script
}

#[test]
fn a_trial_rests_where_its_lease_says() {
    let mut script = training_until(2);
    assert!(matches!(
        script.on(epoch(1, 50))[..],
        [Action::Send(WorkerMessage::Epoch(_))]
    ));
    let actions = script.on(epoch(2, 100));
    assert_eq!(actions[1..], [Action::Upload(Upload::Checkpoint)]);
    assert!(!script.volunteer.trains());
    // One that was already on its way when the epoch ended.
    assert_eq!(script.on(checkpoint(80, 'b')), []);
    let expected = Outcome::Paused(Paused {
        epoch: 2,
        step: 100,
        state_sha256: hash('c'),
        validation_correct: 8,
        validation_count: 10,
    });
    let actions = script.on(checkpoint(100, 'c'));
    let [Action::Send(WorkerMessage::Claim(claim))] = &actions[..] else {
        panic!("{actions:?}")
    };
    assert_eq!(claim.outcome, expected);
}

#[test]
fn the_checkpoint_of_a_rung_is_tried_again_and_claimed_after_a_reconnection() {
    let mut script = training_until(1);
    script.on(epoch(1, 50));
    script.on(Event::UploadFailed {
        upload: Upload::Checkpoint,
        refused: false,
    });
    script.now_millis += 120_000;
    assert!(
        script
            .on(Event::Tick)
            .contains(&Action::Upload(Upload::Checkpoint))
    );
    script.reconnect();
    assert_eq!(script.on(checkpoint(50, 'c')), [], "the socket is down");
    let actions = script.welcome(true);
    let is_paused = |action: &Action| {
        matches!(action, Action::Send(WorkerMessage::Claim(claim))
            if matches!(claim.outcome, Outcome::Paused(_)))
    };
    assert!(actions.iter().any(is_paused), "{actions:?}");
}

#[test]
fn a_trial_that_ends_before_its_rung_ends() {
    let mut script = training_until(2);
    let actions = script.on(last_epoch());
    assert_eq!(actions[1], Action::Upload(Upload::Weights));
}

#[test]
fn a_pruned_trial_makes_room_for_the_next() {
    let mut script = Script::training();
    let stop = Stop {
        lease: token('1'),
        reason: StopReason::Pruned,
    };
    let actions = script.says(ServerMessage::Stop(stop));
    assert_eq!(
        actions,
        [Action::Forget, Action::Send(WorkerMessage::Ready {})]
    );
}

fn label_lease() -> LabelLease {
    LabelLease {
        token: token('7'),
        job: JobId(1),
        job_name: "job".into(),
        chunk: ChunkNumber(2),
        attempt: 1,
        numerics: Numerics(1),
        model: LabelModel::Trial {
            parameters: Default::default(),
            classes: 10,
            height: 28,
            width: 28,
            weights: BlobRef {
                sha256: hash('d'),
                bytes: 1,
            },
        },
        pictures: 30,
        bytes: 1,
        top: 5,
        lease_secs: 60,
        progress_secs: 1,
    }
}

fn labelling() -> Script {
    let mut script = Script::connected();
    let lease = Box::new(label_lease());
    let actions = script.says(ServerMessage::LabelLease(lease.clone()));
    assert_eq!(actions, [Action::PrepareLabels(lease)]);
    assert!(!script.volunteer.labels());
    script.on(Event::PicturesReady);
    assert!(script.volunteer.labels());
    script
}

fn answers_uploaded() -> Event {
    Event::Uploaded(Uploaded {
        upload: Upload::Answers,
        step: 0,
        sha256: hash('a'),
    })
}

fn labelled() -> Action {
    Action::Send(WorkerMessage::Labelled(Labelled {
        lease: token('7'),
        answers_sha256: hash('a'),
    }))
}

#[test]
fn a_chunk_is_labelled_uploaded_and_claimed_then_comes_the_next() {
    let mut script = labelling();
    assert_eq!(script.on(Event::Labelled { pictures: 20 }), []);
    script.now_millis += 1_000;
    let actions = script.on(Event::Labelled { pictures: 25 });
    assert!(
        matches!(&actions[..], [Action::Send(WorkerMessage::LabelProgress(progress))]
            if (progress.labelled, progress.images_per_sec) == (25, 25.0))
    );
    let upload = Action::Upload(Upload::Answers);
    let actions = script.on(Event::Labelled { pictures: 30 });
    assert_eq!(actions, std::slice::from_ref(&upload));
    script.on(Event::UploadFailed {
        upload: Upload::Answers,
        refused: false,
    });
    script.now_millis += 60_000;
    assert!(script.on(Event::Tick).contains(&upload));
    assert_eq!(script.on(answers_uploaded()), [labelled()]);
    let answer = ServerMessage::ClaimAnswer(ClaimAnswer {
        lease: token('7'),
        taken: true,
        reason: None,
    });
    let ready = Action::Send(WorkerMessage::Ready {});
    assert_eq!(script.says(answer), [Action::Forget, ready]);
    assert_eq!(script.status().counts.claimed, 1);
}

#[test]
fn labels_that_are_ready_are_claimed_though_the_lease_is_gone() {
    let mut script = labelling();
    script.on(Event::Labelled { pictures: 30 });
    script.on(answers_uploaded());
    script.reconnect();
    assert_eq!(script.welcome(false), [labelled()]);

    let mut script = labelling();
    script.reconnect();
    let ready = Action::Send(WorkerMessage::Ready {});
    assert_eq!(script.welcome(false), [Action::Forget, ready]);
}
