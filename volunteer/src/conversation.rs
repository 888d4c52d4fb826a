//! The state machine of a worker: connect, ask, prepare, train, claim, and again. A lost socket
//! does not stop training; what the server said no to does.

use tabsweep_protocol::{
    BUILD, CheckpointRef, Claim, Epoch, Hello, LabelLease, Lease, LeaseToken, NoWork, NoWorkReason,
    Numerics, Outcome, Release, ReleaseReason, ServerMessage, VERSION, WorkerId, WorkerMessage,
    limits::close,
};

use crate::{
    Action, Activity, Connection, Counts, Event, Idle, Slice, Upload, Uploaded, WorkerStatus,
    backoff::Backoff,
    chunk::{Chunk, Stage},
    trial::{Ending, Trial, UploadState},
};

/// How long an answer may take before the connection counts as dead: browsers don't tell.
const ANSWER_MILLIS: u64 = 20_000;
/// How long a trial that could not be prepared keeps a worker from asking again.
const FAILED_MILLIS: u64 = 10_000;

/// Epochs reported again after a lost socket: all that fit the server's limit on messages.
const MOST_REPEATED: usize = 40;

/// Who works.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The volunteer's secret.
    pub volunteer_token: String,
    /// This worker, for as long as it lives.
    pub worker: WorkerId,
    /// The numeric contract of this worker's trainer.
    pub numerics: Numerics,
}

/// One worker's conversation with the server.
#[derive(Debug)]
pub struct Volunteer {
    identity: Identity,
    link: Link,
    work: Work,
    counts: Counts,
    link_backoff: Backoff,
    /// When the server was last asked for something that it answers, if the answer is still due.
    asked_at_millis: Option<u64>,
    /// When the server was last asked for work.
    ready_at_millis: u64,
    /// How often an idle worker asks again; the server says so.
    heartbeat_millis: u64,
}

/// The socket, in order of life.
#[derive(Debug)]
enum Link {
    Down { retry_at_millis: u64 },
    Opening,
    Greeting,
    Up,
    Ended(Idle),
}

/// The work, in order of life.
#[derive(Debug)]
enum Work {
    Idle {
        why: Idle,
        ask_at_millis: Option<u64>,
    },
    Preparing(Trial),
    Training(Trial),
    Claiming {
        trial: Trial,
        ending: Ending,
    },
    /// Pictures instead of a trial; how far they are, the chunk knows.
    Labelling(Chunk),
}

impl Volunteer {
    /// A worker that will connect at its first [`Event::Tick`].
    pub fn new(identity: Identity) -> Self {
        let salt = u64::from_str_radix(identity.worker.as_str(), 16)
            .expect("a worker id is 16 hexadecimal digits");
        Self {
            identity,
            link: Link::Down { retry_at_millis: 0 },
            work: Work::Idle {
                why: Idle::Connecting,
                ask_at_millis: None,
            },
            counts: Counts::default(),
            asked_at_millis: None,
            ready_at_millis: 0,
            heartbeat_millis: ANSWER_MILLIS,
            link_backoff: Backoff::new(salt),
        }
    }

    /// Whether there is something to train: the wrapper does a slice, then reports it.
    pub fn trains(&self) -> bool {
        matches!(self.work, Work::Training(_))
    }

    /// Whether there are pictures to label: the wrapper does a slice, then reports it.
    pub fn labels(&self) -> bool {
        matches!(&self.work, Work::Labelling(chunk) if chunk.stage == Stage::Labelling)
    }

    /// The token of the lease in hand.
    pub fn lease(&self) -> Option<&LeaseToken> {
        match &self.work {
            Work::Labelling(chunk) => Some(&chunk.lease.token),
            _ => self.lease_in_hand().map(|lease| &lease.token),
        }
    }

    /// The lease in hand, if it is one on a trial.
    pub fn lease_in_hand(&self) -> Option<&Lease> {
        self.trial().map(|trial| &*trial.lease)
    }

