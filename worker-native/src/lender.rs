//! One lent core: a loop that trains slices and carries out what the volunteer's conversation says.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, Sender},
    },
    time::{Duration, Instant},
};

use tabsweep_labelling::{ChunkFiles, Labeller};
use tabsweep_protocol::{
    LabelLease, Lease, LeaseToken, Numerics, Sha256, WorkerId, limits::UPLOAD_BYTES,
};
use tabsweep_trainer::{Hyperparameters, NUMERICS_VERSION, Training, TrainingData, sha256_hex};
use tabsweep_volunteer::{Action, Connection, Event, Identity, Upload, Uploaded, Volunteer};
use tokio::{runtime::Handle, task::JoinHandle};

use crate::{
    Address,
    data::{DataSets, FetchError},
    display::Line,
    http::{Http, HttpError},
    labels, slice,
    socket::Socket,
};

const TICK: Duration = Duration::from_millis(200);
/// How long a worker that was asked to stop tries to leave a checkpoint behind, or to claim.
const LAST_WORK: Duration = Duration::from_secs(10);
/// How long the last words on a socket may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Something that reached the worker's loop.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// From the socket with this number.
    Socket { number: u32, event: Event },
    /// From something begun for a lease.
    ForLease { token: LeaseToken, event: Event },
    /// What a trial needs has arrived, or can't be had.
    Fetched {
        lease: Box<Lease>,
        fetched: Result<Fetched, FetchError>,
    },
    /// What a chunk needs has arrived, or can't be had.
    FetchedLabels {
        lease: Box<LabelLease>,
        fetched: Result<ChunkFiles, HttpError>,
    },
    /// The volunteer wants it to end.
    Stop,
}

/// All that a trial needs.
#[derive(Debug)]
pub(crate) struct Fetched {
    data: TrainingData,
    checkpoint: Option<Vec<u8>>,
}

/// Why a worker's loop ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The volunteer wanted it.
    Stopped,
    /// The server runs another build; its words, if it had any.
    OtherBuild { reason: String },
    /// The server does not know the volunteer.
    Unregistered,
}

/// What all workers of the process share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) runtime: Handle,
    pub(crate) address: Address,
    pub(crate) http: Http,
    pub(crate) data: Arc<DataSets>,
}

/// One worker, in a thread of its own.
pub(crate) struct Lender {
    shared: Shared,
    began: Instant,
    line: Line,
    incoming: Sender<Incoming>,
    volunteer: Volunteer,
    socket: Option<Socket>,
    socket_number: u32,
    /// The last socket, as long as it has something to say.
    closing: Option<JoinHandle<()>>,
    training: Option<Training>,
    labeller: Labeller,
    /// What the server said last when it closed a socket.
    closed_because: String,
    farewell: Option<Farewell>,
    end: Option<End>,
}

/// A worker that was asked to stop, and has something to bring to an end.
#[derive(Debug)]
struct Farewell {
    until: Instant,
    /// The lease in hand when it was asked.
    token: LeaseToken,
    /// The step of the checkpoint that is on its way; none while a claim is.
    step: Option<u64>,
}

impl Lender {
    pub(crate) fn new(
        shared: Shared,
        volunteer_token: String,
        worker: WorkerId,
        line: Line,
        incoming: Sender<Incoming>,
    ) -> Self {
        let identity = Identity {
            volunteer_token,
            worker,
            numerics: Numerics(NUMERICS_VERSION),
        };
        Self {
            shared,
            began: Instant::now(),
            line,
            incoming,
            volunteer: Volunteer::new(identity),
            socket: None,
            socket_number: 0,
            closing: None,
            training: None,
            labeller: Labeller::default(),
            closed_because: String::new(),
            farewell: None,
            end: None,
        }
    }

    /// Works until it is told to stop, or can't go on.
    pub(crate) fn run(mut self, events: &Receiver<Incoming>) -> End {
        self.handle(Event::Tick);
        let mut ticked = Instant::now();
        while self.end.is_none() {
            while let Ok(incoming) = events.try_recv() {
                self.take_in(incoming);
            }
            if ticked.elapsed() >= TICK {
                self.handle(Event::Tick);
                self.say_farewell_if_late();
                ticked = Instant::now();
            }
            self.line.show(&self.volunteer.status());
            if self.volunteer.trains() && self.farewell.is_none() {
                self.train();
            } else if self.volunteer.labels() {
                self.label();
            } else if self.end.is_none()
                && let Ok(incoming) = events.recv_timeout(TICK)
            {
                self.take_in(incoming);
            }
        }
        self.socket
            .take()
            .into_iter()
            .for_each(|socket| self.closing = Some(socket.close()));
        if let Some(closing) = self.closing.take() {
            let said = async { tokio::time::timeout(LAST_WORDS, closing).await };
            let _ = self.shared.runtime.block_on(said);
        }
        self.line.end();
        self.end.unwrap_or(End::Stopped)
    }

