//! All workers of one process: one volunteer, one copy of the data, a thread for each worker.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use rand::{TryRng, rngs::SysRng};
use tabsweep_protocol::{BUILD, WorkerId};
use tokio::{runtime::Handle, sync::mpsc};

use crate::{
    Address,
    data::DataSets,
    display::{Display, Line},
    http::{Http, HttpError},
    lender::{End, Incoming, Lender, Shared},
    registration::{Registration, RegistrationError},
};

/// What the volunteer chose.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server.
    pub address: Address,
    /// Name for the leaderboard where the volunteer is not known yet; empty for none.
    pub nickname: String,
    /// Workers, each on a core of its own.
    pub workers: usize,
    /// File with the volunteer's token; made where it is missing.
    pub token_file: PathBuf,
    /// Folder for data sets, if they are to be kept.
    pub data_folder: Option<PathBuf>,
}

/// Why nobody works.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The volunteer is not registered.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The program can't speak HTTP here.
    #[error("no connection can be made: {source}")]
    Http {
        /// Why not.
        #[from]
        source: HttpError,
    },
    /// The server computes or speaks otherwise.
    #[error(
        "{address} runs another build of tabsweep than this program, which is build {BUILD}: \
         use the program of the server's version{reason}"
    )]
    OtherBuild {
        /// The server.
        address: Address,
        /// Its words in parentheses, or empty.
        reason: String,
    },
    /// The system has no thread for a worker.
    #[error("a worker can't be started: {source}")]
    Thread {
        /// The system's words.
        #[from]
        source: io::Error,
    },
}

/// Workers that work.
#[derive(Debug)]
pub struct Crew {
    workers: Vec<Sender<Incoming>>,
    ends: mpsc::UnboundedReceiver<Result<(), WorkError>>,
}

impl Crew {
    /// Registers the volunteer where that is needed, and starts all workers.
    ///
    /// # Errors
    /// The server can't be reached, or files or threads can't be had.
    pub async fn start(options: Options) -> Result<Self, WorkError> {
        let http = Http::new(options.address.clone())?;
        let registration = Registration::open(
            http.clone(),
            options.address.clone(),
            options.nickname,
            options.token_file,
        )
        .await?;
        let display = Display::found();
        let (address, nickname) = (&options.address, &registration.nickname);
        let count = options.workers;
        display.say(&format!(
            "{count} workers for {address}, as {nickname}; Ctrl-C stops them"
        ));
        let shared = Shared {
            runtime: Handle::current(),
            address: options.address,
            data: Arc::new(DataSets::new(http.clone(), options.data_folder)),
            http,
        };
        let (ended, ends) = mpsc::unbounded_channel();
        let registration = Arc::new(registration);
        let mut workers = Vec::new();
        for number in 1..=count {
            let (incoming, events) = channel();
            let thread = Thread {
                shared: shared.clone(),
                registration: registration.clone(),
                line: display.line(number),
                incoming: incoming.clone(),
                events,
            };
            let ended = ended.clone();
            thread::Builder::new()
                .name(format!("worker {number}"))
                .spawn(move || ended.send(thread.run()))?;
            workers.push(incoming);
        }
        Ok(Self { workers, ends })
    }

    /// Asks all workers to leave a checkpoint behind and stop.
    pub fn stop(&self) {
        for worker in &self.workers {
            // One that has ended already is stopped.
            let _ = worker.send(Incoming::Stop);
        }
    }

    /// Waits until all have ended. What one can't do the others can't: they are stopped then.
    ///
    /// # Errors
    /// Why the first of them ended, other than by [`Crew::stop`].
    pub async fn ended(&mut self) -> Result<(), WorkError> {
        let mut first = Ok(());
        while let Some(end) = self.ends.recv().await {
            if end.is_err() && first.is_ok() {
                self.stop();
                first = end;
            }
        }
        first
    }
}

/// Works until Ctrl-C or SIGTERM; a second one ends the process at once.
///
/// # Errors
/// As [`Crew::start`] and [`Crew::ended`].
pub async fn work(options: Options) -> Result<(), WorkError> {
    let mut crew = Crew::start(options).await?;
    tokio::select! {
        ended = crew.ended() => return ended,
        () = asked_to_stop() => {}
    }
    Display::found().say("stopping: leaving checkpoints behind; Ctrl-C once more ends at once");
    crew.stop();
    tokio::select! {
        ended = crew.ended() => ended,
        // The exit code of a program that Ctrl-C has ended.
        () = asked_to_stop() => std::process::exit(130),
    }
}

/// What a worker's thread begins with.
struct Thread {
    shared: Shared,
    registration: Arc<Registration>,
    line: Line,
    incoming: Sender<Incoming>,
    events: Receiver<Incoming>,
}

impl Thread {
    fn run(self) -> Result<(), WorkError> {
        let runtime = self.shared.runtime.clone();
        let mut token = runtime.block_on(self.registration.token());
        loop {
            let lender = Lender::new(
                self.shared.clone(),
                token.clone(),
                worker_id(),
                self.line.clone(),
                self.incoming.clone(),
            );
            match lender.run(&self.events) {
                End::Stopped => return Ok(()),
                End::OtherBuild { reason } => {
                    let address = self.shared.address.clone();
                    let reason = match reason.as_str() {
                        "" => reason,
                        words => format!(" (it says: {words})"),
                    };
                    return Err(WorkError::OtherBuild { address, reason });
                }
                End::Unregistered => token = runtime.block_on(self.registration.renewed(&token))?,
            }
        }
    }
}

/// A name that no other worker has.
///
/// # Panics
/// When the operating system has no randomness: nothing safe can be done then.
fn worker_id() -> WorkerId {
    let number = SysRng
        .try_next_u64()
        .expect("the operating system has randomness");
    format!("{number:016x}")
        .parse()
        .expect("16 hexadecimal digits are a worker id")
}

/// Ctrl-C, or SIGTERM where there is such a thing.
async fn asked_to_stop() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = ctrl_c => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
