//! One lent core: a loop that trains slices and carries out what the volunteer's conversation says.

use std::rc::Rc;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::{StreamExt, future::try_join};
use js_sys::Function;
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{BlobRef, Lease, LeaseToken, Numerics, Sha256, WorkerId};
use tabsweep_trainer::{
    Hyperparameters, ImageSet, NUMERICS_VERSION, Training, TrainingData, sha256_hex,
};
use tabsweep_volunteer::{Action, Event, Identity, Upload, Uploaded, Volunteer, WorkerStatus};
use wasm_bindgen::{JsCast, closure::Closure, prelude::*};
use wasm_bindgen_futures::spawn_local;

use crate::{
    http::{self, HttpError},
    slice,
    socket::Socket,
    turn::{Turn, now_millis, scope},
};

const TICK_MILLIS: i32 = 200;
/// A page needs no more than some pictures a second.
const STATUS_MILLIS: f64 = 200.0;

/// What the page says when it starts a worker.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// `ws://…/api/work`.
    socket_url: String,
    /// `http://…`, without a slash at the end.
    base_url: String,
    /// The volunteer's secret.
    volunteer_token: String,
    /// Names this worker.
    worker: WorkerId,
}

/// What the page is told.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum LenderEvent {
    /// What the worker does now.
    Status { status: WorkerStatus },
    /// The server runs another build: load the page anew.
    Reload,
    /// The server does not know the volunteer: register anew.
    Register,
    /// The worker can't go on.
    Failed { reason: String },
}

/// Something that reached the worker's loop.
pub(crate) enum Incoming {
    /// From the socket with this number.
    Socket { number: u32, event: Event },
    /// From something begun for a lease.
    ForLease { token: LeaseToken, event: Event },
    /// A trial is ready to be trained, or can't be.
    Ready {
        token: LeaseToken,
        ready: Box<Result<Ready, NotReady>>,
    },
    /// Time has passed.
    Tick,
    /// The page wants it to end.
    Stop,
}

/// All that a trial needs.
pub(crate) struct Ready {
    training: Training,
    data: CachedData,
}

/// Why a trial can't be trained.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReady {
    /// What it needs did not arrive.
    #[error("{0}")]
    Network(#[from] HttpError),
    /// The trainer does not take it.
    #[error("{0}")]
    Trainer(String),
}

/// A data set, kept from one trial to the next.
#[derive(Clone)]
struct CachedData {
    names: (Sha256, Sha256),
    data: TrainingData,
}

/// One worker, in a Web Worker of its own.
#[wasm_bindgen]
pub struct Lender {
    incoming: UnboundedSender<Incoming>,
}

#[wasm_bindgen]
impl Lender {
    /// Starts a worker. `options` is JSON: `socket_url`, `base_url`, `volunteer_token`, `worker`.
    /// `on_event` gets JSON: `event` is `status`, `reload`, `register` or `failed`.
    ///
    /// # Errors
    /// The options are wrong.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str, on_event: Function) -> Result<Lender, JsError> {
        let options: Options = serde_json::from_str(options)?;
        let (incoming, events) = unbounded();
        let turn = Turn::new().map_err(|_| JsError::new("this browser has no MessageChannel"))?;
        let identity = Identity {
            volunteer_token: options.volunteer_token.clone(),
            worker: options.worker.clone(),
            numerics: Numerics(NUMERICS_VERSION),
        };
        let worker = Worker {
            options: Rc::new(options),
            on_event,
            incoming: incoming.clone(),
            volunteer: Volunteer::new(identity),
            socket: None,
            socket_number: 0,
            training: None,
            data: None,
            shown_at_millis: f64::NEG_INFINITY,
            turn,
            ended: false,
        };
        spawn_local(worker.run(events));
        Ok(Lender { incoming })
    }

    /// Gives the trial back and closes the socket.
    pub fn stop(&self) {
        let _ = self.incoming.unbounded_send(Incoming::Stop);
    }
}

