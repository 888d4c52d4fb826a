//! The `tabsweep` program: flags to functions.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use tabsweep_dataset::SyntheticDigits;
use tabsweep_protocol::Value;
use tabsweep_server::{
    app::Settings,
    client::{ExportFormat, ExportedTrial, JobModel, NewJob, Output, Server, StudyChange},
    datasets::{self, MNIST, Mirrors, Sources},
    openapi,
    results::ResultFormat,
    serve::{self, Options},
};
use tabsweep_study::LeasePolicy;
use tabsweep_worker_native::{Address, crew, registration};
use tracing_subscriber::EnvFilter;

/// Hyper-parameter sweeps on borrowed browser tabs.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server.
    Serve(ServeArgs),
    /// Creates and shows studies on a running server.
    #[command(subcommand)]
    Study(StudyCommand),
    /// Adds, lists and removes pretrained models on a running server.
    #[command(subcommand)]
    Model(ModelCommand),
    /// Labels pictures with a trained model.
    #[command(subcommand)]
    Label(LabelCommand),
    /// Fetches and draws data sets.
    #[command(subcommand)]
    Data(DataCommand),
    /// Lends this computer to a server, without a browser.
    Work(WorkArgs),
    /// Prints the OpenAPI document.
    Openapi,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Address to listen on; 0.0.0.0:8080 lets the whole network in.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Folder for everything that is remembered.
    #[arg(long, value_name = "DIR", default_value = "state")]
    state: PathBuf,
    /// Address of a PostgreSQL database, postgres://USER:PASSWORD@HOST/DATABASE, that several servers
    /// may share; by default the database is a file in the state folder.
    #[arg(
        long,
        value_name = "URL",
        env = "TABSWEEP_DATABASE_URL",
        hide_env_values = true
    )]
    database_url: Option<String>,
    /// Where data sets, checkpoints and weights are kept: a folder or an S3-compatible bucket, whose
    /// endpoint and keys are taken from AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and so on; by default the
    /// state folder.
    #[arg(long, value_name = "DIR|s3://BUCKET/PREFIX", env = "TABSWEEP_BLOBS")]
    blobs: Option<String>,
    /// Folder with the built pages.
    #[arg(long, value_name = "DIR", default_value = "web/dist")]
    pages: PathBuf,
    /// Data set of the first study: mnist, synthetic-digits, or a folder with four IDX files.
    #[arg(long, value_name = "NAME|DIR")]
    dataset: Option<String>,
    #[command(flatten)]
    sources: SourceArgs,
    /// Study file of the first study, on a fresh state folder.
    #[arg(long, value_name = "FILE")]
    study: Option<PathBuf>,
    /// File with the operator's token; by default it is drawn and kept in the state folder.
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// Silence after which a worker loses its trial.
    #[arg(long, value_name = "SECS", default_value_t = LeasePolicy::default().lease_secs,
        value_parser = clap::value_parser!(u32).range(2..=86_400))]
    lease_secs: u32,
    /// How long a closed tab may take to come back before its trial goes to somebody else.
    #[arg(long, value_name = "SECS", default_value_t = LeasePolicy::default().grace_secs)]
    grace_secs: u32,
    /// The same after a restart of the server.
    #[arg(long, value_name = "SECS", default_value_t = Settings::default().restart_grace_secs)]
    restart_grace_secs: u32,
    /// How often workers upload checkpoints; less often where thousands are connected.
    #[arg(long, value_name = "SECS", default_value_t = Settings::default().checkpoint_secs)]
    checkpoint_secs: u32,
    /// How many leases of a trial may come to nothing before it counts as failed.
    #[arg(long, value_name = "N", default_value_t = LeasePolicy::default().max_attempts,
        value_parser = clap::value_parser!(u32).range(1..))]
    max_attempts: u32,
    /// How long labels wait for a second volunteer until the server confirms them itself.
    #[arg(long, value_name = "SECS", default_value_t = Settings::default().confirm_secs)]
    confirm_secs: u32,
    /// Most sockets from one address.
    #[arg(long, value_name = "N", default_value_t = Settings::default().sockets_per_address)]
    sockets_per_address: usize,
    /// Claims that are scored at once; 0 leaves claims unchecked.
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u8).range(0..=1))]
    verifiers: u8,
}

