//! How many workers do what, and how long: the whole of one load.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::OnceCell,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    figures::Figures,
    http::{Http, HttpError},
    weights::Weights,
    worker::Worker,
};

/// How long a simulated trial takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrialSecs {
    /// It never ends.
    Endless,
    /// Evenly spread between two lengths, in seconds; both 0 for trials that end at once.
    Between(f64, f64),
}

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Load {
    /// Servers, `http://HOST:PORT`; worker after worker takes the next, and after a lost socket the
    /// one after that.
    pub servers: Vec<String>,
    /// Workers, each with a socket.
    pub workers: usize,
    /// Volunteers whom the workers belong to.
    pub volunteers: usize,
    /// How many workers connect per second.
    pub arrivals_per_sec: f64,
    /// How long trials take.
    pub trial: TrialSecs,
    /// Whether a trial reports an epoch before it ends, as all real ones do.
    pub epochs: bool,
    /// Where the lengths of the trials come from.
    pub seed: u64,
}

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) load: Load,
    pub(crate) servers: Vec<Http>,
    pub(crate) figures: Figures,
    /// Of the study that the first lease was for.
    pub(crate) weights: OnceCell<Weights>,
    pub(crate) began: std::time::Instant,
}

/// Workers at work, until this is dropped.
#[derive(Debug)]
pub struct Simulation {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Simulation {
    /// Registers the volunteers and lets the workers arrive one after the other.
    ///
    /// # Errors
    /// The first server does not register volunteers.
    ///
    /// # Panics
    /// Without servers or volunteers.
    pub async fn start(load: Load) -> Result<Self, HttpError> {
        let servers = load.servers.iter().cloned().map(Http::new);
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        let mut tokens = Vec::new();
        for number in 0..load.volunteers {
            tokens.push(servers[0].register(&format!("volunteer {number}")).await?);
        }
        let shared = Arc::new(Shared {
            figures: Figures::new(load.workers),
            servers,
            weights: OnceCell::new(),
            began: std::time::Instant::now(),
            load,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(arrive(shared.clone(), tokens));
        Ok(Self {
            shared,
            _tasks: tasks,
        })
    }

    /// What the first server's API says at a path.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn ask(&self, path: &str) -> Result<serde_json::Value, HttpError> {
        self.shared.servers[0].ask(path).await
    }

    /// What the workers have seen so far.
    pub fn figures(&self) -> &Figures {
        &self.shared.figures
    }
}

async fn arrive(shared: Arc<Shared>, tokens: Vec<String>) {
    // The workers are this task's own, so that they end with it.
    let mut workers = JoinSet::new();
    let began = Instant::now();
    for number in 0..shared.load.workers {
        let after = Duration::from_secs_f64(number as f64 / shared.load.arrivals_per_sec);
        sleep_until(began + after).await;
        let token = tokens[number % tokens.len()].clone();
        workers.spawn(Worker::new(shared.clone(), number, token).run());
    }
    workers.join_all().await;
}