struct Worker {
    options: Rc<Options>,
    on_event: Function,
    incoming: UnboundedSender<Incoming>,
    volunteer: Volunteer,
    socket: Option<Socket>,
    socket_number: u32,
    training: Option<Training>,
    data: Option<CachedData>,
    shown_at_millis: f64,
    turn: Turn,
    ended: bool,
}

impl Worker {
    async fn run(mut self, mut events: UnboundedReceiver<Incoming>) {
        let ticker = self.start_ticker();
        self.take_in(Incoming::Tick);
        while !self.ended {
            while let Ok(incoming) = events.try_recv() {
                self.take_in(incoming);
            }
            self.show(false);
            if self.volunteer.trains() {
                self.train();
                self.turn.take().await;
            } else if !self.ended {
                let Some(incoming) = events.next().await else {
                    break;
                };
                self.take_in(incoming);
            }
        }
        self.show(true);
        scope().clear_interval_with_handle(ticker.0);
    }

    fn start_ticker(&self) -> (i32, Closure<dyn FnMut()>) {
        let incoming = self.incoming.clone();
        let tick = Closure::new(move || drop(incoming.unbounded_send(Incoming::Tick)));
        let handle = scope().set_interval_with_callback_and_timeout_and_arguments_0(
            tick.as_ref().unchecked_ref(),
            TICK_MILLIS,
        );
        (handle.unwrap_or_default(), tick)
    }

    fn take_in(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Socket { number, event } if number == self.socket_number => {
                self.handle(event);
            }
            // From a socket that has been replaced, or for a lease that has been given up.
            Incoming::Socket { .. } => {}
            Incoming::ForLease { token, event } => {
                if self.volunteer.lease() == Some(&token) {
                    self.handle(event);
                }
            }
            Incoming::Ready { token, ready } => {
                if self.volunteer.lease() == Some(&token) {
                    self.prepared(*ready);
                }
            }
            Incoming::Tick => self.handle(Event::Tick),
            Incoming::Stop => {
                self.handle(Event::Stop);
                self.ended = true;
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let connection = self.volunteer.status().connection;
        for action in self.volunteer.handle(event, now_millis() as u64) {
            self.act(action);
        }
        if self.volunteer.status().connection != connection {
            self.show(true);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect => self.connect(),
            Action::Send(message) => {
                if let Some(socket) = &self.socket {
                    socket.send(&message);
                }
            }
            Action::Disconnect => self.socket = None,
            Action::Prepare(lease) => self.prepare(*lease),
            Action::Upload(upload) => self.upload(upload),
            Action::Forget => self.training = None,
            Action::Reload => self.end(&LenderEvent::Reload),
            Action::Register => self.end(&LenderEvent::Register),
        }
    }

    fn end(&mut self, event: &LenderEvent) {
        self.tell(event);
        self.socket = None;
        self.training = None;
        self.ended = true;
    }

    fn connect(&mut self) {
        self.socket_number += 1;
        let number = self.socket_number;
        match Socket::open(&self.options.socket_url, number, &self.incoming) {
            Ok(socket) => self.socket = Some(socket),
            Err(error) => {
                let reason = format!("{error:?}");
                self.end(&LenderEvent::Failed { reason });
            }
        }
    }

    fn prepare(&self, lease: Lease) {
        let (options, incoming, cached) = (
            self.options.clone(),
            self.incoming.clone(),
            self.data.clone(),
        );
        spawn_local(async move {
            let token = lease.token.clone();
            let ready = Box::new(ready(&options.base_url, lease, cached).await);
            let _ = incoming.unbounded_send(Incoming::Ready { token, ready });
        });
    }

    fn prepared(&mut self, ready: Result<Ready, NotReady>) {
        let event = match ready {
            Ok(Ready { training, data }) => {
                let prepared = Event::Prepared {
                    step: training.step(),
                    steps: training.total_steps(),
                    steps_per_epoch: training.steps_per_epoch(),
                };
                self.training = Some(training);
                self.data = Some(data);
                prepared
            }
            Err(error) => {
                warn(&error);
                Event::WorkFailed {
                    is_network: matches!(error, NotReady::Network(_)),
                }
            }
        };
        self.handle(event);
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
            Err(reason) => {
                warn(&NotReady::Trainer(reason));
                self.handle(Event::WorkFailed { is_network: false });
            }
        }
    }

