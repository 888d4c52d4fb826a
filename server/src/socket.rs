//! One worker's WebSocket: greet, hand out, listen. What a message means for a trial is decided by
//! the store; here are order, limits and close codes.

mod labelling;
mod limits;

use std::time::{Duration, Instant};

use axum::{
    Error,
    extract::{
        ConnectInfo, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use tabsweep_protocol::{
    BUILD, CheckpointRef, Claim, ClaimAnswer, Epoch, Hello, JobId, Lease, LeaseToken, NoWork,
    NoWorkReason, Progress, Release, ReleaseReason, SUBPROTOCOL, ServerMessage, Stop, StopReason,
    StudyId, VERSION, Welcome, WorkerId, WorkerMessage,
    limits::{MESSAGE_BYTES, close},
};
use tabsweep_study::{Grant, Trial};
use tokio::{
    sync::watch,
    time::{interval, timeout},
};

use self::limits::{Rate, check_epoch, check_figures, check_step};
use crate::{
    app::{SharedApp, ended},
    listener::Peer,
    pace::Pace,
    problem::Problem,
    roster::{Order, Place, PlaceId, Seat, TrialInHand},
    secret::{lease_token, sha256_hex},
    store::{Heard, Leased, NextLease, StoreError, StoredStudy, Volunteer},
    verification::{self, NUMERICS},
};

const HELLO_WITHIN: Duration = Duration::from_secs(10);
const SEND_WITHIN: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(20);
/// Silence, pongs included, after which a socket counts as dead.
const SILENCE: Duration = Duration::from_secs(65);

/// Turns a request into a worker's socket.
pub(crate) async fn upgrade(
    State(app): State<SharedApp>,
    ConnectInfo(Peer(address)): ConnectInfo<Peer>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let most = app.settings.sockets_per_address;
    let Some(seat) = app.roster.seat(address.ip(), most) else {
        let title = "Too many sockets";
        let detail = format!("at most {most} sockets from one address");
        return Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_sockets",
            title,
            detail,
        )
        .into_response();
    };
    upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES)
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(256 * 1024)
        .on_upgrade(move |socket| serve(app, seat, socket))
}

/// Why a socket ends.
#[derive(Debug)]
enum End {
    /// The other side closed, or the connection broke.
    Gone,
    /// The server closes, and says why.
    Close { code: u16, reason: String },
}

impl End {
    fn close(code: u16, reason: impl Into<String>) -> Self {
        // A close frame has room for 123 bytes (RFC 6455, section 5.5).
        let mut reason = reason.into();
        while reason.len() > 123 {
            reason.pop();
        }
        Self::Close { code, reason }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        use tokio_tungstenite::tungstenite::{Error as WsError, error::CapacityError};
        match error.into_inner().downcast::<WsError>().map(|error| *error) {
            Ok(WsError::Capacity(CapacityError::MessageTooLong { size, max_size })) => Self::close(
                close::TOO_BIG,
                format!("{size} bytes, at most {max_size} are taken"),
            ),
            Ok(WsError::Utf8(_)) => Self::close(close::MALFORMED, "the text is not UTF-8"),
            Ok(WsError::Protocol(error)) => Self::close(1002, error.to_string()),
            _ => Self::Gone,
        }
    }
}

async fn serve(app: SharedApp, _seat: Seat, mut socket: WebSocket) {
    let greeting = timeout(HELLO_WITHIN, greet(&app, &mut socket)).await;
    let silent = || {
        Err(End::close(
            close::POLICY,
            "expected a hello within 10 seconds",
        ))
    };
    let end = match greeting.unwrap_or_else(|_| silent()) {
        Ok((hello, volunteer)) => converse(app, &mut socket, hello, volunteer).await,
        Err(end) => end,
    };
    if let End::Close { code, reason } = end {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let _ = timeout(SEND_WITHIN, socket.send(Message::Close(Some(frame)))).await;
    }
}

