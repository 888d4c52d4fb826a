//! Finds the browser that the whole-system tests drive, or installs Debian's.
//! Does not know how it is driven.

use std::env;
use std::path::PathBuf;

use crate::debian::AptGet;
use crate::process::ProcessError;

/// Names a path that goes before any search; also how the tests are told.
pub const VARIABLE: &str = "CHROMIUM_PATH";
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const DEBIAN_PACKAGE: &str = "chromium";

/// Why there is no browser to test with.
#[derive(Debug, thiserror::Error)]
pub enum ChromiumError {
    /// The variable names no program.
    #[error("{VARIABLE} names {}, which is not there", path.display())]
    NotThere {
        /// The path in the variable.
        path: PathBuf,
    },
    /// None was found and none can be installed from here.
    #[error(
        "no Chromium was found. Install one (on Debian: sudo apt-get install {DEBIAN_PACKAGE}), \
         or set {VARIABLE} to the program of a Chromium or Chrome"
    )]
    Missing,
    /// Its installation failed.
    #[error("Chromium could not be installed: {source}. Set {VARIABLE} to one that is there")]
    NotInstalled {
        /// What apt-get said.
        source: ProcessError,
    },
}

/// Path of a Chromium; installs Debian's where there is none and packages may be installed.
///
/// # Errors
/// When there is none and none can be installed, or when the variable names none.
pub fn found_or_installed() -> Result<PathBuf, ChromiumError> {
    if let Some(chromium) = found()? {
        return Ok(chromium);
    }
    let apt_get = AptGet::found().ok_or(ChromiumError::Missing)?;
    apt_get
        .install(&[DEBIAN_PACKAGE])
        .map_err(|source| ChromiumError::NotInstalled { source })?;
    found()?.ok_or(ChromiumError::Missing)
}

fn found() -> Result<Option<PathBuf>, ChromiumError> {
    chosen(env::var_os(VARIABLE).map(PathBuf::from), |program| {
        which::which(program).ok()
    })
}

/// The named path where there is one, else the first known program that `search` finds.
fn chosen(
    named: Option<PathBuf>,
    search: impl Fn(&str) -> Option<PathBuf>,
) -> Result<Option<PathBuf>, ChromiumError> {
    match named {
        Some(path) if path.is_file() => Ok(Some(path)),
        Some(path) => Err(ChromiumError::NotThere { path }),
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
    fn any_known_browser_will_do() {
        for program in PROGRAMS {
            let path = chosen(None, only(program)).unwrap();
            assert_eq!(path, Some(PathBuf::from("/usr/bin").join(program)));
        }
        assert_eq!(chosen(None, only("firefox")).unwrap(), None);
    }

    #[test]
    fn a_named_browser_goes_first() {
        let named = env::current_exe().unwrap();
        let path = chosen(Some(named.clone()), only("chromium")).unwrap();
        assert_eq!(path, Some(named));
    }

    #[test]
    fn a_named_browser_that_is_missing_is_not_replaced_in_silence() {
        let error = chosen(Some("/no/such/browser".into()), only("chromium")).unwrap_err();
        assert!(matches!(error, ChromiumError::NotThere { .. }));
    }
}