    /// What to show of this worker.
    pub fn status(&self) -> WorkerStatus {
        let connection = match self.link {
            Link::Up => Connection::Open,
            Link::Ended(_) => Connection::Closed,
            Link::Down { .. } | Link::Opening | Link::Greeting => Connection::Connecting,
        };
        let activity = match (&self.work, &self.link) {
            (_, Link::Ended(why)) => Activity::Idle { why: *why },
            (Work::Idle { .. }, Link::Down { .. } | Link::Opening | Link::Greeting) => {
                Activity::Idle {
                    why: Idle::Connecting,
                }
            }
            (Work::Idle { why, .. }, Link::Up) => Activity::Idle { why: *why },
            (Work::Preparing(trial), _) => Activity::Preparing(trial.shown.clone()),
            (Work::Training(trial), _) => Activity::Training(trial.shown.clone()),
            (Work::Claiming { trial, .. }, _) => Activity::Claiming(trial.shown.clone()),
            (Work::Labelling(chunk), _) => Activity::Labelling(chunk.shown()),
        };
        WorkerStatus {
            connection,
            activity,
            counts: self.counts,
        }
    }

    /// Takes in what happened at `now_millis` (any clock that never goes back) and says what to do.
    pub fn handle(&mut self, event: Event, now_millis: u64) -> Vec<Action> {
        if matches!(self.link, Link::Ended(_)) {
            return Vec::new();
        }
        match event {
            Event::Opened => self.opened(),
            Event::Received(text) => self.received(&text, now_millis),
            Event::Closed { code, .. } => self.closed(code, now_millis),
            Event::Prepared {
                step,
                steps,
                steps_per_epoch,
            } => self.prepared(step, steps, steps_per_epoch, now_millis),
            Event::PicturesReady => self.pictures_ready(now_millis),
            Event::WorkFailed { is_network } => self.work_failed(is_network, now_millis),
            Event::Trained(slice) => self.trained(slice, now_millis),
            Event::Labelled { pictures } => self.labelled(pictures, now_millis),
            Event::Uploaded(uploaded) => self.uploaded(uploaded, now_millis),
            Event::UploadFailed { upload, refused } => {
                self.upload_failed(upload, refused, now_millis)
            }
            Event::Tick => self.tick(now_millis),
            Event::Stop => self.stop(),
        }
    }

    fn opened(&mut self) -> Vec<Action> {
        self.link = Link::Greeting;
        vec![Action::Send(WorkerMessage::Hello(Hello {
            protocol: VERSION,
            build: BUILD.to_owned(),
            volunteer_token: self.identity.volunteer_token.clone(),
            worker: self.identity.worker.clone(),
            resume: self.lease().cloned(),
        }))]
    }

    fn received(&mut self, text: &str, now_millis: u64) -> Vec<Action> {
        self.asked_at_millis = None;
        let Ok(message) = ServerMessage::decode(text) else {
            // Only a server of another version says things that this worker can't read.
            return self.end(Idle::Outdated, Action::Reload);
        };
        match message {
            ServerMessage::Welcome(welcome) => {
                self.heartbeat_millis = u64::from(welcome.heartbeat_secs) * 1000;
                self.welcomed(welcome.resumed, now_millis)
            }
            ServerMessage::Lease(lease) => self.leased(lease, now_millis),
            ServerMessage::LabelLease(lease) => self.label_leased(lease, now_millis),
            ServerMessage::NoWork(no_work) => self.no_work(no_work),
            ServerMessage::ClaimAnswer(answer) if self.lease() == Some(&answer.lease) => {
                self.counts.claimed += u32::from(answer.taken);
                self.forget_and_ask(now_millis)
            }
            // A result that is ready is claimed all the same: a late claim may still count.
            ServerMessage::Stop(_) if self.has_result() => Vec::new(),
            ServerMessage::Stop(stop) if self.lease() == Some(&stop.lease) => {
                self.forget_and_ask(now_millis)
            }
            // Answers about a lease that this worker has given up meanwhile.
            ServerMessage::ClaimAnswer(_) | ServerMessage::Stop(_) => Vec::new(),
            ServerMessage::Verdict(verdict) => self.counted(verdict.verified),
            ServerMessage::LabelVerdict(verdict) => self.counted(verdict.verified),
        }
    }

