//! Runs other programs and turns the way they end into errors that name them.
//! Knows no program in particular.

use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use wait_timeout::ChildExt;

/// How a program failed to do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The system could not start it.
    #[error("{program} could not be started: {source}")]
    NotStarted {
        /// Name or path as it was asked for.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system lost track of it.
    #[error("waiting for {program} failed: {source}")]
    NotAwaited {
        /// Name or path as it was asked for.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ran and reported failure.
    #[error("`{line}` ended with {status}")]
    Failed {
        /// Program and arguments, as one would type them.
        line: String,
        /// Exit code or signal.
        status: ExitStatus,
    },
    /// It did not end in time and was stopped.
    #[error("`{line}` had not ended after {limit_secs} s and was stopped")]
    TimedOut {
        /// Program and arguments, as one would type them.
        line: String,
        /// The time it was given.
        limit_secs: u64,
    },
}

/// Runs a program to its end; its output goes to the terminal.
///
/// # Errors
/// When it can't be started or reports failure.
pub fn run(command: &mut Command) -> Result<(), ProcessError> {
    // Nothing here asks questions: a tool that tries to must fail instead of waiting for ever.
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|source| not_started(command, source))?;
    judged(command, status)
}

/// Runs a program like [`run`], and stops it when it takes longer than `limit`.
///
/// # Errors
/// Those of [`run`], and [`ProcessError::TimedOut`].
pub fn run_within(command: &mut Command, limit: Duration) -> Result<(), ProcessError> {
    let child = command.stdin(Stdio::null()).spawn();
    let mut child = child.map_err(|source| not_started(command, source))?;
    let ended = child.wait_timeout(limit);
    match ended.map_err(|source| not_awaited(command, source))? {
        Some(status) => judged(command, status),
        None => {
            child
                .kill()
                .and_then(|()| child.wait())
                .map_err(|source| not_awaited(command, source))?;
            Err(ProcessError::TimedOut {
                line: line(command),
                limit_secs: limit.as_secs(),
            })
        }
    }
}

/// Standard output of a program, without the white space around it.
///
/// # Errors
/// When it can't be started or reports failure.
pub fn output(command: &mut Command) -> Result<String, ProcessError> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| not_started(command, source))?;
    judged(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether a program can be started and reports success; what it prints is dropped.
#[must_use]
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = quiet.stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn judged(command: &Command, status: ExitStatus) -> Result<(), ProcessError> {
    if status.success() {
        return Ok(());
    }
    Err(ProcessError::Failed {
        line: line(command),
        status,
    })
}

fn not_started(command: &Command, source: io::Error) -> ProcessError {
    ProcessError::NotStarted {
        program: program(command),
        source,
    }
}

fn not_awaited(command: &Command, source: io::Error) -> ProcessError {
    ProcessError::NotAwaited {
        program: program(command),
        source,
    }
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn line(command: &Command) -> String {
    let arguments = command.get_args().map(|text| text.to_string_lossy());
    let words: Vec<_> = std::iter::once(command.get_program().to_string_lossy())
        .chain(arguments)
        .collect();
    words.join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn output_is_trimmed() {
        assert_eq!(output(Command::new("echo").arg("20.19")).unwrap(), "20.19");
    }

    #[test]
    fn a_failure_names_the_whole_line() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("sh -c exit 3") && text.contains('3'),
            "{text}"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = output(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(matches!(error, ProcessError::NotStarted { program, .. }
            if program == "no-such-program-here"));
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        let limit = Duration::from_millis(50);
        let error = run_within(Command::new("sleep").arg("600"), limit).unwrap_err();
        assert!(matches!(error, ProcessError::TimedOut { .. }));
    }

    #[test]
    fn a_program_in_time_is_judged_by_its_status() {
        let limit = Duration::from_secs(60);
        assert!(run_within(&mut Command::new("true"), limit).is_ok());
        let error = run_within(&mut Command::new("false"), limit).unwrap_err();
        assert!(matches!(error, ProcessError::Failed { .. }));
    }
}
