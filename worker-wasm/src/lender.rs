//! One lent core: a loop that trains slices and carries out what the volunteer's conversation says.

use std::rc::Rc;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::StreamExt;
use js_sys::{Function, Uint8Array};
use serde::{Deserialize, Serialize};
use tabsweep_labelling::{ChunkFiles, Labeller};
use tabsweep_protocol::{LabelLease, Lease, LeaseToken, Numerics, Sha256, WorkerId};
use tabsweep_trainer::{NUMERICS_VERSION, Training, sha256_hex};
use tabsweep_volunteer::{
    Action, Event, Identity, Slice, Upload, Uploaded, Volunteer, WorkerStatus,
};
use wasm_bindgen::{JsCast, closure::Closure, prelude::*};
use wasm_bindgen_futures::spawn_local;

use crate::{
    http::{self, HttpError},
    labels,
    pacing::{Cost, Pace, Pacer, Slowdown},
    preparation::{CachedData, NotReady, Ready, ready},
    scored::ScoredEpoch,
    slice,
    socket::Socket,
    turn::{Alarm, Turn, now_millis, scope},
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
    Status {
        status: WorkerStatus,
        /// Why it is slower than it was, if it is.
        slowdown: Option<Slowdown>,
        /// Images trained on since the worker started.
        images: f64,
    },
    /// An epoch has been scored; the pixels of what was wrong travel beside it.
    Epoch(ScoredEpoch),
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
    /// What a chunk needs has arrived, or can't be had.
    FetchedLabels {
        lease: Box<LabelLease>,
        fetched: Result<ChunkFiles, HttpError>,
    },
    /// Time has passed.
    Tick,
    /// A rest may be over.
    Rested,
    /// The volunteer wants the core to be worked more or less.
    Pace(Pace),
    /// The page wants it to end.
    Stop,
}

/// One worker, in a Web Worker of its own.
#[wasm_bindgen]
pub struct Lender {
    incoming: UnboundedSender<Incoming>,
}