    fn take_in(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Socket { number, event } if number == self.socket_number => {
                if let Event::Closed { reason, .. } = &event {
                    self.closed_because.clone_from(reason);
                }
                self.handle(event);
            }
            // From a socket that has been replaced.
            Incoming::Socket { .. } => {}
            Incoming::ForLease { token, event } => {
                if self.volunteer.lease() == Some(&token) {
                    let is_last = self.ends_farewell(&event);
                    self.handle(event);
                    if is_last {
                        self.stop();
                    }
                }
            }
            Incoming::Fetched { lease, fetched } => {
                if self.volunteer.lease() == Some(&lease.token) {
                    self.prepared(&lease, fetched);
                }
            }
            Incoming::FetchedLabels { lease, fetched } => {
                if self.volunteer.lease() == Some(&lease.token) {
                    self.labels_fetched(&lease, fetched);
                }
            }
            Incoming::Stop => self.take_leave(),
        }
        let claimed = self.farewell.as_ref();
        if claimed.is_some_and(|farewell| self.volunteer.lease() != Some(&farewell.token)) {
            self.stop();
        }
    }

    fn handle(&mut self, event: Event) {
        let now_millis = self.began.elapsed().as_millis() as u64;
        for action in self.volunteer.handle(event, now_millis) {
            self.act(action);
        }
        if self.end.is_none() && self.volunteer.status().connection == Connection::Closed {
            self.end = Some(End::Stopped);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect => self.connect(),
            Action::Send(message) => {
                if let Some(socket) = &self.socket {
                    socket.send(message);
                }
            }
            Action::Disconnect => self.closing = self.socket.take().map(Socket::close),
            Action::Prepare(lease) => self.prepare(lease),
            Action::Upload(upload) => self.upload(upload),
            Action::PrepareLabels(lease) => self.prepare_labels(lease),
            Action::Forget => {
                self.training = None;
                self.labeller.forget();
            }
            Action::Reload => {
                let reason = std::mem::take(&mut self.closed_because);
                self.end = Some(End::OtherBuild { reason });
            }
            Action::Register => self.end = Some(End::Unregistered),
        }
    }

    fn connect(&mut self) {
        self.socket_number += 1;
        let (url, number) = (self.shared.address.socket(), self.socket_number);
        let socket = Socket::open(&self.shared.runtime, url, number, &self.incoming);
        self.socket = Some(socket);
    }

    fn prepare(&self, lease: Box<Lease>) {
        let (shared, incoming) = (self.shared.clone(), self.incoming.clone());
        self.shared.runtime.spawn(async move {
            let fetched = fetch(&shared, &lease).await;
            let _ = incoming.send(Incoming::Fetched { lease, fetched });
        });
    }

    fn prepared(&mut self, lease: &Lease, fetched: Result<Fetched, FetchError>) {
        let is_network = matches!(fetched, Err(FetchError::Network(_)));
        let training = fetched
            .map_err(|error| error.to_string())
            .and_then(|fetched| begin(lease, fetched));
        let event = match training {
            Ok(training) => {
                let prepared = Event::Prepared {
                    step: training.step(),
                    steps: training.total_steps(),
                    steps_per_epoch: training.steps_per_epoch(),
                };
                self.training = Some(training);
                prepared
            }
            Err(reason) => {
                let trial = lease.trial;
                self.line
                    .say(&format!("trial {trial} can't be trained here: {reason}"));
                Event::WorkFailed { is_network }
            }
        };
        self.handle(event);
    }

    fn prepare_labels(&self, lease: Box<LabelLease>) {
        let (http, incoming) = (self.shared.http.clone(), self.incoming.clone());
        let has_model = self.labeller.has_model(&lease.model);
        self.shared.runtime.spawn(async move {
            let fetched = labels::fetch(&http, &lease, has_model).await;
            let _ = incoming.send(Incoming::FetchedLabels { lease, fetched });
        });
    }

    fn labels_fetched(&mut self, lease: &LabelLease, fetched: Result<ChunkFiles, HttpError>) {
        let is_network = fetched.is_err();
        let begun = fetched
            .map_err(|error| error.to_string())
            .and_then(|files| {
                let begun = self.labeller.begin(lease, files);
                begun.map_err(|error| error.to_string())
            });
        self.handle(match begun {
            Ok(()) => Event::PicturesReady,
            Err(reason) => {
                let job = &lease.job_name;
                self.line
                    .say(&format!("{job}: pictures can't be labelled here: {reason}"));
                Event::WorkFailed { is_network }
            }
        });
    }

    fn label(&mut self) {
        match labels::advance(&mut self.labeller) {
            Ok(pictures) => self.handle(Event::Labelled { pictures }),
            Err(error) => {
                self.line
                    .say(&format!("pictures can't be labelled here: {error}"));
                self.handle(Event::WorkFailed { is_network: false });
            }
        }
    }

    fn train(&mut self) {
        let Some(training) = &mut self.training else {
            return;
        };
        match slice::train(training) {
            Ok(slices) => {
                for slice in slices {
                    self.handle(Event::Trained(slice));
                }
            }
            Err(error) => {
                self.line
                    .say(&format!("the trial can't be trained here: {error}"));
                self.handle(Event::WorkFailed { is_network: false });
            }
        }
    }

    fn upload(&self, upload: Upload) {
        let (Some((bytes, step)), Some(token)) =
            (self.to_upload(upload), self.volunteer.lease().cloned())
        else {
            return;
        };
        let sha256: Sha256 = sha256_hex(&bytes).parse().expect("a SHA-256 is 64 digits");
        let (http, incoming) = (self.shared.http.clone(), self.incoming.clone());
        self.shared.runtime.spawn(async move {
            let event = match http.upload(&sha256, &token, bytes).await {
                Ok(()) => Event::Uploaded(Uploaded {
                    upload,
                    step,
                    sha256,
                }),
                Err(error) => failed(upload, &error),
            };
            let _ = incoming.send(Incoming::ForLease { token, event });
        });
    }

    /// The bytes, and the optimiser steps that they contain.
    fn to_upload(&self, upload: Upload) -> Option<(Vec<u8>, u64)> {
        if upload == Upload::Answers {
            return Some((self.labeller.answers()?, 0));
        }
        let training = self.training.as_ref()?;
        let bytes = match upload {
            Upload::Checkpoint => training.checkpoint(),
            Upload::Weights | Upload::Answers => training.weights(),
        };
        Some((bytes, training.step()))
    }

    /// Leaves a checkpoint behind, or waits for a claim that is under way, before it stops.
    fn take_leave(&mut self) {
        if self.farewell.is_some() {
            return;
        }
        let (Some(training), Some(token)) = (&self.training, self.volunteer.lease().cloned())
        else {
            return self.stop();
        };
        let step = self.volunteer.trains().then(|| training.step());
        if step.is_some() {
            self.upload(Upload::Checkpoint);
        }
        self.farewell = Some(Farewell {
            until: Instant::now() + LAST_WORK,
            token,
            step,
        });
    }

    /// Whether the checkpoint that the worker leaves behind has arrived, or won't.
    fn ends_farewell(&self, event: &Event) -> bool {
        let Some(Farewell {
            step: Some(step), ..
        }) = self.farewell
        else {
            return false;
        };
        match event {
            Event::Uploaded(uploaded) => uploaded.step == step,
            Event::UploadFailed { .. } => true,
            _ => false,
        }
    }

    fn say_farewell_if_late(&mut self) {
        let now = Instant::now();
        if self
            .farewell
            .as_ref()
            .is_some_and(|farewell| farewell.until <= now)
        {
            self.stop();
        }
    }

    fn stop(&mut self) {
        self.farewell = None;
        self.handle(Event::Stop);
        self.end.get_or_insert(End::Stopped);
    }
}