    fn counted(&mut self, is_verified: bool) -> Vec<Action> {
        self.counts.verified += u32::from(is_verified);
        self.counts.rejected += u32::from(!is_verified);
        Vec::new()
    }

    /// Whether the work is done, and all that remains is to hand it in.
    fn has_result(&self) -> bool {
        match &self.work {
            Work::Claiming { .. } => true,
            Work::Labelling(chunk) => chunk.is_done(),
            Work::Idle { .. } | Work::Preparing(_) | Work::Training(_) => false,
        }
    }

    fn welcomed(&mut self, resumed: bool, now_millis: u64) -> Vec<Action> {
        self.link = Link::Up;
        self.link_backoff.reset();
        match &self.work {
            Work::Idle {
                ask_at_millis: Some(_),
                ..
            } => Vec::new(),
            Work::Idle { .. } => self.ask(now_millis),
            _ if resumed => {
                let mut actions = self.repeat_reports();
                actions.extend(self.claim());
                actions
            }
            // The lease is gone, but while nobody else has it, a late claim still counts.
            _ if self.has_result() => self.claim(),
            _ => self.forget_and_ask(now_millis),
        }
    }

    /// What was reported while the socket was down, or to a server that was killed before it could
    /// store it. Storing something twice changes nothing.
    fn repeat_reports(&self) -> Vec<Action> {
        let Some(trial) = self.trial() else {
            return Vec::new();
        };
        let recent = &trial.epochs[trial.epochs.len().saturating_sub(MOST_REPEATED)..];
        let epochs = recent.iter().cloned().map(WorkerMessage::Epoch);
        let kept = trial.kept.iter().cloned().map(WorkerMessage::Checkpoint);
        kept.chain(epochs).map(Action::Send).collect()
    }

    fn leased(&mut self, lease: Box<Lease>, now_millis: u64) -> Vec<Action> {
        if let Some(refused) = self.refused(&lease.token, lease.numerics) {
            return refused;
        }
        let trial = Trial::new(lease.clone(), now_millis, self.link_backoff);
        self.work = Work::Preparing(trial);
        vec![Action::Prepare(lease)]
    }

    fn label_leased(&mut self, lease: Box<LabelLease>, now_millis: u64) -> Vec<Action> {
        if let Some(refused) = self.refused(&lease.token, lease.numerics) {
            return refused;
        }
        let chunk = Chunk::new(lease.clone(), now_millis, self.link_backoff);
        self.work = Work::Labelling(chunk);
        vec![Action::PrepareLabels(lease)]
    }

    /// What is done about a lease that can't be taken.
    fn refused(&mut self, token: &LeaseToken, numerics: Numerics) -> Option<Vec<Action>> {
        if !matches!(self.work, Work::Idle { .. }) {
            // At most one lease: what came unasked goes back.
            return Some(vec![release(token, ReleaseReason::Stopped)]);
        }
        if numerics == self.identity.numerics {
            return None;
        }
        let mut actions = vec![release(token, ReleaseReason::OtherNumerics)];
        actions.extend(self.end(Idle::Outdated, Action::Reload));
        Some(actions)
    }

    fn no_work(&mut self, no_work: NoWork) -> Vec<Action> {
        if let Work::Idle { why, .. } = &mut self.work {
            *why = match no_work.reason {
                NoWorkReason::NoStudy => Idle::NoStudy,
                NoWorkReason::AllFinished => Idle::AllFinished,
                NoWorkReason::Paused => Idle::Paused,
                NoWorkReason::AllLeased => Idle::AllLeased,
                NoWorkReason::NotTrusted => Idle::NotTrusted,
                NoWorkReason::ServerTrouble => Idle::ServerTrouble,
            };
        }
        Vec::new()
    }

