//! `tabsweep work` against `tabsweep serve`: real processes, real sockets, real kills.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tabsweep_dataset::SyntheticDigits;
use tabsweep_server::datasets;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_tabsweep");

/// A process that does not outlive its test.
struct Process(Child);

impl Process {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.0.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    fn ended_well(&mut self) -> bool {
        self.0.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended can't be killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Server {
    _process: Process,
    url: String,
    folder: TempDir,
}

impl Server {
    /// A server on a fresh folder, with one study of `trials` trials of `epochs` epochs.
    fn start(trials: u32, epochs: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let digits = SyntheticDigits {
            seed: 3,
            train: 600,
            test: 60,
        }
        .draw()
        .unwrap();
        datasets::write_folder(&folder.path().join("digits"), &digits).unwrap();
        fs::create_dir(folder.path().join("pages")).unwrap();
        fs::write(folder.path().join("pages/index.html"), "").unwrap();
        fs::write(
            folder.path().join("study.toml"),
            study(folder.path(), trials, epochs),
        )
        .unwrap();
        let mut process = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--checkpoint-secs", "1"])
            .args(["--grace-secs", "1"])
            .args(["--state".as_ref(), folder.path().join("state").as_os_str()])
            .args(["--pages".as_ref(), folder.path().join("pages").as_os_str()])
            .args([
                "--study".as_ref(),
                folder.path().join("study.toml").as_os_str(),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first_line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap())
            .read_line(&mut first_line)
            .unwrap();
        let url = first_line
            .trim()
            .strip_prefix("tabsweep is at ")
            .unwrap()
            .to_owned();
        Self {
            _process: Process(process),
            url,
            folder,
        }
    }

    fn worker(&self, name: &str) -> Process {
        let process = Command::new(PROGRAM)
            .args(["work", &self.url, "--workers", "1", "--nickname", name])
            .args([
                "--token-file".as_ref(),
                self.folder.path().join(name).as_os_str(),
            ])
            .args([
                "--cache-dir".as_ref(),
                self.folder.path().join("cache").as_os_str(),
            ])
            .stderr(Stdio::null())
            .spawn();
        Process(process.unwrap())
    }

    fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.url);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { reqwest::get(url).await.unwrap().json().await.unwrap() })
    }

    fn trial(&self, number: u32) -> Value {
        self.get(&format!("/api/studies/1/trials/{number}"))
    }
}

fn study(folder: &Path, trials: u32, epochs: u32) -> String {
    let digits = folder.join("digits");
    format!(
        r#"
name = "Tiny"
dataset = {digits:?}
trials = {trials}
seed = 1
[space]
conv1_channels = 2
conv2_channels = 4
kernel_size = 3
hidden_units = 8
batch_size = 10
epochs = {epochs}
learning_rate = {{ type = "float", low = 1e-3, high = 1e-2, log = true }}
"#
    )
}

/// Waits until `condition` holds, a while at most.
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1200 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("never happened: {what}");
}

#[test]
fn a_study_is_finished_without_a_browser() {
    let server = Server::start(3, 1);
    let mut worker = server.worker("ada");
    until("three trials are verified", || {
        server.get("/api/studies/1")["counts"]["verified"] == 3
    });
    let leaders = server.get("/api/studies/1/leaderboard");
    assert_eq!(leaders[0]["volunteer"]["nickname"], "ada", "{leaders}");
    worker.signal("-INT");
    assert!(worker.ended_well());
}

#[test]
fn another_worker_goes_on_where_a_killed_one_was() {
    let server = Server::start(1, 1000);
    let first = server.worker("ada");
    until("a checkpoint is kept", || {
        server.trial(0)["checkpoint_step"].is_u64()
    });
    first.signal("-KILL");
    let _second = server.worker("grace");
    until("the second worker trains", || {
        server.trial(0)["attempts"] == 2
    });
    let trial = server.trial(0);
    let kept = trial["checkpoint_step"].as_u64().unwrap();
    until("the second worker keeps a later checkpoint", || {
        server.trial(0)["checkpoint_step"].as_u64().unwrap() > kept
    });
    let names = |trial: &Value| trial["leases"].to_string();
    let trial = server.trial(0);
    assert!(
        names(&trial).contains("ada") && names(&trial).contains("grace"),
        "{trial}"
    );
}

#[test]
fn a_stopped_worker_leaves_a_checkpoint_behind() {
    let server = Server::start(1, 1000);
    let mut worker = server.worker("ada");
    until("the trial runs", || server.trial(0)["state"] == "running");
    worker.signal("-INT");
    assert!(worker.ended_well());
    until("the trial waits", || server.trial(0)["state"] == "waiting");
    assert!(
        server.trial(0)["checkpoint_step"].is_u64(),
        "{}",
        server.trial(0)
    );
}

#[test]
fn a_volunteer_whom_the_server_forgot_registers_anew() {
    let server = Server::start(1, 1);
    let token_file = server.folder.path().join("ada");
    fs::write(&token_file, "00000000000000000000000000000000\n").unwrap();
    let _worker = server.worker("ada");
    until("the trial is verified", || {
        server.get("/api/studies/1")["counts"]["verified"] == 1
    });
    assert_ne!(
        fs::read_to_string(&token_file).unwrap().trim(),
        "0".repeat(32)
    );
}

#[test]
fn no_server_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(PROGRAM)
        .args(["work", "http://127.0.0.1:9", "--token-file"])
        .arg(folder.path().join("token"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        said.contains("is a tabsweep server running there?"),
        "{said}"
    );
}