async fn greet(app: &SharedApp, socket: &mut WebSocket) -> Result<(Hello, Volunteer), End> {
    let message = loop {
        let Some(message) = socket.recv().await else {
            return Err(End::Gone);
        };
        if let Some(message) = decode(message?)? {
            break message;
        }
    };
    let WorkerMessage::Hello(hello) = message else {
        return Err(End::close(
            close::POLICY,
            "expected a hello as the first message",
        ));
    };
    if hello.protocol != VERSION || hello.build != BUILD {
        let reason = format!("this server speaks protocol {VERSION}, build {BUILD}: reload");
        return Err(End::close(close::OUTDATED, reason));
    }
    let token_sha256 = sha256_hex(hello.volunteer_token.as_bytes());
    match app.store.volunteer_by_token(&token_sha256).await {
        Ok(Some(volunteer)) => Ok((hello, volunteer)),
        Ok(None) => Err(End::close(
            close::UNKNOWN_VOLUNTEER,
            "no volunteer has this token",
        )),
        Err(error) => Err(trouble(&error)),
    }
}

fn trouble(error: &StoreError) -> End {
    tracing::error!("{error}");
    End::close(1011, "the server has trouble, come back later")
}

fn decode(message: Message) -> Result<Option<WorkerMessage>, End> {
    match message {
        Message::Text(text) => WorkerMessage::decode(&text)
            .map(Some)
            .map_err(|error| End::close(close::MALFORMED, error.to_string())),
        Message::Binary(_) => Err(End::close(1003, "expected text, found bytes")),
        Message::Ping(_) | Message::Pong(_) => Ok(None),
        Message::Close(_) => Err(End::Gone),
    }
}

async fn converse(
    app: SharedApp,
    socket: &mut WebSocket,
    hello: Hello,
    volunteer: Volunteer,
) -> End {
    let now = app.clock.now();
    let name = (volunteer.id, volunteer.nickname.clone());
    let mut place = app.roster.join(hello.worker.clone(), name, now);
    let mut work = app.work.subscribe();
    let mut conversation = Conversation {
        app: app.clone(),
        socket,
        volunteer,
        worker: hello.worker.clone(),
        place: place.id.clone(),
        held: None,
        wants_work: false,
        told: None,
        rate: Rate::full(),
    };
    let end = match conversation.run(hello.resume, &mut place, &mut work).await {
        Ok(()) => End::Gone,
        Err(end) => end,
    };
    if app.roster.is_current(&place.id) {
        conversation.leave().await;
    }
    app.roster.leave(&place.id);
    end
}

/// The lease that a socket holds.
#[derive(Debug)]
struct Held {
    token: LeaseToken,
    work: HeldWork,
    /// When the deadline was last moved in the store; in between, hearing is enough. Not yet on this
    /// socket after a resumption: the older socket may just have shortened it.
    saved: Option<Instant>,
}

/// What a lease is on.
#[derive(Clone, Copy, Debug)]
enum HeldWork {
    Trial(StudyId),
    Chunk(JobId),
}

struct Conversation<'a> {
    app: SharedApp,
    socket: &'a mut WebSocket,
    volunteer: Volunteer,
    worker: WorkerId,
    place: PlaceId,
    held: Option<Held>,
    wants_work: bool,
    /// The reason that was last given for there being no work.
    told: Option<NoWorkReason>,
    rate: Rate,
}

