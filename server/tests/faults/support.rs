//! A server in a process of its own that can be killed and started again on what it left, and what
//! must hold of it whatever happened.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tabsweep_cluster::{Cluster, ClusterError};
use tabsweep_dataset::SyntheticDigits;
use tabsweep_protocol::TrialNumber;
use tabsweep_server::datasets;
use tabsweep_simulator::{Acknowledged, Load, Simulation, TrialSecs};
use tempfile::TempDir;

const STUDY: &str = r#"
name = "Trouble"
dataset = "DIGITS"
trials = 1000000
seed = 1
[space]
conv1_channels = 1
conv2_channels = 1
kernel_size = 3
hidden_units = 4
batch_size = 10
epochs = 1
learning_rate = { type = "float", low = 1e-3, high = 1e-2, log = true }
"#;

/// Where a server keeps what it remembers.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In a state folder of its own.
    Alone(PathBuf),
    /// On PostgreSQL, with blobs in a state folder.
    Postgres { url: String, state: PathBuf },
    /// On PostgreSQL and in a bucket, with others.
    Shared { url: String, endpoint: String },
}

impl Storage {
    fn add_to(&self, command: &mut Command, folder: &Path) {
        match self {
            Self::Alone(state) => command.arg("--state").arg(state),
            Self::Postgres { url, state } => {
                command.args(["--database-url", url, "--state"]).arg(state)
            }
            Self::Shared { url, endpoint } => command
                .args(["--database-url", url, "--blobs", "s3://sweeps/here"])
                .arg("--state")
                .arg(folder.join("state"))
                .env("AWS_ENDPOINT_URL", endpoint)
                .env("AWS_ACCESS_KEY_ID", "key")
                .env("AWS_SECRET_ACCESS_KEY", "secret"),
        };
    }
}

/// A server, running or not, at one address for all its lives.
pub struct Server {
    folder: PathBuf,
    storage: Storage,
    port: u16,
    child: Option<Child>,
}

/// A cluster and the folder that it is in, which outlives it; none where PostgreSQL is not installed.
pub fn cluster() -> Option<(TempDir, Cluster)> {
    let folder = tempfile::tempdir().unwrap();
    match Cluster::start(folder.path()) {
        Err(error @ ClusterError::NotInstalled) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        started => Some((folder, started.unwrap())),
    }
}

impl Server {
    /// A running server that needs `folder` for what it does not keep in `storage`.
    pub fn start(folder: &Path, storage: Storage) -> Self {
        let digits = folder.join("digits");
        let drawn = SyntheticDigits {
            seed: 3,
            train: 600,
            test: 100,
        }
        .draw()
        .unwrap();
        datasets::write_folder(&digits, &drawn).unwrap();
        fs::create_dir(folder.join("pages")).unwrap();
        fs::write(folder.join("pages/index.html"), "").unwrap();
        let study = STUDY.replace("DIGITS", digits.to_str().unwrap());
        fs::write(folder.join("study.toml"), study).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = Self {
            folder: folder.to_owned(),
            storage,
            port: free.local_addr().unwrap().port(),
            child: None,
        };
        drop(free);
        server.start_again();
        server
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// All that it has ever said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap()
    }

