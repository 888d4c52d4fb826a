//! Debian's packages: which are installed, and how to install more where that is allowed.
//! Knows apt-get and dpkg, and no package in particular.

use std::process::Command;

use crate::process::{self, ProcessError};

/// By which right packages can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// This program runs as root.
    Root,
    /// `sudo` asks for no password.
    Sudo,
}

/// apt-get, on a machine where we may install packages without asking anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AptGet {
    right: Right,
}

impl AptGet {
    /// `None` where there is no apt-get, or where it would ask for a password.
    #[must_use]
    pub fn found() -> Option<Self> {
        which::which("apt-get").ok()?;
        let right = if is_root() {
            Right::Root
        } else if process::succeeds(Command::new("sudo").args(["-n", "true"])) {
            Right::Sudo
        } else {
            return None;
        };
        Some(Self { right })
    }

    /// Fetches the lists of packages, then installs the named ones and what they need.
    ///
    /// # Errors
    /// When apt-get fails, for instance because it can't reach its servers.
    pub fn install(self, packages: &[&str]) -> Result<(), ProcessError> {
        process::run(self.command().arg("update"))?;
        let install = ["install", "--yes", "--no-install-recommends"];
        process::run(self.command().args(install).args(packages))
    }

    fn command(self) -> Command {
        let mut command = match self.right {
            Right::Root => Command::new("env"),
            Right::Sudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["-n", "env"]);
                sudo
            }
        };
        // `sudo` drops variables, so they pass through `env`. The lock is often held by a machine's
        // own nightly upgrades: wait for a while.
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]);
        command.args([
            "--option=DPkg::Lock::Timeout=300",
            "--option=Dpkg::Use-Pty=0",
        ]);
        command
    }
}

/// Whether all named packages are installed.
#[must_use]
pub fn are_installed(packages: &[&str]) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${db:Status-Status}\n"]);
    // dpkg-query reports failure when it has never heard of one of the names.
    let listed = process::output(query.args(packages));
    listed.is_ok_and(|states| all_installed(&states, packages.len()))
}

fn all_installed(states: &str, count: usize) -> bool {
    let installed = states.lines().filter(|state| *state == "installed");
    installed.count() >= count
}

fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).is_ok_and(|user| user == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_must_be_installed() {
        assert!(all_installed("installed\ninstalled\n", 2));
        assert!(!all_installed("installed\nconfig-files\n", 2));
        assert!(!all_installed("installed\n", 2));
        assert!(!all_installed("not-installed\n", 1));
    }

    #[test]
    fn root_runs_apt_get_without_questions() {
        let command = AptGet { right: Right::Root }.command();
        let words: Vec<_> = command
            .get_args()
            .filter_map(|word| word.to_str())
            .collect();
        assert_eq!(command.get_program(), "env");
        assert_eq!(words[..2], ["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }

    #[test]
    fn sudo_never_asks_for_a_password() {
        let command = AptGet { right: Right::Sudo }.command();
        let words: Vec<_> = command
            .get_args()
            .filter_map(|word| word.to_str())
            .collect();
        assert_eq!(command.get_program(), "sudo");
        assert_eq!(words[..2], ["-n", "env"]);
    }
}
