//! `cargo xtask serve`: builds what has changed and becomes the server.
//! Knows one flag of the server, where the pages are; the others are the user's.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use crate::build;
use crate::workspace::Workspace;

/// Builds, then runs the server; returns only if one of the two fails to start, or, where a process
/// can't become another, with the server's exit code.
#[must_use]
pub fn serve(workspace: &Workspace, flags: &[OsString]) -> ExitCode {
    if !build::build_stages(workspace) {
        return ExitCode::FAILURE;
    }
    let mut server = Command::new(workspace.server());
    server.args(server_arguments(workspace, flags));
    run_in_our_place(server)
}

fn server_arguments(workspace: &Workspace, flags: &[OsString]) -> Vec<OsString> {
    let mut arguments = vec!["serve".into(), "--pages".into(), workspace.pages().into()];
    arguments.extend_from_slice(flags);
    arguments
}

/// Becomes the server: its exit code is ours, and Ctrl-C and `kill` reach it and nobody else.
#[cfg(unix)]
fn run_in_our_place(mut server: Command) -> ExitCode {
    use std::os::unix::process::CommandExt;

    let error = server.exec();
    eprintln!(
        "{} could not be started: {error}",
        server.get_program().display()
    );
    ExitCode::FAILURE
}

#[cfg(not(unix))]
fn run_in_our_place(mut server: Command) -> ExitCode {
    match server.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!(
                "{} could not be started: {error}",
                server.get_program().display()
            );
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_flags_come_last_so_that_they_win() {
        let workspace = Workspace::found().unwrap();
        let flags = ["--pages".into(), "elsewhere".into()];
        let arguments = server_arguments(&workspace, &flags);
        assert_eq!(arguments[..2], ["serve", "--pages"]);
        assert_eq!(arguments[3..], flags);
    }
}
