//! A server for a test, and workers to talk to it.

use std::{net::SocketAddr, path::Path, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Map, Value, json};
use tabsweep_dataset::{DataSet, Split, SyntheticDigits, blob};
use tabsweep_protocol::{
    BUILD, CheckpointRef, Claim, Finished, Hello, Lease, LeaseToken, Outcome, ServerMessage,
    Sha256, VERSION, WorkerMessage,
};
use tabsweep_server::{
    app::{App, Settings, SharedApp},
    blobs::Blobs,
    clock::Clock,
    datasets::{self, Mirrors, Sources},
    labelling,
    listener::{Listener, Peer},
    routes,
    store::{ClaimKind, Store},
    studies, upkeep, verification,
};
use tabsweep_study::{LeasePolicy, Timestamp};
use tabsweep_trainer::{Hyperparameters, Progress, Training, TrainingData, sha256_hex};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

pub const ADMIN_TOKEN: &str = "the-operator";
pub const POLICY: LeasePolicy = LeasePolicy {
    lease_secs: 60,
    grace_secs: 5,
    max_attempts: 3,
};

/// One trial after another of a tiny network on a handful of digits.
pub const STUDY: &str = r#"
name = "Tiny"
dataset = "FOLDER"
trials = 2
seed = 1
[space]
conv1_channels = 2
conv2_channels = 4
kernel_size = 3
hidden_units = 8
batch_size = 10
epochs = 1
learning_rate = { type = "float", low = 1e-3, high = 1e-2, log = true }
"#;

/// A running server and what it stands on.
pub struct TestServer {
    pub app: SharedApp,
    pub address: SocketAddr,
    pub folder: TempDir,
    pub data: DataSet,
}

