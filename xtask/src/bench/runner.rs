//! A runner: a program that is measured in, and that answers one request after the other.
//! Knows how to talk with it, not what it is asked.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wait_timeout::ChildExt;

use crate::bench::request::Request;

/// How long a runner may take to end after its input has.
const ENDING: Duration = Duration::from_secs(10);

/// How a runner failed.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The system could not start it.
    #[error("{name} could not be started: {source}")]
    NotStarted {
        /// The runner.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended, or closed its side.
    #[error("{name} broke off the conversation: {source}")]
    BrokenOff {
        /// The runner.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// It said that it could not do what it was asked.
    #[error("{name} could not do what it was asked: {reason}")]
    Refused {
        /// The runner.
        name: String,
        /// Its words.
        reason: String,
    },
    /// It said something else.
    #[error("{name} said `{line}`: {source}")]
    NotUnderstood {
        /// The runner.
        name: String,
        /// Its words.
        line: String,
        /// What is wrong with them.
        source: serde_json::Error,
    },
}

/// A running runner; it ends when this is dropped.
#[derive(Debug)]
pub struct Runner {
    name: String,
    child: Child,
    /// `None` once the conversation is over.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    versions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Greeting {
    ready: BTreeMap<String, String>,
}

impl Runner {
    /// Starts a runner and waits until it is ready.
    ///
    /// # Errors
    /// It can't be started, or ends at once.
    pub fn start(name: &str, command: &mut Command) -> Result<Self, RunnerError> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|source| RunnerError::NotStarted {
            name: name.to_owned(),
            source,
        })?;
        let requests = child.stdin.take();
        let answers = child.stdout.take().expect("its output was asked for");
        let mut runner = Self {
            name: name.to_owned(),
            child,
            requests,
            answers: BufReader::new(answers),
            versions: BTreeMap::new(),
        };
        runner.versions = runner.heard::<Greeting>()?.ready;
        Ok(runner)
    }

    /// What it runs on, with versions.
    #[must_use]
    pub fn versions(&self) -> &BTreeMap<String, String> {
        &self.versions
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// It can't do it, or says something else than `A`.
    pub fn ask<A: DeserializeOwned>(&mut self, request: &Request) -> Result<A, RunnerError> {
        let line = serde_json::to_string(request).expect("requests hold nothing but JSON");
        let requests = self.requests.as_mut().expect("open until it is dropped");
        writeln!(requests, "{line}")
            .and_then(|()| requests.flush())
            .map_err(|source| self.broken_off(source))?;
        self.heard()
    }

    fn heard<A: DeserializeOwned>(&mut self) -> Result<A, RunnerError> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => return Err(self.broken_off(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(source) => return Err(self.broken_off(source)),
        }
        let understood = serde_json::from_str::<Value>(&line).and_then(|value| {
            match value.get("error").and_then(Value::as_str) {
                Some(reason) => Ok(Err(reason.to_owned())),
                None => serde_json::from_value(value).map(Ok),
            }
        });
        match understood {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(RunnerError::Refused {
                name: self.name.clone(),
                reason,
            }),
            Err(source) => Err(RunnerError::NotUnderstood {
                name: self.name.clone(),
                line: line.trim().to_owned(),
                source,
            }),
        }
    }

    fn broken_off(&self, source: io::Error) -> RunnerError {
        RunnerError::BrokenOff {
            name: self.name.clone(),
            source,
        }
    }
}

impl Drop for Runner {
    /// Its input ends, and so does the runner; one that does not is stopped.
    fn drop(&mut self) {
        drop(self.requests.take());
        if !matches!(self.child.wait_timeout(ENDING), Ok(Some(_))) {
            let _ = self.child.kill().and_then(|()| self.child.wait());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::bench::request::Peak;

    fn runner(script: &str) -> Result<Runner, RunnerError> {
        Runner::start("a test", Command::new("sh").args(["-c", script]))
    }

    fn asked(answer: &str) -> Result<Peak, RunnerError> {
        let script = format!("echo '{{\"ready\":{{\"sh\":\"1\"}}}}'; read line; echo '{answer}'");
        let mut runner = runner(&script).expect("it greets");
        assert_eq!(runner.versions()["sh"], "1");
        runner.ask(&Request::Peak { seconds: 1.0 })
    }

    #[test]
    fn a_runner_greets_and_answers() {
        let peak = asked(r#"{"gflops": 55.5, "chains": 12}"#).unwrap();
        assert_eq!((peak.gflops, peak.chains), (55.5, 12));
    }

    #[test]
    fn failures_are_told_apart() {
        let refused = asked(r#"{"error": "no such thing"}"#);
        assert!(
            matches!(refused, Err(RunnerError::Refused { reason, .. }) if reason == "no such thing")
        );
        let other = asked("Segmentation fault");
        assert!(
            matches!(other, Err(RunnerError::NotUnderstood { line, .. }) if line.starts_with("Seg"))
        );
        assert!(matches!(
            runner("exit 1"),
            Err(RunnerError::BrokenOff { .. })
        ));
    }
}
