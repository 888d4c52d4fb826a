//! Finds the second browser that trainings are held to, or installs Debian's. The tests can do
//! without it, so its absence is no failure. Does not know how it is driven.

use std::env;
use std::path::PathBuf;

use crate::debian::AptGet;
use crate::process::ProcessError;

/// Names a path that goes before any search; also how the tests are told.
pub const VARIABLE: &str = "FIREFOX_PATH";
const PROGRAMS: [&str; 2] = ["firefox-esr", "firefox"];
const DEBIAN_PACKAGE: &str = "firefox-esr";

/// Why there is no Firefox to test with.
#[derive(Debug, thiserror::Error)]
pub enum FirefoxError {
    /// The variable names no program.
    #[error("{VARIABLE} names {}, which is not there", path.display())]
    NotThere {
        /// The path in the variable.
        path: PathBuf,
    },
    /// None was found and none can be installed from here.
    #[error(
        "no Firefox was found. Install one (on Debian: sudo apt-get install {DEBIAN_PACKAGE}), \
         or set {VARIABLE} to its program"
    )]
    Missing,
    /// Its installation failed.
    #[error("Firefox could not be installed: {source}. Set {VARIABLE} to one that is there")]
    NotInstalled {
        /// What apt-get said.
        source: ProcessError,
    },
}

impl FirefoxError {
    /// Whether the machine just has none, and nobody asked for a certain one.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Missing | Self::NotInstalled { .. })
    }
}

/// Path of a Firefox; installs Debian's where there is none and packages may be installed.
///
/// # Errors
/// When there is none and none can be installed, or when the variable names none.
pub fn found_or_installed() -> Result<PathBuf, FirefoxError> {
    if let Some(firefox) = found()? {
        return Ok(firefox);
    }
    let apt_get = AptGet::found().ok_or(FirefoxError::Missing)?;
    apt_get
        .install(&[DEBIAN_PACKAGE])
        .map_err(|source| FirefoxError::NotInstalled { source })?;
    found()?.ok_or(FirefoxError::Missing)
}

/// Path of a Firefox that is there.
///
/// # Errors
/// When the variable names none.
pub fn found() -> Result<Option<PathBuf>, FirefoxError> {
    chosen(env::var_os(VARIABLE).map(PathBuf::from), |program| {
        which::which(program).ok()
    })
}

/// The named path where there is one, else the first known program that `search` finds.
fn chosen(
    named: Option<PathBuf>,
    search: impl Fn(&str) -> Option<PathBuf>,
) -> Result<Option<PathBuf>, FirefoxError> {
    match named {
        Some(path) if path.is_file() => Ok(Some(path)),
        Some(path) => Err(FirefoxError::NotThere { path }),
        None => Ok(PROGRAMS.into_iter().find_map(search)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(installed: &'static str) -> impl Fn(&str) -> Option<PathBuf> {
        move |program| (program == installed).then(|| PathBuf::from("/usr/bin").join(program))
    }

    #[test]
    fn debians_and_mozillas_will_do() {
        for program in PROGRAMS {
            let path = chosen(None, only(program)).unwrap();
            assert_eq!(path, Some(PathBuf::from("/usr/bin").join(program)));
        }
        assert_eq!(chosen(None, only("chromium")).unwrap(), None);
    }

    #[test]
    fn a_named_browser_that_is_missing_is_a_failure_and_none_at_all_is_not() {
        let error = chosen(Some("/no/such/browser".into()), only("firefox")).unwrap_err();
        assert!(matches!(error, FirefoxError::NotThere { .. }) && !error.is_absence());
        assert!(FirefoxError::Missing.is_absence());
    }
}