impl TestServer {
    /// A server without a study.
    pub async fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = SyntheticDigits {
            seed: 3,
            train: 60,
            test: 20,
        }
        .draw()
        .unwrap();
        datasets::write_folder(&folder.path().join("digits"), &data).unwrap();
        let clock = Clock::manual(Timestamp(10_000_000));
        let app = open(folder.path(), clock).await;
        let address = listen(&app, folder.path()).await;
        Self {
            app,
            address,
            folder,
            data,
        }
    }

    /// A server with [`STUDY`].
    pub async fn with_study() -> Self {
        let server = Self::empty().await;
        studies::create(&server.app, &server.study_file())
            .await
            .unwrap();
        server
    }

    /// The same state behind a new server, as after a crash.
    pub async fn restarted(self) -> Self {
        let Self {
            app, folder, data, ..
        } = self;
        app.shutdown.send_replace(true);
        let clock = app.clock.clone();
        let app = open(folder.path(), clock).await;
        app.store
            .adopt_orphans(POLICY, app.clock.now())
            .await
            .unwrap();
        let address = listen(&app, folder.path()).await;
        Self {
            app,
            address,
            folder,
            data,
        }
    }

    pub fn study_file(&self) -> String {
        STUDY.replace(
            "FOLDER",
            self.folder.path().join("digits").to_str().unwrap(),
        )
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> Value {
        http()
            .get(self.url(path))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    pub async fn state_of(&self, trial: u32) -> String {
        let trial = self.get(&format!("/api/studies/1/trials/{trial}")).await;
        trial["state"].as_str().unwrap_or("none").to_owned()
    }

    /// Lets time pass and does what is due then.
    pub async fn pass_secs(&self, secs: u32) {
        self.app.clock.advance_secs(secs);
        upkeep::expire(&self.app).await;
        upkeep::expire_chunks(&self.app).await;
    }

    pub async fn register(&self, nickname: &str) -> String {
        let request = http()
            .post(self.url("/api/volunteers"))
            .json(&json!({ "nickname": nickname }));
        let volunteer: Value = request.send().await.unwrap().json().await.unwrap();
        volunteer["token"].as_str().unwrap().to_owned()
    }

    /// A new volunteer's worker, welcomed.
    pub async fn worker(&self, nickname: &str) -> Worker {
        let token = self.register(nickname).await;
        let mut worker = Worker::connect(self, &token, nickname, None).await;
        let welcome = worker.hears().await;
        assert!(matches!(welcome, ServerMessage::Welcome(_)), "{welcome:?}");
        worker
    }

    /// Trains what a lease asks for from its beginning, as an honest worker does.
    pub fn train(&self, lease: &Lease) -> Trained {
        let mut training = self.training(lease);
        let checkpoint = training.checkpoint();
        loop {
            if let Progress::Finished(figures) = training.advance().unwrap() {
                return Trained {
                    weights: training.weights(),
                    checkpoint,
                    correct: u32::try_from(figures.validation_correct).unwrap(),
                    count: u32::try_from(figures.validation_count).unwrap(),
                };
            }
        }
    }

    /// Trains until `epochs` are done, and scores them.
    pub fn train_to(&self, lease: &Lease, epochs: usize) -> Rested {
        let mut training = self.training(lease);
        loop {
            match training.advance().unwrap() {
                Progress::Epoch(figures) if figures.epoch == epochs => {
                    let bytes = training.checkpoint();
                    return Rested {
                        sha256: sha256_hex(&bytes).parse().unwrap(),
                        bytes,
                        step: training.step(),
                        correct: u32::try_from(figures.validation_correct).unwrap(),
                        count: u32::try_from(figures.validation_count).unwrap(),
                    };
                }
                Progress::Finished(_) => panic!("it has fewer epochs"),
                _ => {}
            }
        }
    }

    fn training(&self, lease: &Lease) -> Training {
        let split = Split::of(self.data.train()).unwrap();
        let (training, validation) = (
            blob::encode(&split.training),
            blob::encode(&split.validation),
        );
        let data = TrainingData::from_blobs(training, validation, 10).unwrap();
        let setting = serde_json::to_value(&lease.parameters).unwrap();
        let setting: Map<String, Value> = setting.as_object().unwrap().clone();
        let hyperparameters = Hyperparameters::from_json(&setting).unwrap();
        Training::new(hyperparameters, lease.seed.0, data).unwrap()
    }

    /// Uploads bytes; the status of the answer.
    pub async fn upload(&self, token: &LeaseToken, sha256: &str, bytes: &[u8]) -> u16 {
        let url = self.url(&format!("/api/uploads/{sha256}"));
        let request = http().put(url).bearer_auth(token).body(bytes.to_vec());
        request.send().await.unwrap().status().as_u16()
    }
}

/// A trial at its rung.
pub struct Rested {
    pub bytes: Vec<u8>,
    pub sha256: Sha256,
    pub step: u64,
    pub correct: u32,
    pub count: u32,
}

pub struct Trained {
    pub weights: Vec<u8>,
    pub checkpoint: Vec<u8>,
    pub correct: u32,
    pub count: u32,
}

impl Trained {
    pub fn sha256(&self) -> Sha256 {
        sha256_hex(&self.weights).parse().unwrap()
    }

    pub fn claim(&self, lease: &LeaseToken) -> WorkerMessage {
        let outcome = Outcome::Finished(Finished {
            weights_sha256: self.sha256(),
            validation_correct: self.correct,
            validation_count: self.count,
        });
        WorkerMessage::Claim(Claim {
            lease: lease.clone(),
            outcome,
        })
    }
}

pub fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

async fn open(folder: &Path, clock: Clock) -> SharedApp {
    let sources = Sources {
        mnist_dir: None,
        cache_dir: folder.join("cache"),
        mirrors: Mirrors(vec!["http://127.0.0.1:9".to_owned()]),
    };
    let settings = Settings {
        policy: POLICY,
        sockets_per_address: 12,
        ..Settings::default()
    };
    App::new(
        Store::open(&folder.join("tabsweep.sqlite3")).await.unwrap(),
        Blobs::open(&folder.join("data")).unwrap(),
        Blobs::open(&folder.join("uploads")).unwrap(),
        sources,
        clock,
        settings,
        ADMIN_TOKEN,
    )
}

async fn listen(app: &SharedApp, folder: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = routes::router(app.clone(), &folder.join("pages"));
    let service = router.into_make_service_with_connect_info::<Peer>();
    tokio::spawn(async move { axum::serve(Listener(listener), service).await });
    tokio::spawn(labelling::run(app.clone()));
    for kind in [ClaimKind::Scored, ClaimKind::Diverged] {
        tokio::spawn(verification::run(app.clone(), kind));
    }
    address
}

/// Waits until `condition` holds, a while at most.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never happened: {what}");
}