    fn closed(&mut self, code: u16, now_millis: u64) -> Vec<Action> {
        match code {
            close::OUTDATED => self.end(Idle::Outdated, Action::Reload),
            close::UNKNOWN_VOLUNTEER => self.end(Idle::Connecting, Action::Register),
            close::REPLACED => self.end(Idle::Stopped, Action::Forget),
            _ => {
                self.link_lost(now_millis);
                Vec::new()
            }
        }
    }

    fn link_lost(&mut self, now_millis: u64) {
        let wait_millis = self.link_backoff.next_millis();
        self.asked_at_millis = None;
        self.link = Link::Down {
            retry_at_millis: now_millis + wait_millis,
        };
    }

    fn prepared(
        &mut self,
        step: u64,
        steps: u64,
        steps_per_epoch: u64,
        now_millis: u64,
    ) -> Vec<Action> {
        let idle = Work::Idle {
            why: Idle::Asking,
            ask_at_millis: None,
        };
        match std::mem::replace(&mut self.work, idle) {
            Work::Preparing(mut trial) => {
                trial.shown.step = step;
                trial.shown.steps = steps;
                trial.shown.steps_per_epoch = steps_per_epoch;
                trial.meter.restart(now_millis);
                trial.checkpoint_due_at_millis =
                    now_millis + u64::from(trial.lease.checkpoint_secs) * 1000;
                self.work = Work::Training(trial);
            }
            other => self.work = other,
        }
        Vec::new()
    }

    fn pictures_ready(&mut self, now_millis: u64) -> Vec<Action> {
        if let Work::Labelling(chunk) = &mut self.work {
            chunk.prepared(now_millis);
        }
        Vec::new()
    }

    fn labelled(&mut self, pictures: u32, now_millis: u64) -> Vec<Action> {
        let Work::Labelling(chunk) = &mut self.work else {
            return Vec::new();
        };
        let upload = chunk.labelled(pictures);
        let mut actions = self.tick(now_millis);
        actions.extend(upload);
        actions
    }

    fn work_failed(&mut self, is_network: bool, now_millis: u64) -> Vec<Action> {
        let token = match &self.work {
            Work::Preparing(trial) | Work::Training(trial) => &trial.lease.token,
            Work::Labelling(chunk) if !chunk.is_done() => &chunk.lease.token,
            _ => return Vec::new(),
        };
        // Work that was not even tried is none the worse.
        let reason = if is_network {
            ReleaseReason::Stopped
        } else {
            ReleaseReason::Failed
        };
        let mut actions = self.if_up(release(token, reason));
        self.work = Work::Idle {
            why: Idle::Failed,
            ask_at_millis: Some(now_millis + FAILED_MILLIS),
        };
        actions.push(Action::Forget);
        actions
    }

    fn trained(&mut self, slice: Slice, now_millis: u64) -> Vec<Action> {
        let Work::Training(trial) = &mut self.work else {
            return Vec::new();
        };
        match slice {
            Slice::Steps { step, loss, images } => {
                trial.shown.step = step;
                trial.shown.loss = Some(loss);
                trial.meter.add(images);
                self.tick(now_millis)
            }
            Slice::Epoch {
                epoch,
                step,
                validation_correct,
                validation_count,
                mean_loss,
                state_sha256,
                is_last,
            } => {
                trial.shown.step = step;
                trial.shown.validation_score =
                    Some(f64::from(validation_correct) / f64::from(validation_count.max(1)));
                let report = Epoch {
                    lease: trial.lease.token.clone(),
                    epoch,
                    step,
                    validation_correct,
                    validation_count,
                    mean_loss,
                    state_sha256,
                };
                trial.epochs.push(report.clone());
                let upload = if is_last {
                    Some(Upload::Weights)
                } else if trial.lease.stops_at == Some(epoch) {
                    Some(Upload::Checkpoint)
                } else {
                    None
                };
                let mut actions = self.if_up(Action::Send(WorkerMessage::Epoch(report.clone())));
                if let Some(upload) = upload {
                    let scored = report;
                    actions.extend(self.begin_claiming(Ending::Uploading { upload, scored }));
                }
                actions
            }
            Slice::Diverged { step } => {
                self.begin_claiming(Ending::Ready(Outcome::Diverged { step }))
            }
        }
    }

