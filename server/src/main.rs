//! The `tabsweep` program: flags to functions.

use std::{io::IsTerminal, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use tabsweep_dataset::SyntheticDigits;
use tabsweep_server::{
    app::Settings,
    client::Server,
    datasets::{self, MNIST, Mirrors, Sources},
    openapi,
    serve::{self, Options},
};
use tabsweep_study::LeasePolicy;
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
    /// Fetches and draws data sets.
    #[command(subcommand)]
    Data(DataCommand),
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
    /// How often workers upload checkpoints.
    #[arg(long, value_name = "SECS", default_value_t = Settings::default().checkpoint_secs)]
    checkpoint_secs: u32,
    /// How many leases of a trial may come to nothing before it counts as failed.
    #[arg(long, value_name = "N", default_value_t = LeasePolicy::default().max_attempts,
        value_parser = clap::value_parser!(u32).range(1..))]
    max_attempts: u32,
    /// Most sockets from one address.
    #[arg(long, value_name = "N", default_value_t = Settings::default().sockets_per_address)]
    sockets_per_address: usize,
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
        /// File with the operator's token.
        #[arg(long, value_name = "FILE", default_value = "state/admin-token")]
        admin_token_file: PathBuf,
        #[command(flatten)]
        server: ServerArgs,
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
        Command::Study(command) => println!("{}", study(command).await?),
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
        Command::Openapi => println!("{}", openapi::document().to_pretty_json()?),
    }
    Ok(())
}

async fn study(command: StudyCommand) -> Result<String, CommandError> {
    let at = |args: ServerArgs| Server {
        url: args.server.trim_end_matches('/').to_owned(),
    };
    Ok(match command {
        StudyCommand::Create {
            file,
            admin_token_file,
            server,
        } => at(server).create_study(file, admin_token_file).await?,
        StudyCommand::List { server } => at(server).list_studies().await?,
        StudyCommand::Show { id, server } => at(server).show_study(id).await?,
    })
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
            pages: self.pages,
            sources: self.sources.into_sources(),
            dataset: self.dataset,
            study: self.study,
            admin_token_file: self.admin_token_file,
            settings: Settings {
                policy,
                restart_grace_secs: self.restart_grace_secs,
                checkpoint_secs: self.checkpoint_secs,
                sockets_per_address: self.sockets_per_address,
                ..Settings::default()
            },
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
