//! What this server tells the others on its database, and what it does when they tell something.
//! Changes are told together a few times a second, because what is told is only that one should look;
//! its workers every few seconds, in full.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tabsweep_protocol::{Stop, StudyId};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::{
    app::{App, SharedApp, ended},
    roster::Connected,
    store::{Listener, Notice, StoreError},
};

const TOLD_EVERY: Duration = Duration::from_millis(300);
const WORKERS_TOLD_EVERY: Duration = Duration::from_secs(2);
const WORKERS_TOLD_AGAIN: Duration = Duration::from_secs(10);
/// Most workers that the others are told of.
const MOST_WORKERS: usize = 2_000;
const RECONNECT_AFTER: Duration = Duration::from_secs(1);
/// Most that one notice tells: PostgreSQL takes less than 8000 bytes.
const MOST_STUDIES: usize = 200;
const MOST_STOPS: usize = 48;

/// What the others are still to be told. Stays empty where there can't be others.
#[derive(Debug)]
pub struct Outbox {
    is_open: bool,
    untold: Mutex<Untold>,
}

#[derive(Debug, Default)]
struct Untold {
    studies: BTreeSet<StudyId>,
    work: bool,
    stops: Vec<Stop>,
}

impl Outbox {
    /// An empty one; `is_open` where there may be other servers.
    pub fn new(is_open: bool) -> Self {
        let untold = Mutex::default();
        Self { is_open, untold }
    }

    /// Something has changed in a study.
    pub fn study_changed(&self, study: StudyId) {
        self.add(|untold| {
            untold.studies.insert(study);
        });
    }

    /// There may be work for somebody who waits.
    pub fn work_may_exist(&self) {
        self.add(|untold| untold.work = true);
    }

    /// A lease has ended that another server's worker may hold.
    pub fn stop(&self, stop: Stop) {
        self.add(|untold| untold.stops.push(stop));
    }

    fn add(&self, what: impl FnOnce(&mut Untold)) {
        if self.is_open {
            // Nothing here can panic half-way through a change.
            what(&mut self.untold.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Takes out what fits into a notice; none if there is nothing.
    fn take(&self, app: &App) -> Option<Notice> {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        let stops = untold.stops.len().min(MOST_STOPS);
        let rest = untold.studies.iter().nth(MOST_STUDIES).copied();
        let rest = rest.map(|first| untold.studies.split_off(&first));
        let notice = Notice {
            server: app.store.server(),
            studies: mem::replace(&mut untold.studies, rest.unwrap_or_default()),
            work: mem::take(&mut untold.work),
            stops: untold.stops.drain(..stops).collect(),
        };
        let is_empty = notice.studies.is_empty() && !notice.work && notice.stops.is_empty();
        (!is_empty).then_some(notice)
    }
}

/// Tells and hears until the server ends.
pub async fn run(app: SharedApp, listener: Listener) {
    let mut shutdown = app.shutdown.subscribe();
    tokio::select! {
        () = ended(&mut shutdown) => {}
        () = hear(&app, listener) => {}
        () = tell(&app) => {}
        () = tell_workers(&app) => {}
    }
}

async fn tell(app: &App) {
    let mut ticks = interval(TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut notice = None;
    loop {
        ticks.tick().await;
        notice = notice.take().or_else(|| app.outbox.take(app));
        let Some(untold) = &notice else { continue };
        match app.store.tell(untold).await {
            Ok(()) => notice = None,
            Err(error) => tracing::warn!("other servers can't be told: {error}"),
        }
    }
}

/// Tells which workers are here, whenever that is no longer what was told, and now and then: another
/// server may have taken this one for dead for a while.
async fn tell_workers(app: &App) {
    let mut ticks = interval(WORKERS_TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told: Option<(Instant, Vec<Connected>)> = None;
    loop {
        ticks.tick().await;
        let mut workers = app.roster.connected();
        workers.truncate(MOST_WORKERS);
        let is_known = |(since, told): &(Instant, Vec<Connected>)| {
            since.elapsed() < WORKERS_TOLD_AGAIN && *told == workers
        };
        if told.as_ref().is_some_and(is_known) {
            continue;
        }
        match app.store.tell_workers(&workers).await {
            Ok(()) => told = Some((Instant::now(), workers)),
            Err(error) => tracing::warn!("other servers can't be told of workers: {error}"),
        }
    }
}

async fn hear(app: &App, mut listener: Listener) {
    loop {
        match listener.hear().await {
            Ok(Some(notice)) => heed(app, notice),
            Ok(None) => listener = listen_again(app).await,
            Err(error) => {
                tracing::warn!("other servers can't be heard: {error}");
                listener = listen_again(app).await;
            }
        }
    }
}

fn heed(app: &App, notice: Notice) {
    for study in notice.studies {
        app.show_change(study);
    }
    if notice.work {
        app.look_for_work();
    }
    for Stop { lease, reason } in notice.stops {
        app.roster.stop(&lease, reason);
    }
}

async fn listen_again(app: &App) -> Listener {
    loop {
        sleep(RECONNECT_AFTER).await;
        match listen_and_catch_up(app).await {
            Ok(Some(listener)) => return listener,
            Ok(None) => {}
            Err(error) => tracing::warn!("other servers can't be heard: {error}"),
        }
    }
}

/// What was told in between is lost, so everybody looks at everything.
async fn listen_and_catch_up(app: &App) -> Result<Option<Listener>, StoreError> {
    let listener = app.store.listen().await?;
    for study in app.store.studies().await? {
        app.show_change(study.id);
    }
    app.look_for_work();
    Ok(listener)
}