impl Conversation<'_> {
    async fn run(
        &mut self,
        resume: Option<LeaseToken>,
        place: &mut Place,
        work: &mut watch::Receiver<u64>,
    ) -> Result<(), End> {
        self.welcome(resume).await?;
        if let Err(error) = self
            .app
            .store
            .volunteer_seen(self.volunteer.id, self.app.clock.now())
            .await
        {
            tracing::warn!("{error}");
        }
        let mut shutdown = self.app.shutdown.subscribe();
        let mut pings = interval(PING_EVERY);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    let Some(message) = message else { return Err(End::Gone) };
                    heard = Instant::now();
                    let message = message?;
                    self.rate.take()?;
                    if let Some(message) = decode(message)? {
                        self.hear(message).await?;
                    }
                }
                order = place.orders.recv() => match order {
                    Some(Order::Send(message)) => self.say(message).await?,
                    Some(Order::Stop(Stop { lease, reason })) => {
                        if self.holds(&lease) {
                            self.stop(lease, reason).await?;
                        }
                    }
                    Some(Order::Replaced) | None => {
                        return Err(End::close(close::REPLACED, "this worker has a newer socket"));
                    }
                },
                _ = work.changed(), if self.wants_work => self.hand_out().await?,
                _ = pings.tick() => {
                    if heard.elapsed() > SILENCE {
                        return Err(End::Gone);
                    }
                    self.send(Message::Ping(Default::default())).await?;
                }
                () = ended(&mut shutdown) => {
                    return Err(End::close(close::RESTARTING, "the server is stopping"));
                }
            }
        }
    }

    async fn welcome(&mut self, resume: Option<LeaseToken>) -> Result<(), End> {
        let resumed = match resume {
            Some(token) => self.resume(token).await?,
            None => false,
        };
        let heartbeat_secs = self.app.settings.policy.lease_secs;
        self.say(ServerMessage::Welcome(Welcome {
            protocol: VERSION,
            build: BUILD.to_owned(),
            volunteer: self.volunteer.id,
            resumed,
            heartbeat_secs,
        }))
        .await
    }

    /// Whether the lease is still this volunteer's; then its deadline moves.
    async fn resume(&mut self, token: LeaseToken) -> Result<bool, End> {
        let (now, policy) = (self.app.clock.now(), self.app.settings.policy);
        match self
            .app
            .store
            .heard(&token, self.volunteer.id, policy, now)
            .await
        {
            Ok(()) => {}
            Err(StoreError::NoLease { .. }) => return self.resume_chunk(token).await,
            Err(error) if error.is_refusal() => return Ok(false),
            Err(error) => return Err(trouble(&error)),
        }
        let lease = self
            .app
            .store
            .lease(&token)
            .await
            .map_err(|error| trouble(&error))?;
        let (study, trial, attempt) = (lease.study, lease.number, lease.attempt);
        let in_hand = TrialInHand {
            token: token.clone(),
            study,
            trial,
            attempt,
            progress: None,
        };
        let uploads = self.app.store.uploads_of(&token).await;
        let bytes = uploads.map_err(|error| trouble(&error))?.bytes;
        self.hold(token, study, in_hand, bytes, None);
        Ok(true)
    }

    async fn hear(&mut self, message: WorkerMessage) -> Result<(), End> {
        match message {
            WorkerMessage::Hello(_) => Err(End::close(close::POLICY, "a socket greets only once")),
            WorkerMessage::Ready {} => {
                self.wants_work = true;
                self.told = None;
                self.hand_out().await
            }
            WorkerMessage::Progress(progress) => {
                check_figures(&[progress.loss, progress.images_per_sec])?;
                self.progressed(progress).await
            }
            WorkerMessage::Epoch(epoch) => {
                check_epoch(&epoch)?;
                self.epoch_ended(epoch).await
            }
            WorkerMessage::Checkpoint(checkpoint) => {
                check_step(checkpoint.step)?;
                self.checkpointed(checkpoint).await
            }
            WorkerMessage::Claim(claim) => self.claimed(claim).await,
            WorkerMessage::LabelProgress(progress) => {
                check_figures(&[progress.images_per_sec])?;
                self.label_progressed(progress).await
            }
            WorkerMessage::Labelled(labelled) => self.labelled(labelled).await,
            WorkerMessage::Release(release) => self.released(release).await,
        }
    }

    async fn hand_out(&mut self) -> Result<(), End> {
        if let Some(held) = &self.held {
            // Asking with a lease in hand means that the worker has forgotten it.
            let (token, release) = (held.token.clone(), ReleaseReason::Failed);
            self.released(Release {
                lease: token,
                reason: release,
            })
            .await?;
        }
        let work = self.next_work().await;
        if !matches!(work, NextLease::None(_)) {
            self.wants_work = false;
            self.told = None;
        }
        match work {
            NextLease::Trial(leased) => self.lease(*leased).await,
            NextLease::Chunk(leased) => self.lease_chunk(*leased).await,
            NextLease::None(reason) if self.told != Some(reason) => {
                self.told = Some(reason);
                self.say(ServerMessage::NoWork(NoWork { reason })).await
            }
            NextLease::None(_) => Ok(()),
        }
    }

    async fn next_work(&mut self) -> NextLease {
        let grant = Grant {
            token: lease_token(),
            volunteer: self.volunteer.id,
            worker: self.worker.clone(),
        };
        let (now, policy) = (self.app.clock.now(), self.app.settings.policy);
        let next = self.app.store.lease_next(&grant, policy, NUMERICS, now);
        next.await.unwrap_or_else(|error| {
            tracing::error!("nothing can be leased: {error}");
            NextLease::None(NoWorkReason::ServerTrouble)
        })
    }

    async fn lease(&mut self, leased: Leased) -> Result<(), End> {
        let Leased { study, trial } = leased;
        let Some(token) = trial.current_lease().map(|lease| lease.token.clone()) else {
            return Ok(());
        };
        let in_hand = TrialInHand {
            token: token.clone(),
            study: study.id,
            trial: trial.number,
            attempt: trial.attempts,
            progress: None,
        };
        self.hold(token.clone(), study.id, in_hand, 0, Some(Instant::now()));
        self.app.study_changed(study.id);
        let lease_secs = self.app.settings.policy.lease_secs;
        let lease = lease_message(token, study, trial, lease_secs, self.pace());
        self.say(ServerMessage::Lease(Box::new(lease))).await
    }

    /// How often the worker is to be heard of.
    fn pace(&self) -> Pace {
        Pace::of(self.app.roster.count(), self.app.settings)
    }

    async fn progressed(&mut self, progress: Progress) -> Result<(), End> {
        let Some(study) = self.study_of(&progress.lease) else {
            return self.stop(progress.lease, StopReason::LeaseLost).await;
        };
        self.app.study_changed(study);
        let token = progress.lease.clone();
        self.app.roster.progressed(&self.place, progress);
        if self.was_saved_lately() {
            return Ok(());
        }
        let (now, policy) = (self.app.clock.now(), self.app.settings.policy);
        let heard = self
            .app
            .store
            .heard(&token, self.volunteer.id, policy, now)
            .await;
        self.after(token, heard).await
    }

    /// Whether the deadline was moved so lately that hearing is enough.
    fn was_saved_lately(&self) -> bool {
        let lease_secs = self.app.settings.policy.lease_secs;
        let fresh = Duration::from_secs(u64::from(lease_secs)) / 4;
        let saved = self.held.as_ref().and_then(|held| held.saved);
        saved.is_some_and(|saved| saved.elapsed() < fresh)
    }

    async fn epoch_ended(&mut self, epoch: Epoch) -> Result<(), End> {
        let (now, policy) = (self.app.clock.now(), self.app.settings.policy);
        let is_last = |trial: &Trial| verification::epochs(&trial.parameters) == Some(epoch.epoch);
        let ended = self
            .app
            .store
            .epoch_ended(&epoch, is_last, self.volunteer.id, policy, now)
            .await;
        if matches!(ended, Ok(Heard::Pruned)) {
            let study = self.study_of(&epoch.lease);
            self.stop(epoch.lease, StopReason::Pruned).await?;
            study
                .into_iter()
                .for_each(|study| self.app.study_changed(study));
            return Ok(());
        }
        self.after(epoch.lease, ended.map(drop)).await
    }

    async fn checkpointed(&mut self, checkpoint: CheckpointRef) -> Result<(), End> {
        let (now, policy) = (self.app.clock.now(), self.app.settings.policy);
        let volunteer = self.volunteer.id;
        let kept = self
            .app
            .store
            .checkpointed(&checkpoint, volunteer, policy, now)
            .await;
        self.after(checkpoint.lease, kept).await
    }

    async fn claimed(&mut self, claim: Claim) -> Result<(), End> {
        let (now, volunteer) = (self.app.clock.now(), self.volunteer.id);
        let study = match self.study_of(&claim.lease) {
            Some(study) => Some(study),
            // A late claim; mostly it is known from the lease in hand.
            None => {
                let lease = self.app.store.lease(&claim.lease).await;
                lease.ok().map(|lease| lease.study)
            }
        };
        let taken = self
            .app
            .store
            .claimed(&claim.lease, volunteer, &claim.outcome, now)
            .await;
        if taken.is_ok() {
            self.app.claim_waits();
            study
                .into_iter()
                .for_each(|study| self.app.study_changed(study));
        }
        self.answer_claim(claim.lease, taken).await
    }

    /// Says what became of a claim, of weights or of labels. The lease is over either way.
    async fn answer_claim(
        &mut self,
        lease: LeaseToken,
        taken: Result<(), StoreError>,
    ) -> Result<(), End> {
        let reason = match taken {
            Ok(()) => None,
            Err(error) if error.is_refusal() => Some(error.to_string()),
            // Not answered, so the worker claims again after reconnecting.
            Err(error) => return Err(trouble(&error)),
        };
        if self.holds(&lease) {
            self.let_go();
        }
        let taken = reason.is_none();
        self.say(ServerMessage::ClaimAnswer(ClaimAnswer {
            lease,
            taken,
            reason,
        }))
        .await
    }

    async fn released(&mut self, release: Release) -> Result<(), End> {
        let (now, policy) = (self.app.clock.now(), self.app.settings.policy);
        let Release { lease, reason } = &release;
        let released = self
            .app
            .store
            .released(lease, self.volunteer.id, policy, *reason, now)
            .await;
        if matches!(released, Err(StoreError::NoLease { .. })) {
            return self.chunk_released(release).await;
        }
        if let Some(study) = self.study_of(&release.lease) {
            self.let_go();
            self.app.study_changed(study);
        }
        match released {
            Ok(()) => self.app.work_may_exist(),
            Err(error) if error.is_refusal() => {}
            Err(error) => return Err(trouble(&error)),
        }
        Ok(())
    }

    /// After a change under a lease: fine, or the lease is lost, or the store is in trouble.
    async fn after(&mut self, token: LeaseToken, done: Result<(), StoreError>) -> Result<(), End> {
        match done {
            Ok(()) => {
                if let Some(held) = &mut self.held
                    && held.token == token
                {
                    held.saved = Some(Instant::now());
                    if let HeldWork::Trial(study) = held.work {
                        self.app.study_changed(study);
                    }
                }
                Ok(())
            }
            Err(error) if error.is_refusal() => {
                tracing::debug!("lease refused: {error}");
                self.stop(token, StopReason::LeaseLost).await
            }
            Err(error) => Err(trouble(&error)),
        }
    }

    async fn stop(&mut self, lease: LeaseToken, reason: StopReason) -> Result<(), End> {
        if self.holds(&lease) {
            self.let_go();
        }
        self.say(ServerMessage::Stop(Stop { lease, reason })).await
    }

    fn hold(
        &mut self,
        token: LeaseToken,
        study: StudyId,
        in_hand: TrialInHand,
        uploaded_bytes: u64,
        saved: Option<Instant>,
    ) {
        let roster = &self.app.roster;
        roster.trains(&self.place, in_hand, uploaded_bytes);
        let work = HeldWork::Trial(study);
        self.held = Some(Held { token, work, saved });
    }

    fn let_go(&mut self) {
        self.app.roster.rests(&self.place);
        self.held = None;
    }

    fn holds(&self, token: &LeaseToken) -> bool {
        self.held.as_ref().is_some_and(|held| held.token == *token)
    }

    /// The study of the lease in hand, if `token` is its token and it is one on a trial.
    fn study_of(&self, token: &LeaseToken) -> Option<StudyId> {
        match self.held.as_ref().filter(|held| held.token == *token)?.work {
            HeldWork::Trial(study) => Some(study),
            HeldWork::Chunk(_) => None,
        }
    }

    /// The socket has closed: the lease goes on for the grace.
    async fn leave(&mut self) {
        let Some(held) = self.held.take() else { return };
        let (now, policy) = (self.app.clock.now(), self.app.settings.policy);
        let (store, volunteer) = (&self.app.store, self.volunteer.id);
        let left = match held.work {
            HeldWork::Trial(_) => store.left_alone(&held.token, volunteer, policy, now).await,
            HeldWork::Chunk(_) => {
                store
                    .chunk_left_alone(&held.token, volunteer, policy, now)
                    .await
            }
        };
        if let Err(error) = left
            && !error.is_refusal()
        {
            tracing::error!("a lease stays until its deadline: {error}");
        }
        if let HeldWork::Trial(study) = held.work {
            self.app.study_changed(study);
        }
    }

    async fn say(&mut self, message: ServerMessage) -> Result<(), End> {
        self.send(Message::Text(message.encode().into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }
}

fn lease_message(
    token: LeaseToken,
    study: StoredStudy,
    trial: Trial,
    lease_secs: u32,
    pace: Pace,
) -> Lease {
    Lease {
        token,
        study: study.id,
        study_name: study.study.name,
        trial: trial.number,
        attempt: trial.attempts,
        parameters: trial.parameters,
        seed: trial.seed,
        numerics: trial.numerics,
        data: study.data.for_workers(),
        checkpoint: trial.checkpoint.map(|checkpoint| CheckpointRef {
            lease: checkpoint.lease,
            step: checkpoint.step,
            sha256: checkpoint.sha256,
        }),
        lease_secs,
        progress_secs: pace.progress_secs,
        checkpoint_secs: pace.checkpoint_secs,
        stops_at: trial.stops_at,
    }
}