#[wasm_bindgen]
impl Lender {
    /// Starts a worker. `options` is JSON: `socket_url`, `base_url`, `volunteer_token`, `worker`.
    /// `on_event` gets JSON: `event` is `status`, `epoch`, `reload`, `register` or `failed`; with an
    /// `epoch` also the pixels of the images it names, as bytes.
    ///
    /// # Errors
    /// The options are wrong.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &str, on_event: Function) -> Result<Lender, JsError> {
        let options: Options = serde_json::from_str(options)?;
        let (incoming, events) = unbounded();
        let turn = Turn::new().map_err(|_| JsError::new("this browser has no MessageChannel"))?;
        let waker = incoming.clone();
        let alarm = Alarm::new(move || drop(waker.unbounded_send(Incoming::Rested)));
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
            labeller: Labeller::default(),
            pacer: Pacer::default(),
            rests_until_millis: f64::NEG_INFINITY,
            alarm,
            images: 0.0,
            shown_at_millis: f64::NEG_INFINITY,
            turn,
            ended: false,
        };
        spawn_local(worker.run(events));
        Ok(Lender { incoming })
    }

    /// Changes how hard the core is worked, from now on. `pace` is JSON: `power_percent`, `yields`,
    /// `is_hidden`, `training_cores`.
    ///
    /// # Errors
    /// The pace is wrong.
    pub fn change_pace(&self, pace: &str) -> Result<(), JsError> {
        let pace = serde_json::from_str(pace)?;
        let _ = self.incoming.unbounded_send(Incoming::Pace(pace));
        Ok(())
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
    labeller: Labeller,
    pacer: Pacer,
    /// Before that there is no work.
    rests_until_millis: f64,
    alarm: Alarm,
    /// Images trained on.
    images: f64,
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
            if self.volunteer.trains() && !self.rests() {
                self.train();
                self.turn.take().await;
            } else if self.volunteer.labels() && !self.rests() {
                self.label();
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
            Incoming::FetchedLabels { lease, fetched } => {
                if self.volunteer.lease() == Some(&lease.token) {
                    self.labels_fetched(&lease, fetched);
                }
            }
            Incoming::Tick => self.handle(Event::Tick),
            // What there was to do, the loop sees.
            Incoming::Rested => {}
            Incoming::Pace(pace) => {
                if self.pacer.change(pace) {
                    self.rests_until_millis = f64::NEG_INFINITY;
                }
            }
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
            Action::PrepareLabels(lease) => self.prepare_labels(lease),
            Action::Forget => {
                self.training = None;
                self.labeller.forget();
            }
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
                self.pacer.begin_trial();
                prepared
            }
            Err(error) => failed(&error),
        };
        self.handle(event);
    }

    fn prepare_labels(&self, lease: Box<LabelLease>) {
        let (options, incoming) = (self.options.clone(), self.incoming.clone());
        let has_model = self.labeller.has_model(&lease.model);
        spawn_local(async move {
            let fetched = labels::fetch(&options.base_url, &lease, has_model).await;
            let _ = incoming.unbounded_send(Incoming::FetchedLabels { lease, fetched });
        });
    }

    fn labels_fetched(&mut self, lease: &LabelLease, fetched: Result<ChunkFiles, HttpError>) {
        let begun = fetched
            .map_err(NotReady::from)
            .and_then(|files| Ok(self.labeller.begin(lease, files)?));
        self.handle(match begun {
            Ok(()) => Event::PicturesReady,
            Err(error) => failed(&error),
        });
    }

    fn label(&mut self) {
        match labels::advance(&mut self.labeller) {
            Ok((pictures, cost)) => {
                self.rest_after(cost);
                self.handle(Event::Labelled { pictures });
            }
            Err(error) => self.handle(failed(&error)),
        }
    }

    fn train(&mut self) {
        let Some(training) = &mut self.training else {
            return;
        };
        match slice::train(training) {
            Ok(trained) => {
                self.rest_after(trained.cost);
                for slice in trained.slices {
                    self.tell_epoch(&slice);
                    self.handle(Event::Trained(slice));
                }
            }
            Err(reason) => {
                warn(&NotReady::Trainer(reason));
                self.handle(Event::WorkFailed { is_network: false });
            }
        }
    }

    fn rest_after(&mut self, cost: Cost) {
        self.images += f64::from(cost.images);
        let rest_millis = self.pacer.rest_millis(cost);
        if rest_millis > 0.0 {
            self.rests_until_millis = now_millis() + rest_millis;
            self.alarm.set(rest_millis);
        }
    }

    fn rests(&self) -> bool {
        // Timers may be a fraction early.
        now_millis() + 1.0 < self.rests_until_millis
    }

    fn tell_epoch(&self, slice: &Slice) {
        let (Some(training), Some(lease)) = (&self.training, self.volunteer.lease_in_hand()) else {
            return;
        };
        if let Some((epoch, pixels)) = ScoredEpoch::of(slice, lease, training) {
            let pixels = Uint8Array::from(pixels.as_slice());
            self.call(&LenderEvent::Epoch(epoch), &pixels);
        }
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

    fn upload(&self, upload: Upload) {
        let (Some((bytes, step)), Some(token)) = (self.to_upload(upload), self.volunteer.lease())
        else {
            return;
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
                slowdown: self.pacer.slowdown(),
                images: self.images,
            });
        }
    }

    fn tell(&self, event: &LenderEvent) {
        self.call(event, &JsValue::UNDEFINED);
    }

    fn call(&self, event: &LenderEvent, pixels: &JsValue) {
        let json = serde_json::to_string(event).expect("events hold nothing that JSON can't");
        // A page that throws is not the worker's business.
        let _ = self.on_event.call2(&JsValue::NULL, &json.into(), pixels);
    }
}

fn failed(error: &NotReady) -> Event {
    warn(error);
    Event::WorkFailed {
        is_network: matches!(error, NotReady::Network(_)),
    }
}

/// The page shows that a trial could not be trained; why is for the curious.
fn warn(error: &NotReady) {
    web_sys::console::warn_1(&error.to_string().into());
}
