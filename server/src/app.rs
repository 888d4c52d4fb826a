//! What all parts of a running server share, and the limits it was started with.

use std::{collections::BTreeMap, sync::Arc};

use tabsweep_protocol::{LeaseToken, Stop, StopReason, StudyId};
use tabsweep_study::LeasePolicy;
use tokio::sync::{RwLock, Semaphore, broadcast, watch};

use crate::{
    arrivals::Arrivals,
    blobs::Blobs,
    clock::Clock,
    datasets::Sources,
    peers::Outbox,
    plots::PlotCache,
    roster::{Connected, Roster},
    store::{Store, StoreError},
};

/// How the server treats workers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Leases and attempts.
    pub policy: LeasePolicy,
    /// How long holders of leases may take to come back after a restart of the server.
    pub restart_grace_secs: u32,
    /// How often workers upload checkpoints.
    pub checkpoint_secs: u32,
    /// Most sockets from one address.
    pub sockets_per_address: usize,
    /// Age after which an upload that no trial needs is deleted.
    pub upload_keep_secs: u32,
    /// How long labels wait for a second volunteer until the server confirms them itself.
    pub confirm_secs: u32,
}

impl Settings {
    /// The policy for leases whose holders could not be heard for a while through no fault of theirs.
    pub fn restart_policy(&self) -> LeasePolicy {
        LeasePolicy {
            grace_secs: self.restart_grace_secs,
            ..self.policy
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: LeasePolicy::default(),
            restart_grace_secs: 45,
            checkpoint_secs: 20,
            sockets_per_address: 256,
            upload_keep_secs: 600,
            confirm_secs: 20,
        }
    }
}

/// Megabytes of uploads that may be on their way at once.
const ARRIVING_MIB: usize = 512;

/// The shared parts.
#[derive(Debug)]
pub struct App {
    /// What is remembered.
    pub store: Store,
    /// Data sets; their training and validation parts are public.
    pub data: Blobs,
    /// Checkpoints and weights.
    pub uploads: Blobs,
    /// Held for reading while bytes arrive and for writing while unneeded ones are deleted.
    pub uploads_lock: RwLock<()>,
    /// The same for `data`: held for reading until what was kept there is named in the store.
    pub data_lock: RwLock<()>,
    /// Where data sets come from.
    pub sources: Sources,
    /// What time it is.
    pub clock: Clock,
    /// How workers are treated.
    pub settings: Settings,
    /// Who is connected.
    pub roster: Roster,
    /// SHA-256 of the operator's token.
    pub admin_token_sha256: String,
    /// Counts up whenever there may be work for somebody who waits.
    pub work: watch::Sender<u64>,
    /// Studies in which something has changed.
    pub changes: broadcast::Sender<StudyId>,
    /// Counts up whenever a claim waits for its verdict.
    pub claims: watch::Sender<u64>,
    /// Counts up whenever labels wait to be checked.
    pub labels: watch::Sender<u64>,
    /// Megabytes of uploads that may arrive at once: each is in memory until it is on disk.
    pub arriving_mib: Semaphore,
    /// The way of uploads to the disk.
    pub arrivals: Arrivals,
    /// What pages plot, kept while it is good.
    pub plots: PlotCache,
    /// What other servers on the database are still to be told.
    pub outbox: Outbox,
    /// Turns true when the server ends.
    pub shutdown: watch::Sender<bool>,
}

/// A handle on the shared parts.
pub type SharedApp = Arc<App>;

impl App {
    /// Puts the parts together.
    pub fn new(
        store: Store,
        data: Blobs,
        uploads: Blobs,
        sources: Sources,
        clock: Clock,
        settings: Settings,
        admin_token: &str,
    ) -> SharedApp {
        Arc::new(Self {
            outbox: Outbox::new(store.is_shared()),
            store,
            data,
            arrivals: Arrivals::new(uploads.clone()),
            uploads,
            uploads_lock: RwLock::new(()),
            data_lock: RwLock::new(()),
            sources,
            clock,
            settings,
            roster: Roster::default(),
            admin_token_sha256: crate::secret::sha256_hex(admin_token.as_bytes()),
            work: watch::Sender::new(0),
            changes: broadcast::Sender::new(256),
            claims: watch::Sender::new(0),
            labels: watch::Sender::new(0),
            arriving_mib: Semaphore::new(ARRIVING_MIB),
            plots: PlotCache::default(),
            shutdown: watch::Sender::new(false),
        })
    }

    /// Workers that wait ask again, on all servers.
    pub fn work_may_exist(&self) {
        self.look_for_work();
        self.outbox.work_may_exist();
    }

    /// Workers that wait here ask again.
    pub fn look_for_work(&self) {
        self.work.send_modify(|count| *count += 1);
    }

    /// Verifiers look for claims.
    pub fn claim_waits(&self) {
        self.claims.send_modify(|count| *count += 1);
    }

    /// Whoever checks labels looks for some.
    pub fn labels_wait(&self) {
        self.labels.send_modify(|count| *count += 1);
    }

    /// Pages that show the study look again, on all servers.
    pub fn study_changed(&self, study: StudyId) {
        self.show_change(study);
        self.outbox.study_changed(study);
    }

    /// Pages from here that show the study look again.
    pub fn show_change(&self, study: StudyId) {
        // Nobody listening is fine.
        let _ = self.changes.send(study);
    }

    /// All connected workers, of this server and of the others.
    ///
    /// # Errors
    /// The database failed.
    pub async fn workers(&self) -> Result<Vec<Connected>, StoreError> {
        let mut workers = BTreeMap::new();
        let elsewhere = self.store.workers_elsewhere().await?;
        for worker in elsewhere.into_iter().chain(self.roster.connected()) {
            let key = (worker.volunteer, worker.worker.clone());
            // One that has just come from another server may be known there still.
            let is_older = |known: &Connected| known.since > worker.since;
            if !workers.get(&key).is_some_and(is_older) {
                workers.insert(key, worker);
            }
        }
        Ok(workers.into_values().collect())
    }

    /// Has whoever holds this lease told that it does so no longer, whichever server has the socket.
    pub fn stop_lease(&self, lease: LeaseToken, reason: StopReason) {
        self.roster.stop(&lease, reason);
        self.outbox.stop(Stop { lease, reason });
    }
}

/// Waits until the server ends.
pub async fn ended(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the server has ended so thoroughly that nobody can say so.
    let _ = shutdown.wait_for(|ends| *ends).await;
}