/// A worker's socket.
pub struct Worker {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub volunteer_token: String,
}

impl Worker {
    pub async fn connect(
        server: &TestServer,
        volunteer_token: &str,
        name: &str,
        resume: Option<LeaseToken>,
    ) -> Self {
        let mut worker = Self::silent(server, volunteer_token).await;
        worker
            .says(WorkerMessage::Hello(hello(volunteer_token, name, resume)))
            .await;
        worker
    }

    /// A socket that has not said hello.
    pub async fn silent(server: &TestServer, volunteer_token: &str) -> Self {
        let url = format!("ws://{}/api/work", server.address);
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", "tabsweep.v2".parse().unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        Self {
            socket,
            volunteer_token: volunteer_token.to_owned(),
        }
    }

    pub async fn says(&mut self, message: WorkerMessage) {
        self.says_text(message.encode()).await;
    }

    pub async fn says_text(&mut self, text: String) {
        // A server that has closed already is found out by listening.
        let _ = self.socket.send(Message::Text(text.into())).await;
    }

    pub async fn hears(&mut self) -> ServerMessage {
        match self.next().await {
            Some(Message::Text(text)) => ServerMessage::decode(&text).unwrap(),
            other => panic!("expected a message, found {other:?}"),
        }
    }

    pub async fn hears_close(&mut self) -> CloseFrame {
        loop {
            match self.next().await {
                Some(Message::Close(Some(frame))) => return frame,
                Some(Message::Text(_)) => {}
                other => panic!("expected a close frame, found {other:?}"),
            }
        }
    }

    async fn next(&mut self) -> Option<Message> {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(10), self.socket.next());
            match message
                .await
                .expect("the server says something")
                .transpose()
                .ok()?
            {
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                message => return message,
            }
        }
    }

    pub async fn asks(&mut self) -> ServerMessage {
        self.says(WorkerMessage::Ready {}).await;
        self.hears().await
    }

    pub async fn leases(&mut self) -> Lease {
        match self.asks().await {
            ServerMessage::Lease(lease) => *lease,
            other => panic!("expected a lease, found {other:?}"),
        }
    }

    /// Uploads a checkpoint and reports it.
    pub async fn checkpoints(&mut self, server: &TestServer, lease: &Lease, step: u64) -> Sha256 {
        let bytes = server.train(lease).checkpoint;
        let sha256 = sha256_hex(&bytes);
        assert_eq!(server.upload(&lease.token, &sha256, &bytes).await, 204);
        let sha256: Sha256 = sha256.parse().unwrap();
        let checkpoint = CheckpointRef {
            lease: lease.token.clone(),
            step,
            sha256: sha256.clone(),
        };
        self.says(WorkerMessage::Checkpoint(checkpoint)).await;
        until("the checkpoint is kept", async || {
            let trial = server
                .get(&format!("/api/studies/1/trials/{}", lease.trial))
                .await;
            trial["checkpoint_step"] == step
        })
        .await;
        sha256
    }

    /// Claims; whether the server took it, and why not.
    pub async fn claims(&mut self, claim: WorkerMessage) -> Result<(), String> {
        self.says(claim).await;
        match self.hears().await {
            ServerMessage::ClaimAnswer(answer) if answer.taken => Ok(()),
            ServerMessage::ClaimAnswer(answer) => Err(answer.reason.unwrap()),
            other => panic!("expected an answer to a claim, found {other:?}"),
        }
    }

    /// The verdict's complaint, or that there is none.
    pub async fn verdict(&mut self) -> Result<(), String> {
        loop {
            match self.hears().await {
                ServerMessage::Verdict(verdict) if verdict.verified => return Ok(()),
                ServerMessage::Verdict(verdict) => return Err(verdict.reason.unwrap()),
                ServerMessage::NoWork(_) => {}
                other => panic!("expected a verdict, found {other:?}"),
            }
        }
    }
}

pub fn hello(volunteer_token: &str, name: &str, resume: Option<LeaseToken>) -> Hello {
    Hello {
        protocol: VERSION,
        build: BUILD.to_owned(),
        volunteer_token: volunteer_token.to_owned(),
        worker: sha256_hex(name.as_bytes())[..16].parse().unwrap(),
        resume,
    }
}