fn failed(upload: Upload, error: &HttpError) -> Event {
    tracing::debug!("an upload did not arrive: {error}");
    Event::UploadFailed {
        upload,
        refused: error.is_refusal(),
    }
}

async fn fetch(shared: &Shared, lease: &Lease) -> Result<Fetched, FetchError> {
    let checkpoint = async {
        match &lease.checkpoint {
            None => Ok(None),
            Some(checkpoint) => {
                let blob = shared
                    .http
                    .blob(&checkpoint.sha256, &lease.token, UPLOAD_BYTES);
                Ok(Some(blob.await?))
            }
        }
    };
    let (data, checkpoint) = tokio::try_join!(shared.data.of(lease), checkpoint)?;
    Ok(Fetched { data, checkpoint })
}

fn begin(lease: &Lease, fetched: Fetched) -> Result<Training, String> {
    let setting = serde_json::to_value(&lease.parameters).map_err(|error| error.to_string())?;
    let setting = setting.as_object().cloned().unwrap_or_default();
    let setting = Hyperparameters::from_json(&setting).map_err(|error| error.to_string())?;
    let Fetched { data, checkpoint } = fetched;
    let seed = lease.seed.0;
    let training = match checkpoint {
        None => Training::new(setting, seed, data).map_err(|error| error.to_string())?,
        Some(bytes) => {
            Training::resume(setting, seed, data, &bytes).map_err(|error| error.to_string())?
        }
    };
    let announced = lease.checkpoint.as_ref().map_or(0, |known| known.step);
    // Somebody may have said more than is true, to be credited with it.
    match training.step() {
        step if step == announced => Ok(training),
        step => Err(format!(
            "the checkpoint is of step {step}, not of step {announced}"
        )),
    }
}