#[derive(Debug, Args)]
struct WorkArgs {
    /// The server, such as http://192.168.0.10:8080.
    #[arg(value_name = "URL")]
    address: Address,
    /// How many cores to lend; by default all but one.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Name for the leaderboard, at the first start for this server.
    #[arg(long, value_name = "NAME", default_value = "")]
    nickname: String,
    /// File with the volunteer's token; by default one for each server in the user's state folder.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Folder for data sets; by default the user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct SourceArgs {
    /// Folder with MNIST's four files, packed or not.
    #[arg(long, value_name = "DIR")]
    dataset_dir: Option<PathBuf>,
    /// Folder for downloaded data sets.
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
    /// Where MNIST is downloaded from, instead of the public mirrors; may be given several times.
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum StudyCommand {
    /// Creates a study from a study file.
    Create {
        /// The study file (TOML).
        file: PathBuf,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Lists studies.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Shows a study and its leaders.
    Show {
        /// The study's id.
        id: u32,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Says how much each hyper-parameter matters for the score.
    Importance {
        /// The study's id.
        id: u32,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Saves a study's trials, or the model of one of them, as a file for other tools.
    Export {
        /// The study's id.
        id: u32,
        /// What to save: all trials (csv, jsonl, optuna), or one trial's model (safetensors, onnx, html).
        #[arg(long, default_value = "csv")]
        format: ExportFormat,
        /// Whose model: a trial's number, or the best.
        #[arg(long, value_name = "N|best", default_value = "best")]
        trial: ExportedTrial,
        /// File to write, or - for the terminal; by default one named after the study, here.
        #[arg(long, value_name = "FILE")]
        output: Option<Output>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Lets no more trials begin; those under way go on.
    Pause {
        /// The study's id.
        id: u32,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Lets trials begin again.
    Resume {
        /// The study's id.
        id: u32,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Ends a study now: trials that have not ended are cancelled.
    Stop {
        /// The study's id.
        id: u32,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Changes how far a study goes; a finished one runs again if there is more to do.
    Extend {
        /// The study's id.
        id: u32,
        /// How many settings are tried, with those that have been.
        #[arg(long, value_name = "N")]
        trials: Option<u32>,
        /// Seconds from the study's creation until no trial begins any more.
        #[arg(long, value_name = "SECS")]
        wall_secs: Option<u32>,
        /// The verified score that is good enough.
        #[arg(long, value_name = "SHARE")]
        target_score: Option<f64>,
        /// Its share of the workers beside other studies, in proportion to theirs.
        #[arg(long, value_name = "WEIGHT")]
        weight: Option<f64>,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Queues a setting of your own; what is left out is chosen by the sampler.
    Enqueue {
        /// The study's id.
        id: u32,
        /// Hyper-parameters, such as learning_rate=0.01 optimizer=sgd.
        #[arg(value_name = "NAME=VALUE", value_parser = assignment, required = true)]
        setting: Vec<(String, Value)>,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Has a trial trained once more from its beginning.
    Requeue {
        /// The study's id.
        id: u32,
        /// The trial's number.
        number: u32,
        #[command(flatten)]
        operator: OperatorArgs,
    },
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// Adds the bundle in a folder: model.toml, labels.txt and weights.safetensors.
    Add {
        /// The folder.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Lists bundles.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Removes a bundle; not while a job has it that has not ended.
    Remove {
        /// Its name, or how its hash begins: four digits at least.
        #[arg(value_name = "NAME|HASH")]
        name: String,
        #[command(flatten)]
        operator: OperatorArgs,
    },
}

#[derive(Debug, Subcommand)]
enum LabelCommand {
    /// Creates a job: uploads pictures and has them labelled.
    Create {
        /// A folder, a ZIP archive, or images in the IDX format.
        #[arg(long, value_name = "DIR|ZIP|IDX")]
        images: PathBuf,
        /// Which model: `best` for the best verified trial, STUDY/TRIAL, or a bundle's name or hash.
        #[arg(long, value_name = "MODEL", default_value = "best")]
        model: JobModel,
        /// How many labels each picture gets.
        #[arg(long, value_name = "N", default_value_t = 5)]
        top: u32,
        /// Name; by default that of the folder or file.
        #[arg(long)]
        name: Option<String>,
        /// Its share of the workers beside studies and other jobs, in proportion to theirs.
        #[arg(long, default_value_t = 1.0)]
        weight: f64,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Lists jobs.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Shows how far a job is.
    Show {
        /// The job's id.
        id: u32,
        /// Goes on showing it until it has ended.
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Saves what a job has found.
    Results {
        /// The job's id.
        id: u32,
        /// How it is written.
        #[arg(long, value_enum, default_value = "csv")]
        format: ResultFormat,
        /// File to write; `-` for the terminal. By default one named after the job.
        #[arg(long, value_name = "FILE")]
        output: Option<Output>,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Lists how often each class is the likeliest.
    Classes {
        /// The job's id.
        id: u32,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Ends a job now; labels that it has stay.
    Stop {
        /// The job's id.
        id: u32,
        #[command(flatten)]
        operator: OperatorArgs,
    },
}

/// Who may change studies, and where.
#[derive(Debug, Args)]
struct OperatorArgs {
    /// File with the operator's token.
    #[arg(long, value_name = "FILE", default_value = "state/admin-token")]
    admin_token_file: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, Args)]
struct ServerArgs {
    /// Address of the server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Fetches MNIST to the cache folder.
    Fetch {
        #[command(flatten)]
        sources: SourceArgs,
    },
    /// Draws synthetic digits and writes them as four IDX files.
    Draw {
        /// Folder to write to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Training images, validation included.
        #[arg(long, default_value_t = SyntheticDigits::default().train)]
        train: usize,
        /// Test images.
        #[arg(long, default_value_t = SyntheticDigits::default().test)]
        test: usize,
        /// Where all randomness comes from.
        #[arg(long, default_value_t = SyntheticDigits::default().seed)]
        seed: u64,
    },
}

type CommandError = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Serve(args) => serve::serve(args.into_options()).await?,
        Command::Label(command) => {
            let text = label(command).await?;
            if !text.is_empty() {
                println!("{text}");
            }
        }
        Command::Study(command) => {
            let text = study(command).await?;
            // An export has written what there is to see.
            if !text.is_empty() {
                println!("{text}");
            }
        }
        Command::Model(command) => println!("{}", model(command).await?),
        Command::Data(DataCommand::Fetch { sources }) => {
            let data = sources.into_sources().find(MNIST).await?;
            println!(
                "{} training and {} test images",
                data.train().count(),
                data.test().count()
            );
        }
        Command::Data(DataCommand::Draw {
            out,
            train,
            test,
            seed,
        }) => {
            let data = SyntheticDigits { seed, train, test }.draw()?;
            datasets::write_folder(&out, &data)?;
            println!(
                "{train} training and {test} test images are in {}",
                out.display()
            );
        }
        Command::Work(args) => crew::work(args.into_options()).await?,
        Command::Openapi => println!("{}", openapi::document().to_pretty_json()?),
    }
    Ok(())
}

async fn model(command: ModelCommand) -> Result<String, CommandError> {
    match command {
        ModelCommand::Add { folder, operator } => {
            let (server, token) = operator.split();
            Ok(server.add_bundle(&folder, token).await?)
        }
        ModelCommand::List { server } => Ok(server.at().list_bundles().await?),
        ModelCommand::Remove { name, operator } => {
            let (server, token) = operator.split();
            Ok(server.remove_bundle(name, token).await?)
        }
    }
}

async fn label(command: LabelCommand) -> Result<String, CommandError> {
    Ok(match command {
        LabelCommand::Create {
            images,
            model,
            top,
            name,
            weight,
            operator,
        } => {
            let job = NewJob {
                images,
                model,
                top,
                name,
                weight,
            };
            let (server, token) = operator.split();
            server.create_job(job, token).await?
        }
        LabelCommand::List { server } => server.at().list_jobs().await?,
        LabelCommand::Show { id, watch, server } => server.at().show_job(id, watch).await?,
        LabelCommand::Results {
            id,
            format,
            output,
            operator,
        } => {
            let (server, token) = operator.split();
            server.job_results(id, format, output, token).await?
        }
        LabelCommand::Classes { id, operator } => {
            let (server, token) = operator.split();
            server.job_classes(id, token).await?
        }
        LabelCommand::Stop { id, operator } => {
            let (server, token) = operator.split();
            server.stop_job(id, token).await?
        }
    })
}

async fn study(command: StudyCommand) -> Result<String, CommandError> {
    let (id, change, operator) = match command {
        StudyCommand::Create { file, operator } => {
            let (server, token) = operator.split();
            return Ok(server.create_study(file, token).await?);
        }
        StudyCommand::List { server } => return Ok(server.at().list_studies().await?),
        StudyCommand::Show { id, server } => return Ok(server.at().show_study(id).await?),
        StudyCommand::Importance { id, server } => return Ok(server.at().importance(id).await?),
        StudyCommand::Export {
            id,
            format,
            trial,
            output,
            server,
        } => return Ok(server.at().export(id, format, trial, output).await?),
        StudyCommand::Enqueue {
            id,
            setting,
            operator,
        } => {
            let (server, token) = operator.split();
            let setting = setting.into_iter().collect();
            return Ok(server.enqueue(id, &setting, token).await?);
        }
        StudyCommand::Requeue {
            id,
            number,
            operator,
        } => {
            let (server, token) = operator.split();
            return Ok(server.requeue(id, number, token).await?);
        }
        StudyCommand::Pause { id, operator } => (id, to("paused"), operator),
        StudyCommand::Resume { id, operator } => (id, to("running"), operator),
        StudyCommand::Stop { id, operator } => (id, to("finished"), operator),
        StudyCommand::Extend {
            id,
            trials,
            wall_secs,
            target_score,
            weight,
            operator,
        } => {
            let change = StudyChange {
                state: None,
                trials,
                wall_secs,
                target_score,
                weight,
            };
            (id, change, operator)
        }
    };
    let (server, token) = operator.split();
    Ok(server.change_study(id, &change, token).await?)
}

fn to(state: &'static str) -> StudyChange {
    StudyChange {
        state: Some(state),
        ..StudyChange::default()
    }
}

/// `NAME=VALUE`, with the value's type as it looks.
fn assignment(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .ok_or_else(|| format!("expected NAME=VALUE, found `{text}`"))?;
    let value = if let Ok(value) = value.parse() {
        Value::Bool(value)
    } else if let Ok(value) = value.parse() {
        Value::Int(value)
    } else {
        match value.parse::<f64>() {
            Ok(value) if value.is_finite() => Value::Float(value),
            _ => Value::Text(value.to_owned()),
        }
    };
    Ok((name.to_owned(), value))
}

impl ServerArgs {
    fn at(self) -> Server {
        Server {
            url: self.server.trim_end_matches('/').to_owned(),
        }
    }
}

impl OperatorArgs {
    fn split(self) -> (Server, PathBuf) {
        (self.server.at(), self.admin_token_file)
    }
}

impl ServeArgs {
    fn into_options(self) -> Options {
        let policy = LeasePolicy {
            lease_secs: self.lease_secs,
            grace_secs: self.grace_secs,
            max_attempts: self.max_attempts,
        };
        Options {
            listen: self.listen,
            state: self.state,
            database_url: self.database_url,
            blobs: self.blobs,
            pages: self.pages,
            sources: self.sources.into_sources(),
            dataset: self.dataset,
            study: self.study,
            admin_token_file: self.admin_token_file,
            verifies: self.verifiers > 0,
            settings: Settings {
                policy,
                restart_grace_secs: self.restart_grace_secs,
                checkpoint_secs: self.checkpoint_secs,
                sockets_per_address: self.sockets_per_address,
                confirm_secs: self.confirm_secs,
                ..Settings::default()
            },
        }
    }
}

impl WorkArgs {
    fn into_options(self) -> crew::Options {
        let all_but_one =
            || std::thread::available_parallelism().map_or(1, |cores| cores.get() - 1);
        crew::Options {
            nickname: self.nickname,
            workers: self.workers.map_or_else(all_but_one, usize::from).max(1),
            token_file: self
                .token_file
                .unwrap_or_else(|| registration::default_token_file(&self.address)),
            data_folder: Some(self.cache_dir.unwrap_or_else(cache_dir).join("blobs")),
            address: self.address,
        }
    }
}

impl SourceArgs {
    fn into_sources(self) -> Sources {
        let mirrors = if self.mirror.is_empty() {
            Mirrors::default()
        } else {
            Mirrors(self.mirror)
        };
        Sources {
            mnist_dir: self.dataset_dir,
            cache_dir: self.cache_dir.unwrap_or_else(cache_dir),
            mirrors,
        }
    }
}

/// The user's cache folder by the XDG convention, and Windows's own.
fn cache_dir() -> PathBuf {
    let from = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    from("XDG_CACHE_HOME")
        .or_else(|| from("LOCALAPPDATA"))
        .or_else(|| from("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("tabsweep")
}
