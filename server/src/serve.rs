//! From flags to a running server, and its orderly end.

use std::{
    future::IntoFuture,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    app::{App, Settings, SharedApp},
    blobs::{BlobError, Blobs},
    clock::Clock,
    datasets::{DataSetError, MNIST, SYNTHETIC_DIGITS, Sources},
    labelling,
    listener::{Listener, Peer},
    peers, routes, secret,
    store::{ClaimKind, Store, StoreError},
    studies::{self, CreateError},
    study_file::StudyFileError,
    upkeep,
    verification::{self, NUMERICS},
};

/// The study that a fresh server starts with.
const FIRST_STUDY: &str = include_str!("../studies/first.toml");

/// How long open connections may take to end.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// What the operator chose.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Folder for the admin token, and for the database and blobs that are not elsewhere.
    pub state: PathBuf,
    /// Address of PostgreSQL, where the database is not to be in the state folder.
    pub database_url: Option<String>,
    /// Folder or `s3://BUCKET/PREFIX` for blobs, where they are not to be in the state folder.
    pub blobs: Option<String>,
    /// Folder with the built pages.
    pub pages: PathBuf,
    /// Where data sets come from.
    pub sources: Sources,
    /// Data set of the first study, where it is not to be that of its file.
    pub dataset: Option<String>,
    /// File of the first study, where it is not to be the built-in one.
    pub study: Option<PathBuf>,
    /// File with the admin token, where it is not to be in the state folder.
    pub admin_token_file: Option<PathBuf>,
    /// Whether claims are checked here.
    pub verifies: bool,
    /// How workers are treated.
    pub settings: Settings,
}

/// Why the server can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}; choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// The pages have not been built.
    #[error("{folder} has no index.html; build the pages with `cargo xtask build`, or use --pages")]
    NoPages {
        /// The folder.
        folder: PathBuf,
    },
    /// The first study's file is wrong.
    #[error("{path}, {source}")]
    StudyFile {
        /// The file.
        path: PathBuf,
        /// Where and how.
        source: StudyFileError,
    },
    /// The first study can't be created.
    #[error(transparent)]
    Create {
        /// Why not.
        #[from]
        source: CreateError,
    },
    /// The database can't be used.
    #[error(transparent)]
    Store {
        /// Why not.
        #[from]
        source: StoreError,
    },
    /// Blobs can't be kept.
    #[error(transparent)]
    Blob {
        /// Why not.
        #[from]
        source: BlobError,
    },
    /// The server's own loop broke.
    #[error("serving failed: {source}")]
    Io {
        /// The system's words.
        #[from]
        source: io::Error,
    },
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// Something that the server can't do without is missing.
pub async fn serve(options: Options) -> Result<(), ServeError> {
    if !options.pages.join("index.html").is_file() {
        return Err(ServeError::NoPages {
            folder: options.pages,
        });
    }
    raise_file_limit();
    let app = open(&options).await?;
    // Before anything is leased: other servers take what one has in hand that they can't hear.
    let heard = app.store.listen().await?;
    // Bound before the first study is made, which can take a download: a taken port shows at once.
    let address = options.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    first_study(&app, &options).await?;
    warn_of_synthetic_digits(&app).await?;
    begin_outdated_anew(&app).await?;
    adopt_orphans(&app).await?;
    let mut tasks = JoinSet::new();
    if let Some(listener) = heard {
        tasks.spawn(peers::run(app.clone(), listener));
    }
    let kinds = [ClaimKind::Scored, ClaimKind::Diverged];
    for kind in kinds.into_iter().filter(|_| options.verifies) {
        tasks.spawn(verification::run(app.clone(), kind));
    }
    if options.verifies {
        tasks.spawn(labelling::run(app.clone()));
    }
    tasks.spawn(upkeep::run(app.clone()));
    announce(listener.local_addr()?, &options);
    run(&app, listener, &options.pages).await?;
    tasks.join_all().await;
    app.store.close().await;
    Ok(())
}

/// A socket is a file, and a shell's limit is often 1024.
#[cfg(unix)]
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!("the limit of open files stays as it is: {error}");
    }
}

#[cfg(not(unix))]
fn raise_file_limit() {}

/// The shared parts, on the state folder.
async fn open(options: &Options) -> Result<SharedApp, ServeError> {
    let state = &options.state;
    std::fs::create_dir_all(state).map_err(|source| ServeError::File {
        path: state.clone(),
        source,
    })?;
    let (data, uploads) = (blobs(options, "data")?, blobs(options, "uploads")?);
    let store = match &options.database_url {
        Some(url) => Store::connect(url).await?,
        None => Store::open(&options.state.join("tabsweep.sqlite3")).await?,
    };
    let token_file = admin_token_file(options);
    let admin_token = secret::admin_token(&token_file).map_err(|source| ServeError::File {
        path: token_file,
        source,
    })?;
    let (sources, settings) = (options.sources.clone(), options.settings);
    Ok(App::new(
        store,
        data,
        uploads,
        sources,
        Clock::system(),
        settings,
        &admin_token,
    ))
}