    fn begin_claiming(&mut self, ending: Ending) -> Vec<Action> {
        let idle = Work::Idle {
            why: Idle::Asking,
            ask_at_millis: None,
        };
        let Work::Training(mut trial) = std::mem::replace(&mut self.work, idle) else {
            return Vec::new();
        };
        let upload = match &ending {
            Ending::Uploading { upload, .. } => Some(*upload),
            Ending::Ready(_) => None,
        };
        if upload.is_some() {
            trial.upload = UploadState::UnderWay;
        }
        self.work = Work::Claiming { trial, ending };
        match upload {
            Some(upload) => vec![Action::Upload(upload)],
            None => self.claim(),
        }
    }

    fn uploaded(&mut self, uploaded: Uploaded, now_millis: u64) -> Vec<Action> {
        match (&mut self.work, uploaded.upload) {
            (Work::Training(trial), Upload::Checkpoint) => {
                trial.upload = UploadState::None;
                trial.upload_backoff.reset();
                trial.checkpoint_due_at_millis =
                    now_millis + u64::from(trial.lease.checkpoint_secs) * 1000;
                let kept = CheckpointRef {
                    lease: trial.lease.token.clone(),
                    step: uploaded.step,
                    sha256: uploaded.sha256,
                };
                trial.kept = Some(kept.clone());
                self.if_up(Action::Send(WorkerMessage::Checkpoint(kept)))
            }
            (Work::Claiming { trial, ending }, _) => {
                // An earlier checkpoint may arrive while the last one is on its way.
                let Some(outcome) = ending.outcome(uploaded) else {
                    return Vec::new();
                };
                trial.upload = UploadState::None;
                *ending = Ending::Ready(outcome);
                self.claim()
            }
            (Work::Labelling(chunk), Upload::Answers) => {
                chunk.uploaded(uploaded.sha256);
                self.claim()
            }
            // The trial went on, or away, while the upload was under way.
            _ => Vec::new(),
        }
    }

    fn upload_failed(&mut self, upload: Upload, refused: bool, now_millis: u64) -> Vec<Action> {
        if let Work::Claiming { ending, .. } = &self.work
            && !ending.waits_for(upload)
        {
            // The trial ended meanwhile; its weights are on their way.
            return Vec::new();
        }
        if refused {
            let Some(token) = self.lease().cloned() else {
                return Vec::new();
            };
            let mut actions = self.if_up(release(&token, ReleaseReason::Failed));
            actions.extend(self.forget_and_ask(now_millis));
            return actions;
        }
        match &mut self.work {
            Work::Training(trial) | Work::Claiming { trial, .. } => {
                let millis = now_millis + trial.upload_backoff.next_millis();
                trial.upload = UploadState::RetryAt { millis };
            }
            Work::Labelling(chunk) => chunk.upload_failed(now_millis),
            Work::Idle { .. } | Work::Preparing(_) => {}
        }
        Vec::new()
    }

