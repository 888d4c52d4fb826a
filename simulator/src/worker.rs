//! One simulated worker: the volunteer's conversation on a real socket, with a clock in place of the
//! trainer.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use tabsweep_protocol::{Lease, Numerics, Sha256, WorkerId, WorkerMessage};
use tabsweep_trainer::{NUMERICS_VERSION, sha256_hex};
use tabsweep_volunteer::{Action, Connection, Event, Identity, Slice, Upload, Uploaded, Volunteer};

use crate::{
    figures::Acknowledged,
    load::{Shared, TrialSecs},
    socket::{ABNORMAL, Socket},
    weights::Weights,
};

/// A little more than the second between two reports of progress: just less would make it two.
const TICK: Duration = Duration::from_millis(1_010);
/// Steps of a simulated trial, and of its only epoch.
const STEPS: u64 = 1_000;

/// One worker, in a task of its own.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    number: usize,
    /// Which server it talks to now.
    server: usize,
    volunteer: Volunteer,
    random: u64,
    socket: Option<Socket>,
    ticks_at: Instant,
    trial: Option<Trial>,
    upload: Option<BoxFuture<'static, Event>>,
    asked: Option<Instant>,
    claimed: Option<Instant>,
}

/// A trial in hand.
struct Trial {
    lease: Box<Lease>,
    began: Instant,
    /// None when it never ends.
    ends: Option<Instant>,
    is_done: bool,
    sha256: Option<Sha256>,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, number: usize, volunteer_token: String) -> Self {
        let worker: WorkerId = format!("{:08x}{number:08x}", shared.load.seed as u32)
            .parse()
            .expect("16 hexadecimal digits are a worker id");
        let identity = Identity {
            volunteer_token,
            worker,
            numerics: Numerics(NUMERICS_VERSION),
        };
        Self {
            number,
            server: number % shared.servers.len(),
            volunteer: Volunteer::new(identity),
            random: shared.load.seed ^ (number as u64) << 32,
            socket: None,
            ticks_at: Instant::now(),
            trial: None,
            upload: None,
            asked: None,
            claimed: None,
            shared,
        }
    }

    /// Works for ever.
    pub(crate) async fn run(mut self) {
        loop {
            let wakes_at = self
                .trial_ends()
                .map_or(self.ticks_at, |ends| ends.min(self.ticks_at));
            tokio::select! {
                received = received(&mut self.socket) => match received {
                    Ok(text) => self.handle(Event::Received(text)).await,
                    Err(code) => self.closed(code).await,
                },
                event = finished(&mut self.upload) => {
                    self.upload = None;
                    self.handle(event).await;
                }
                () = tokio::time::sleep_until(wakes_at.into()) => self.woken().await,
            }
        }
    }

    async fn woken(&mut self) {
        let now = Instant::now();
        if let Some(ends) = self.trial_ends()
            && ends <= now
        {
            self.shared.figures.trained(self.number, ends);
            return self.trained().await;
        }
        self.ticks_at = now + TICK;
        let event = match &self.trial {
            Some(trial) if self.volunteer.trains() => Event::Trained(Slice::Steps {
                step: trial.step(now),
                loss: 1.0,
                images: 5_000,
            }),
            _ => Event::Tick,
        };
        self.handle(event).await;
    }

    fn trial_ends(&self) -> Option<Instant> {
        let trial = self.trial.as_ref().filter(|trial| !trial.is_done)?;
        trial.ends
    }

    /// The trial has been trained to its end.
    async fn trained(&mut self) {
        let (Some(trial), Some(weights)) = (&mut self.trial, self.shared.weights.get()) else {
            return;
        };
        trial.is_done = true;
        let end = Slice::Epoch {
            epoch: 1,
            step: STEPS,
            validation_correct: weights.correct,
            validation_count: weights.count,
            mean_loss: 1.0,
            state_sha256: trial.lease.data.training.sha256.clone(),
            is_last: true,
        };
        self.handle(Event::Trained(end)).await;
    }

    async fn closed(&mut self, code: u16) {
        self.socket = None;
        self.shared.figures.closed(code);
        self.shared.figures.connection(self.number, false);
        self.server = (self.server + 1) % self.shared.servers.len();
        let reason = String::new();
        self.handle(Event::Closed { code, reason }).await;
        // The next try is due before the next report would be.
        self.ticks_at = Instant::now() + Duration::from_millis(500);
    }

    /// Tells the volunteer, carries out what it says, and tells it what came of that.
    async fn handle(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now_millis = self.shared.began.elapsed().as_millis() as u64;
            let claims = self.volunteer.status().counts.claimed;
            let actions = self.volunteer.handle(event, now_millis);
            self.settle(claims);
            for action in actions {
                events.extend(self.act(action).await);
            }
        }
    }

    /// Notes what became of the trial that was in hand.
    fn settle(&mut self, claims_before: u32) {
        let status = self.volunteer.status();
        let is_open = status.connection == Connection::Open;
        self.shared.figures.connection(self.number, is_open);
        let in_hand = self.volunteer.lease();
        if self
            .trial
            .as_ref()
            .is_none_or(|trial| Some(&trial.lease.token) == in_hand)
        {
            return;
        }
        let Some(trial) = self.trial.take() else {
            return;
        };
        self.shared.figures.trained(self.number, Instant::now());
        self.upload = None;
        match (trial.sha256, self.claimed.take()) {
            (Some(sha256), Some(since)) if status.counts.claimed > claims_before => {
                let Lease {
                    study,
                    trial,
                    token,
                    ..
                } = *trial.lease;
                let acknowledged = Acknowledged {
                    study,
                    trial,
                    lease: token,
                    sha256,
                };
                self.shared.figures.claimed(acknowledged, since.elapsed());
            }
            _ => self.shared.figures.lost(),
        }
    }

    async fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Connect => return Some(self.connect().await),
            Action::Send(message) => return self.send(message).await,
            Action::Prepare(lease) => return Some(self.prepare(lease).await),
            // It only plays at trials.
            Action::PrepareLabels(_) => return Some(Event::WorkFailed { is_network: true }),
            Action::Upload(upload) => self.upload(upload),
            Action::Disconnect => self.socket = None,
            // Sessions of one build: the server would have to be another one.
            Action::Forget | Action::Reload | Action::Register => {}
        }
        None
    }

    async fn connect(&mut self) -> Event {
        match Socket::open(self.shared.servers[self.server].host()).await {
            Ok(socket) => {
                self.socket = Some(socket);
                Event::Opened
            }
            Err(error) => {
                self.server = (self.server + 1) % self.shared.servers.len();
                let reason = error.to_string();
                Event::Closed {
                    code: ABNORMAL,
                    reason,
                }
            }
        }
    }

    async fn send(&mut self, message: WorkerMessage) -> Option<Event> {
        let now = Instant::now();
        match &message {
            WorkerMessage::Ready {} => self.asked = Some(now),
            WorkerMessage::Claim(_) => self.claimed = Some(now),
            WorkerMessage::Progress(_) => self.shared.figures.progressed(),
            WorkerMessage::Epoch(_) if !self.shared.load.epochs => return None,
            _ => {}
        }
        let socket = self.socket.as_mut()?;
        if socket.send(&message).await {
            return None;
        }
        self.socket = None;
        self.shared.figures.closed(ABNORMAL);
        let reason = String::new();
        Some(Event::Closed {
            code: ABNORMAL,
            reason,
        })
    }

    /// There is nothing to fetch: training begins at once.
    async fn prepare(&mut self, lease: Box<Lease>) -> Event {
        let asked = self.asked.take().map(|asked| asked.elapsed());
        self.shared.figures.got_lease(self.number, asked);
        let http = &self.shared.servers[self.server];
        let weights = self
            .shared
            .weights
            .get_or_try_init(|| Weights::fetch(http, &lease));
        if let Err(error) = weights.await {
            eprintln!("no weights can be made: {error}");
            return Event::WorkFailed { is_network: true };
        }
        let began = Instant::now();
        let ends = match self.shared.load.trial {
            TrialSecs::Endless => None,
            TrialSecs::Between(low, high) => {
                let secs = low + self.unit() * (high - low);
                Some(began + Duration::from_secs_f64(secs))
            }
        };
        self.shared.figures.trains(self.number);
        let step = lease
            .checkpoint
            .as_ref()
            .map_or(0, |checkpoint| checkpoint.step);
        self.trial = Some(Trial {
            lease,
            began,
            ends,
            is_done: false,
            sha256: None,
        });
        Event::Prepared {
            step,
            steps: STEPS,
            steps_per_epoch: STEPS,
        }
    }

    fn upload(&mut self, upload: Upload) {
        let (Some(trial), Some(weights)) = (&mut self.trial, self.shared.weights.get()) else {
            return;
        };
        let step = match upload {
            Upload::Weights => STEPS,
            Upload::Checkpoint | Upload::Answers => trial.step(Instant::now()),
        };
        // Weights are those of the trial, whoever trained it: their name holds no step.
        let named = if upload == Upload::Weights {
            0
        } else {
            step as u32 + 1
        };
        let bytes = weights.of(trial.lease.study, trial.lease.trial, named);
        let sha256: Sha256 = sha256_hex(&bytes).parse().expect("a SHA-256 is 64 digits");
        if upload == Upload::Weights {
            trial.sha256 = Some(sha256.clone());
        }
        let (shared, server, token) = (self.shared.clone(), self.server, trial.lease.token.clone());
        self.upload = Some(Box::pin(async move {
            let began = Instant::now();
            match shared.servers[server].upload(&sha256, &token, bytes).await {
                Ok(()) => {
                    shared.figures.uploaded(began.elapsed());
                    Event::Uploaded(Uploaded {
                        upload,
                        step,
                        sha256,
                    })
                }
                Err(error) => {
                    shared.figures.upload_failed();
                    let refused = error.is_refusal();
                    Event::UploadFailed { upload, refused }
                }
            }
        }));
    }

    /// A number from [0, 1): SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
    /// generators", 2014).
    fn unit(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Trial {
    /// How far the trial is; one that never ends goes ever more slowly.
    fn step(&self, now: Instant) -> u64 {
        let passed = (now - self.began).as_secs_f64();
        let share = match self.ends {
            Some(ends) => passed / (ends - self.began).as_secs_f64().max(0.001),
            None => passed / (passed + 60.0),
        };
        ((share * STEPS as f64) as u64).clamp(1, STEPS - 1)
    }
}

async fn received(socket: &mut Option<Socket>) -> Result<String, u16> {
    match socket {
        Some(socket) => socket.receive().await,
        None => std::future::pending().await,
    }
}

async fn finished(upload: &mut Option<BoxFuture<'static, Event>>) -> Event {
    match upload {
        Some(upload) => upload.await,
        None => std::future::pending().await,
    }
}
