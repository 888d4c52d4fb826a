//! A PostgreSQL for measuring on: a cluster of its own in a folder of its own, with the settings that
//! a fresh installation has, stopped when it is no longer needed.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::process::{self, ProcessError};

/// Why there is no PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// Its programs are not there.
    #[error("PostgreSQL is not installed: `initdb` is neither in PATH nor in {DEBIAN}")]
    NotInstalled,
    /// One of its programs failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Its folder can't be made.
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

/// A running cluster, stopped when dropped.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    folder: PathBuf,
    port: u16,
    databases: AtomicU32,
}

#[derive(Debug)]
struct Programs {
    folder: Option<PathBuf>,
    /// PostgreSQL does not run as root.
    as_nobody: bool,
}

impl Postgres {
    /// Makes and starts a cluster in `folder`, which is emptied first.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start(folder: &Path) -> Result<Self, PostgresError> {
        let programs = Programs::found()?;
        let made = (|| {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
            fs::create_dir_all(folder)
        })();
        made.map_err(|source| PostgresError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        if programs.as_nobody {
            process::run(Command::new("chown").arg("nobody").arg(folder))?;
        }
        let cluster = folder.join("cluster");
        let init = [
            "--auth=trust",
            "--username=tabsweep",
            "--encoding=UTF8",
            "--locale=C",
        ];
        process::output(
            programs
                .command("initdb")
                .args(init)
                .arg("-D")
                .arg(&cluster),
        )?;
        let port = free_port().map_err(|source| PostgresError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -k {}",
            folder.display()
        );
        let mut start = programs.command("pg_ctl");
        start
            .args(["-w", "-o", &options, "-l"])
            .arg(folder.join("log"))
            .arg("-D")
            .arg(&cluster);
        process::run(start.arg("start"))?;
        Ok(Self {
            programs,
            folder: folder.to_owned(),
            port,
            databases: AtomicU32::new(0),
        })
    }

    /// The address of a new, empty database.
    ///
    /// # Errors
    /// It can't be made.
    pub fn fresh_database(&self) -> Result<String, PostgresError> {
        let name = format!("round{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let port = self.port.to_string();
        let mut create = self.programs.command("createdb");
        process::run(create.args(["-h", "127.0.0.1", "-p", &port, "-U", "tabsweep", &name]))?;
        Ok(format!("postgres://tabsweep@127.0.0.1:{port}/{name}"))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.programs.command("pg_ctl");
        stop.arg("-D")
            .arg(self.folder.join("cluster"))
            .args(["-m", "immediate", "stop"]);
        if let Err(error) = process::run(&mut stop) {
            eprintln!(
                "PostgreSQL in {} may still run: {error}",
                self.folder.display()
            );
        }
    }
}

impl Programs {
    fn found() -> Result<Self, PostgresError> {
        let in_path = which::which("initdb").is_ok();
        let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
        let newest = versions.map(|entry| entry.path().join("bin")).max();
        if newest.is_none() && !in_path {
            return Err(PostgresError::NotInstalled);
        }
        let user = process::output(Command::new("id").arg("-u"))?;
        Ok(Self {
            folder: newest,
            as_nobody: user == "0",
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
        command.current_dir("/");
        command
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