    fn tick(&mut self, now_millis: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        if self
            .asked_at_millis
            .is_some_and(|at| now_millis >= at + ANSWER_MILLIS)
        {
            actions.push(Action::Disconnect);
            self.link_lost(now_millis);
        }
        if let Link::Down { retry_at_millis } = self.link
            && retry_at_millis <= now_millis
        {
            self.link = Link::Opening;
            self.asked_at_millis = Some(now_millis);
            actions.push(Action::Connect);
        }
        let is_up = matches!(self.link, Link::Up);
        match &mut self.work {
            Work::Idle {
                ask_at_millis: Some(at),
                ..
            } if *at <= now_millis && is_up => {
                actions.extend(self.ask(now_millis));
            }
            Work::Idle {
                ask_at_millis: None,
                ..
            } if is_up && now_millis >= self.ready_at_millis + self.heartbeat_millis => {
                actions.extend(self.ask_again(now_millis));
            }
            Work::Idle { .. } => {}
            Work::Preparing(trial) => actions.extend(trial.report(is_up, now_millis)),
            Work::Training(trial) => {
                actions.extend(trial.report(is_up, now_millis));
                actions.extend(trial.upload_if_due(Upload::Checkpoint, is_up, now_millis));
            }
            Work::Claiming { trial, ending } => {
                actions.extend(trial.report(is_up, now_millis));
                if let Ending::Uploading { upload, .. } = ending {
                    actions.extend(trial.upload_if_due(*upload, true, now_millis));
                }
            }
            Work::Labelling(chunk) => {
                actions.extend(chunk.report(is_up, now_millis));
                actions.extend(chunk.upload_if_due(now_millis));
            }
        }
        actions
    }

    fn stop(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(token) = self.lease() {
            actions.extend(self.if_up(release(token, ReleaseReason::Stopped)));
        }
        actions.push(Action::Disconnect);
        actions.extend(self.end(Idle::Stopped, Action::Forget));
        actions
    }

    fn ask(&mut self, now_millis: u64) -> Vec<Action> {
        self.work = Work::Idle {
            why: Idle::Asking,
            ask_at_millis: None,
        };
        self.ask_again(now_millis)
    }

    fn ask_again(&mut self, now_millis: u64) -> Vec<Action> {
        let actions = self.if_up(Action::Send(WorkerMessage::Ready {}));
        if !actions.is_empty() {
            self.asked_at_millis = Some(now_millis);
            self.ready_at_millis = now_millis;
        }
        actions
    }

    fn claim(&self) -> Vec<Action> {
        match &self.work {
            Work::Claiming {
                trial,
                ending: Ending::Ready(outcome),
            } => {
                let claim = Claim {
                    lease: trial.lease.token.clone(),
                    outcome: outcome.clone(),
                };
                self.if_up(Action::Send(WorkerMessage::Claim(claim)))
            }
            Work::Labelling(chunk) => {
                let claim = chunk.claim().filter(|_| matches!(self.link, Link::Up));
                claim.into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn forget_and_ask(&mut self, now_millis: u64) -> Vec<Action> {
        let mut actions = vec![Action::Forget];
        actions.extend(self.ask(now_millis));
        actions
    }

    fn end(&mut self, why: Idle, last: Action) -> Vec<Action> {
        self.link = Link::Ended(why);
        self.work = Work::Idle {
            why,
            ask_at_millis: None,
        };
        vec![last]
    }

    fn if_up(&self, action: Action) -> Vec<Action> {
        if matches!(self.link, Link::Up) {
            vec![action]
        } else {
            Vec::new()
        }
    }

    fn trial(&self) -> Option<&Trial> {
        match &self.work {
            Work::Idle { .. } | Work::Labelling(_) => None,
            Work::Preparing(trial) | Work::Training(trial) | Work::Claiming { trial, .. } => {
                Some(trial)
            }
        }
    }
}

fn release(token: &LeaseToken, reason: ReleaseReason) -> Action {
    Action::Send(WorkerMessage::Release(Release {
        lease: token.clone(),
        reason,
    }))
}

#[cfg(test)]
#[path = "conversation_tests.rs"]
mod tests;