    /// Starts it on what it left, and waits until it serves.
    pub fn start_again(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tabsweep"));
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{}", self.port)])
            .args([
                "--restart-grace-secs",
                "2",
                "--grace-secs",
                "2",
                "--lease-secs",
                "10",
            ])
            .args(["--checkpoint-secs", "1", "--max-attempts", "1000"])
            .args(["--pages".as_ref(), self.folder.join("pages").as_os_str()])
            .args([
                "--study".as_ref(),
                self.folder.join("study.toml").as_os_str(),
            ])
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(log);
        self.storage.add_to(&mut command, &self.folder);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next();
        let first = first
            .unwrap_or_else(|| panic!("the server ended: {}", self.log()))
            .unwrap();
        assert_eq!(first, format!("tabsweep is at {}", self.url()));
        // Read to the end, or the server would wait for a reader.
        thread::spawn(move || lines.for_each(drop));
        self.child = Some(child);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Waits for the next sign of change in the study's live feed.
    pub async fn study_changes(&self) {
        let url = format!("{}/api/studies/1/events", self.url());
        let mut feed = http().get(url).send().await.unwrap();
        let mut heard = String::new();
        while !heard.contains("changed") {
            let told = tokio::time::timeout(Duration::from_secs(20), feed.chunk()).await;
            let told = told.expect("something changes all the time").unwrap();
            heard += std::str::from_utf8(&told.expect("the feed goes on")).unwrap();
        }
    }

    /// Status and body of an answer.
    pub async fn ask(&self, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.url());
        let response = http().get(url).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// All trials, as lists show them.
    pub async fn trials(&self) -> BTreeMap<TrialNumber, Value> {
        let mut trials = BTreeMap::new();
        loop {
            let offset = trials.len();
            let path = format!("/api/studies/1/trials?limit=1000&offset={offset}");
            let (_, page) = self.ask(&path).await;
            let rows = page["trials"].as_array().expect("a page of trials").clone();
            if rows.is_empty() {
                return trials;
            }
            for row in rows {
                let number = u32::try_from(row["number"].as_u64().unwrap()).unwrap();
                assert!(
                    trials.insert(TrialNumber(number), row).is_none(),
                    "trial {number} twice"
                );
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// What somebody is told who would have to be remembered.
pub async fn register(server: &Server) -> (u16, Value) {
    let url = format!("{}/api/volunteers", server.url());
    let request = http().post(url).json(&json!({ "nickname": "ada" }));
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// Workers whose trials take a fraction of a second.
pub async fn load(servers: Vec<String>, workers: usize) -> Simulation {
    let load = Load {
        servers,
        workers,
        volunteers: 4,
        arrivals_per_sec: 100.0,
        trial: TrialSecs::Between(0.2, 1.2),
        epochs: true,
        seed: 1,
    };
    Simulation::start(load).await.unwrap()
}

/// Waits until `condition` holds, a while at most.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let last = Instant::now() + Duration::from_secs(120);
    while Instant::now() < last {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("never happened: {what}");
}

/// What was acknowledged is there, once; and every trial comes to its end.
pub async fn nothing_is_lost(server: &Server, simulation: &Simulation) {
    let acknowledged = simulation.figures().acknowledged();
    let trials: BTreeSet<_> = acknowledged.iter().map(|claim| claim.trial).collect();
    assert_eq!(
        trials.len(),
        acknowledged.len(),
        "a trial was claimed twice"
    );
    for claim in &acknowledged {
        is_kept(server, claim).await;
    }
    let known = server.trials().await;
    let numbers: Vec<_> = known.keys().map(|number| number.0).collect();
    let expected: Vec<_> = (0..u32::try_from(known.len()).unwrap()).collect();
    assert_eq!(numbers, expected, "a number is missing");
    // Those that wait go first, so the workers finish what was begun, and then go on.
    until("every trial that was begun is verified", async || {
        let now = server.trials().await;
        let mut begun = known.keys().map(|number| &now[number]["state"]);
        begun.all(|state| state == "verified")
    })
    .await;
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

async fn is_kept(server: &Server, claim: &Acknowledged) {
    let (status, trial) = server
        .ask(&format!("/api/studies/1/trials/{}", claim.trial))
        .await;
    assert_eq!(status, 200, "{claim:?} is gone");
    let state = trial["state"].as_str().unwrap();
    assert!(
        matches!(state, "checking" | "verified"),
        "{claim:?} is {state}"
    );
    if state == "verified" {
        assert_eq!(trial["weights_sha256"], claim.sha256.as_str(), "{claim:?}");
    }
    let leases = trial["leases"].as_array().unwrap();
    let claimed = leases
        .iter()
        .filter(|lease| lease["ended"] == "claimed")
        .count();
    assert_eq!(claimed, 1, "{claim:?}: {leases:?}");
    for pair in leases.windows(2) {
        let (ended, granted) = (&pair[0]["ended_millis"], &pair[1]["granted_millis"]);
        assert!(
            ended.as_i64() <= granted.as_i64(),
            "{claim:?}: leased twice at once: {leases:?}"
        );
    }
}