    fn upload(&self, upload: Upload) {
        let (Some(training), Some(token)) = (&self.training, self.volunteer.lease()) else {
            return;
        };
        let (bytes, step) = match upload {
            Upload::Checkpoint => (training.checkpoint(), training.step()),
            Upload::Weights => (training.weights(), training.step()),
        };
        let sha256: Sha256 = sha256_hex(&bytes).parse().expect("a SHA-256 is 64 digits");
        let (options, incoming, token) =
            (self.options.clone(), self.incoming.clone(), token.clone());
        spawn_local(async move {
            let event = match http::upload(&options.base_url, &sha256, &token, &bytes).await {
                Ok(()) => Event::Uploaded(Uploaded {
                    upload,
                    step,
                    sha256,
                }),
                Err(error) => Event::UploadFailed {
                    upload,
                    refused: error.is_refusal(),
                },
            };
            let _ = incoming.unbounded_send(Incoming::ForLease { token, event });
        });
    }

    fn show(&mut self, at_once: bool) {
        let now_millis = now_millis();
        if at_once || now_millis - self.shown_at_millis >= STATUS_MILLIS {
            self.shown_at_millis = now_millis;
            self.tell(&LenderEvent::Status {
                status: self.volunteer.status(),
            });
        }
    }

    fn tell(&self, event: &LenderEvent) {
        let json = serde_json::to_string(event).expect("events hold nothing that JSON can't");
        // A page that throws is not the worker's business.
        let _ = self.on_event.call1(&JsValue::NULL, &json.into());
    }
}

/// The page shows that a trial could not be trained; why is for the curious.
fn warn(error: &NotReady) {
    web_sys::console::warn_1(&error.to_string().into());
}

async fn ready(
    base_url: &str,
    lease: Lease,
    cached: Option<CachedData>,
) -> Result<Ready, NotReady> {
    let setting = serde_json::to_value(&lease.parameters).map_err(trainer_error)?;
    let setting = setting.as_object().cloned().unwrap_or_default();
    let hyperparameters = Hyperparameters::from_json(&setting).map_err(trainer_error)?;
    let data = async {
        match cached {
            Some(cached) if cached.names == names(&lease) => Ok(cached),
            _ => fetch_data(base_url, &lease).await,
        }
    };
    let (data, checkpoint) = try_join(data, fetch_checkpoint(base_url, &lease)).await?;
    let (seed, images) = (lease.seed.0, data.data.clone());
    let training = match checkpoint {
        None => Training::new(hyperparameters, seed, images).map_err(trainer_error)?,
        Some(bytes) => {
            Training::resume(hyperparameters, seed, images, &bytes).map_err(trainer_error)?
        }
    };
    Ok(Ready { training, data })
}

fn trainer_error(error: impl std::fmt::Display) -> NotReady {
    NotReady::Trainer(error.to_string())
}

fn names(lease: &Lease) -> (Sha256, Sha256) {
    (
        lease.data.training.sha256.clone(),
        lease.data.validation.sha256.clone(),
    )
}

async fn fetch_data(base_url: &str, lease: &Lease) -> Result<CachedData, NotReady> {
    let names = names(lease);
    let classes = lease.data.classes as usize;
    let fetch = async |name, blob: &BlobRef| {
        let blob = http::data(base_url, blob, &lease.token).await?;
        ImageSet::from_blob(name, blob, classes).map_err(trainer_error)
    };
    let training = fetch("training", &lease.data.training);
    let validation = fetch("validation", &lease.data.validation);
    let (training, validation) = try_join(training, validation).await?;
    let data = TrainingData::new(training, validation, classes).map_err(trainer_error)?;
    Ok(CachedData { names, data })
}

async fn fetch_checkpoint(base_url: &str, lease: &Lease) -> Result<Option<Vec<u8>>, NotReady> {
    let Some(checkpoint) = &lease.checkpoint else {
        return Ok(None);
    };
    let bytes = http::checkpoint(base_url, &checkpoint.sha256, &lease.token).await?;
    Ok(Some(bytes))
}
