//! A PostgreSQL of one's own, for tests and measurements: a cluster in a folder, with the settings
//! that a fresh installation has, stopped when it is no longer needed. Knows nothing of tables.

use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// Why there is no PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Its programs are not there.
    #[error("PostgreSQL is not installed: `initdb` is neither in PATH nor in {DEBIAN}")]
    NotInstalled,
    /// One of its programs can't be started.
    #[error("{program} could not be started: {source}")]
    NotStarted {
        /// Its name.
        program: String,
        /// The system's words.
        source: io::Error,
    },
    /// One of its programs failed.
    #[error("{program} ended with {status}: {words}")]
    Failed {
        /// Its name.
        program: String,
        /// Exit code or signal.
        status: ExitStatus,
        /// What it said.
        words: String,
    },
    /// The cluster's folder can't be made, or there is no port.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
}

/// Where Debian keeps the programs, by version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// A cluster, running or stopped; gone from memory when dropped, but not from its folder.
#[derive(Debug)]
pub struct Cluster {
    programs: Programs,
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
}

/// How a cluster is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Connections are cut, what they had begun is undone.
    Fast,
    /// As if the power failed.
    Immediate,
}

#[derive(Debug)]
struct Programs {
    folder: Option<PathBuf>,
    /// PostgreSQL does not run as root.
    as_nobody: bool,
}

impl Cluster {
    /// Makes and starts a cluster in `folder`, which is emptied first. Where root asks, it runs as
    /// `nobody`, who must be able to reach the folder.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not start.
    pub fn start(folder: &Path) -> Result<Self, ClusterError> {
        let programs = Programs::found()?;
        let error = |source| ClusterError::Folder {
            path: folder.to_owned(),
            source,
        };
        empty(folder).map_err(error)?;
        if programs.as_nobody {
            run("chown", Command::new("chown").arg("nobody").arg(folder))?;
        }
        let cluster = Self {
            programs,
            folder: folder.to_owned(),
            port: free_port().map_err(error)?,
            databases: AtomicU32::new(0),
        };
        let mut init = cluster.programs.command("initdb");
        init.args(["--auth=trust", "--username=tabsweep"])
            .args(["--encoding=UTF8", "--locale=C", "-D"])
            .arg(cluster.data());
        run("initdb", &mut init)?;
        cluster.start_again()?;
        Ok(cluster)
    }

    /// The address of a new, empty database.
    ///
    /// # Errors
    /// It can't be made.
    pub fn fresh_database(&self) -> Result<String, ClusterError> {
        let name = format!("fresh{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        let mut create = self.programs.command("createdb");
        create.args(["-h", "127.0.0.1", "-p", &port, "-U", "tabsweep", &name]);
        run("createdb", &mut create)?;
        Ok(format!("postgres://tabsweep@127.0.0.1:{port}/{name}"))
    }

    /// Stops it; its databases stay.
    ///
    /// # Errors
    /// It did not run.
    pub fn stop(&self, how: Stop) -> Result<(), ClusterError> {
        let mode = match how {
            Stop::Fast => "fast",
            Stop::Immediate => "immediate",
        };
        let mut stop = self.programs.command("pg_ctl");
        stop.arg("-D")
            .arg(self.data())
            .args(["-w", "-m", mode, "stop"]);
        run("pg_ctl", &mut stop)
    }

    /// Starts it where it was, and waits until it can be used.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_again(&self) -> Result<(), ClusterError> {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -k {}",
            self.port,
            self.folder.display()
        );
        let mut start = self.programs.command("pg_ctl");
        start.args(["-w", "-o", &options, "-l"]);
        start
            .arg(self.folder.join("log"))
            .arg("-D")
            .arg(self.data());
        // Not read by us: the server would keep what it inherits open.
        start.stdout(Stdio::null()).stderr(Stdio::null());
        run("pg_ctl", start.arg("start"))
    }

    fn data(&self) -> PathBuf {
        self.folder.join("cluster")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // One that is stopped already can't be stopped.
        let _ = self.stop(Stop::Immediate);
    }
}

impl Programs {
    fn found() -> Result<Self, ClusterError> {
        let in_path = which::which("initdb").is_ok();
        let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
        let newest = versions.map(|entry| entry.path().join("bin")).max();
        if newest.is_none() && !in_path {
            return Err(ClusterError::NotInstalled);
        }
        let id = Command::new("id").arg("-u").output();
        let id = id.map_err(|source| not_started("id", source))?;
        Ok(Self {
            folder: newest,
            as_nobody: id.stdout.trim_ascii() == b"0",
        })
    }

    fn command(&self, name: &str) -> Command {
        let program = match &self.folder {
            Some(folder) => folder.join(name),
            None => PathBuf::from(name),
        };
        let mut command = if self.as_nobody {
            let mut command = Command::new("runuser");
            command.args(["-u", "nobody", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // Anybody may enter it: the working folder may be closed to `nobody`.
        command.current_dir("/").stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

fn run(program: &str, command: &mut Command) -> Result<(), ClusterError> {
    let child = command.spawn();
    let output = child.and_then(std::process::Child::wait_with_output);
    let output = output.map_err(|source| not_started(program, source))?;
    if output.status.success() {
        return Ok(());
    }
    Err(ClusterError::Failed {
        program: program.to_owned(),
        status: output.status,
        words: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

fn not_started(program: &str, source: io::Error) -> ClusterError {
    ClusterError::NotStarted {
        program: program.to_owned(),
        source,
    }
}

fn empty(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_again_where_it_was_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let cluster = match Cluster::start(folder.path()) {
            Err(error @ ClusterError::NotInstalled) => return eprintln!("SKIPPED: {error}"),
            started => started.unwrap(),
        };
        let first = cluster.fresh_database().unwrap();
        cluster.stop(Stop::Fast).unwrap();
        assert!(cluster.fresh_database().is_err());
        cluster.start_again().unwrap();
        assert_ne!(cluster.fresh_database().unwrap(), first);
    }
}