fn blobs(options: &Options, folder: &str) -> Result<Blobs, BlobError> {
    match &options.blobs {
        Some(url) if url.starts_with("s3://") => Blobs::in_bucket(url, folder),
        Some(path) => Blobs::open(&Path::new(path).join(folder)),
        None => Blobs::open(&options.state.join(folder)),
    }
}

fn admin_token_file(options: &Options) -> PathBuf {
    options
        .admin_token_file
        .clone()
        .unwrap_or_else(|| options.state.join("admin-token"))
}

/// Creates the first study where there is none.
async fn first_study(app: &App, options: &Options) -> Result<(), ServeError> {
    if !app.store.studies().await?.is_empty() {
        return Ok(());
    }
    let path = options
        .study
        .clone()
        .unwrap_or_else(|| PathBuf::from("first.toml"));
    let text = match &options.study {
        Some(path) => std::fs::read_to_string(path).map_err(|source| ServeError::File {
            path: path.clone(),
            source,
        })?,
        None => FIRST_STUDY.to_owned(),
    };
    let study = studies::parse(&text).map_err(|source| ServeError::StudyFile { path, source })?;
    let dataset = options
        .dataset
        .clone()
        .unwrap_or_else(|| study.dataset.clone());
    tracing::info!("preparing the data set {dataset}");
    match studies::create_first_on(app, &study, &dataset).await {
        Err(CreateError::DataSet {
            source: DataSetError::Download { source },
        }) if dataset == MNIST => {
            tracing::warn!("{source}");
            studies::create_first_on(app, &study, SYNTHETIC_DIGITS).await?;
        }
        created => created?,
    }
    Ok(())
}

/// After a start, the sockets of this server's last life are gone.
async fn adopt_orphans(app: &App) -> Result<(), StoreError> {
    let policy = app.settings.restart_policy();
    let adopted = app.store.adopt_orphans(policy, app.clock.now()).await?;
    if adopted.trials > 0 {
        tracing::info!(
            "{} trials were in hand when the server ended",
            adopted.trials
        );
    }
    Ok(())
}

/// After an upgrade that changed the arithmetic.
async fn begin_outdated_anew(app: &App) -> Result<(), StoreError> {
    let begun = app
        .store
        .begin_outdated_anew(NUMERICS, app.clock.now())
        .await?;
    if begun > 0 {
        tracing::warn!(
            "{begun} trials begin anew: the trainer now computes by numerics {NUMERICS}"
        );
    }
    let renewed = app.store.renew_jobs(NUMERICS, app.clock.now()).await?;
    if renewed > 0 {
        tracing::warn!("{renewed} labelling jobs go on under numerics {NUMERICS}");
    }
    Ok(())
}

/// Says it at every start: scores look the same whatever they were reached on.
async fn warn_of_synthetic_digits(app: &App) -> Result<(), StoreError> {
    let studies = app.store.studies().await?;
    if studies
        .iter()
        .all(|study| study.data.name != SYNTHETIC_DIGITS)
    {
        return Ok(());
    }
    let line = "=".repeat(78);
    eprintln!("{line}");
    eprintln!("  THIS SERVER TRAINS ON SYNTHETIC DIGITS, NOT ON MNIST.");
    eprintln!("  Scores say nothing about MNIST. To use MNIST, start on an empty --state with");
    eprintln!("  --dataset-dir DIR, the folder of its four files.");
    eprintln!("{line}");
    Ok(())
}

fn announce(address: SocketAddr, options: &Options) {
    println!("tabsweep is at http://{address}");
    println!("  lend a tab   http://{address}/");
    println!("  studies      http://{address}/studies");
    println!("  classify     http://{address}/classify");
    println!("  admin token  {}", admin_token_file(options).display());
    println!("Ctrl-C stops it; a second start goes on where it stopped.");
}

async fn run(app: &SharedApp, listener: TcpListener, pages: &Path) -> Result<(), ServeError> {
    let router = routes::router(app.clone(), pages);
    let service = router.into_make_service_with_connect_info::<Peer>();
    let mut ends = app.shutdown.subscribe();
    let graceful = axum::serve(Listener(listener), service).with_graceful_shutdown(async move {
        let _ = ends.wait_for(|ends| *ends).await;
    });
    let mut serving = std::pin::pin!(graceful.into_future());
    tokio::select! {
        ended = &mut serving => return Ok(ended?),
        () = asked_to_stop() => {}
    }
    println!("stopping");
    app.shutdown.send_replace(true);
    // Browsers keep idle connections open; they don't hold up the end.
    let _ = tokio::time::timeout(LAST_WORDS, async {
        tokio::join!(serving, workers_gone(app)).0
    })
    .await;
    Ok(())
}

/// Waits until every socket has told its worker and left its lease alone.
async fn workers_gone(app: &App) {
    while !app.roster.connected().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
