//! A server for one round: on a fresh state folder, with a study that never ends.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::bench::load::LoadError;
use crate::bench::load::case::Case;
use crate::process;
use crate::workspace::Workspace;

/// The smallest network that is still a LeNet: what is measured is the server, not the disk.
const STUDY: &str = r#"
name = "Load"
dataset = "DIGITS"
trials = 1000000
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

/// A running server, killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
    /// `http://HOST:PORT`.
    pub url: String,
}

impl Server {
    /// Starts a server on the state folder `state` and on `database`, if one is given. What it needs
    /// besides stands in `folder`.
    ///
    /// # Errors
    /// Files can't be written, or it does not start.
    pub fn start(
        workspace: &Workspace,
        (folder, state): (&Path, &Path),
        case: &Case,
        database: Option<&str>,
    ) -> Result<Self, LoadError> {
        let (study, log) = (folder.join("study.toml"), folder.join("server.log"));
        let pages = folder.join("pages");
        let digits = folder.join("digits");
        if !digits.exists() {
            let mut draw = Command::new(workspace.server());
            draw.args(["data", "draw", "--train", "600", "--test", "100", "--out"]);
            process::output(draw.arg(&digits))?;
        }
        let text = STUDY.replace("DIGITS", &digits.to_string_lossy());
        written(&study, &text)?;
        fs::create_dir_all(&pages).map_err(|source| file_error(&pages, source))?;
        written(&pages.join("index.html"), "")?;
        let stderr = File::create(&log).map_err(|source| file_error(&log, source))?;
        let mut command = Command::new(workspace.server());
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--sockets-per-address",
                "20000",
            ])
            .arg("--state")
            .arg(state)
            .arg("--pages")
            .arg(&pages)
            .arg("--study")
            .arg(&study)
            .args(&case.server)
            .args(database.into_iter().flat_map(|url| ["--database-url", url]))
            // One line for each verdict would be written a thousand times a second.
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr);
        let child = command.spawn();
        let child = child.map_err(|source| file_error(&workspace.server(), source))?;
        let mut server = Self {
            child,
            log,
            url: String::new(),
        };
        server.url = server.announced().ok_or_else(|| LoadError::Server {
            words: server.last_words(),
        })?;
        Ok(server)
    }

    /// The address in the first line that it prints.
    fn announced(&mut self) -> Option<String> {
        let mut lines = BufReader::new(self.child.stdout.take()?).lines();
        let first = lines.next()?.ok()?;
        // Read to the end, or the server would wait for a reader.
        thread::spawn(move || lines.for_each(drop));
        Some(first.strip_prefix("tabsweep is at ")?.to_owned())
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    /// Processor time that it has used, as Linux tells it (proc(5)).
    pub fn cpu_secs(&self) -> Option<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The second field, the program's name, may hold spaces.
        let (_, fields) = stat.rsplit_once(')')?;
        let field = |index| fields.split_whitespace().nth(index)?.parse::<f64>().ok();
        // In hundredths of a second on all processors that Linux runs on today.
        Some((field(11)? + field(12)?) / 100.0)
    }

    /// Most memory that it ever had, in MiB.
    pub fn peak_mib(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes / 1024.0)
    }

    /// Lines in its log that are errors.
    pub fn errors(&self) -> usize {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines()
            .filter(|line| line.contains("ERROR") || line.contains("panicked"))
            .count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended can't be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn written(path: &Path, text: &str) -> Result<(), LoadError> {
    fs::write(path, text).map_err(|source| file_error(path, source))
}

fn file_error(path: &Path, source: std::io::Error) -> LoadError {
    LoadError::File {
        path: path.to_owned(),
        source,
    }
}
