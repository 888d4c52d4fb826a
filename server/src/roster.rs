//! Who is connected right now and what they are doing. In memory only: after a restart the workers
//! come back by themselves.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use tabsweep_protocol::{
    ChunkNumber, JobId, LabelProgress, LeaseToken, Progress, ServerMessage, Stop, StopReason,
    StudyId, TrialNumber, VolunteerId, WorkerId,
};
use tabsweep_study::Timestamp;
use tokio::sync::mpsc;

/// What the server wants of a connected worker's socket.
#[derive(Debug)]
pub enum Order {
    /// Send this.
    Send(ServerMessage),
    /// The lease is no longer the worker's, if it still holds it.
    Stop(Stop),
    /// The same worker has a newer socket: close.
    Replaced,
}

/// A trial in a worker's hands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InHand {
    /// Under which lease.
    pub token: LeaseToken,
    /// The study.
    pub study: StudyId,
    /// The trial.
    pub trial: TrialNumber,
    /// Which attempt.
    pub attempt: u32,
    /// The last report.
    pub progress: Option<Progress>,
}

/// Pictures in a worker's hands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelsInHand {
    /// Under which lease.
    pub token: LeaseToken,
    /// The job.
    pub job: JobId,
    /// Its chunk.
    pub chunk: ChunkNumber,
    /// The last report.
    pub progress: Option<LabelProgress>,
}

/// A connected worker, as servers tell each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connected {
    /// Which worker.
    pub worker: WorkerId,
    /// Whose.
    pub volunteer: VolunteerId,
    /// Whose, for people.
    pub nickname: String,
    /// Since when.
    pub since: Timestamp,
    /// The trial that it works on.
    pub in_hand: Option<InHand>,
    /// The pictures that it works on.
    pub labels: Option<LabelsInHand>,
}

/// A worker whose socket is here.
#[derive(Debug)]
struct Present {
    worker: Connected,
    number: u64,
    orders: mpsc::Sender<Order>,
}

/// Names a worker. Worker ids are public and chosen by the workers: a stranger who uses another's
/// must not get its place.
pub type RosterKey = (VolunteerId, WorkerId);

/// A socket's place in the roster.
#[derive(Debug)]
pub struct Place {
    key: RosterKey,
    number: u64,
    /// What the server wants of the socket.
    pub orders: mpsc::Receiver<Order>,
}

/// All connected workers.
#[derive(Debug, Default)]
pub struct Roster {
    workers: Mutex<BTreeMap<RosterKey, Present>>,
    /// Bytes uploaded under the leases on trials that are in hand here.
    uploads: Mutex<BTreeMap<LeaseToken, u64>>,
    joined: AtomicU64,
    seats: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

/// One of the sockets that an address may have, from its first byte to its last.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = lock(&self.seats);
        if let Entry::Occupied(mut taken) = seats.entry(self.address) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

/// Orders that one socket lets pile up before it counts as gone.
const MOST_ORDERS: usize = 16;

impl Roster {
    /// A worker's socket has greeted. An older socket of the same worker is told to close.
    pub fn join(
        &self,
        worker: WorkerId,
        volunteer: (VolunteerId, String),
        since: Timestamp,
    ) -> Place {
        let (orders, receiver) = mpsc::channel(MOST_ORDERS);
        let number = self.joined.fetch_add(1, Ordering::Relaxed);
        let (volunteer, nickname) = volunteer;
        let connected = Connected {
            worker: worker.clone(),
            volunteer,
            nickname,
            since,
            in_hand: None,
            labels: None,
        };
        let present = Present {
            worker: connected,
            number,
            orders,
        };
        let key = (volunteer, worker);
        let older = self.lock().insert(key.clone(), present);
        if let Some(older) = older {
            self.forget_uploads(older.worker.in_hand.as_ref());
            // A full channel belongs to a socket that will notice by itself.
            let _ = older.orders.try_send(Order::Replaced);
        }
        Place {
            key,
            number,
            orders: receiver,
        }
    }

    /// Whether no newer socket has taken the place.
    pub fn is_current(&self, place: &Place) -> bool {
        self.lock()
            .get(&place.key)
            .is_some_and(|present| present.number == place.number)
    }

    /// A socket has closed; a newer one of the same worker stays.
    pub fn leave(&self, place: &Place) {
        if !self.is_current(place) {
            return;
        }
        let left = self.lock().remove(&place.key);
        self.forget_uploads(left.and_then(|left| left.worker.in_hand).as_ref());
    }

    /// A seat for one more socket from `address`, if it has fewer than `most`.
    pub fn seat(&self, address: IpAddr, most: usize) -> Option<Seat> {
        let mut seats = lock(&self.seats);
        let taken = seats.entry(address).or_default();
        if *taken >= most {
            return None;
        }
        *taken += 1;
        Some(Seat {
            seats: self.seats.clone(),
            address,
        })
    }

    /// Notes what a worker works on, and how many bytes have been uploaded under that lease.
    pub fn works_on(&self, key: &RosterKey, in_hand: InHand, uploaded_bytes: u64) {
        let token = in_hand.token.clone();
        self.hand(key, Some(in_hand));
        lock(&self.uploads).insert(token, uploaded_bytes);
    }

    /// Notes that a worker works on nothing.
    pub fn rests(&self, key: &RosterKey) {
        self.hand(key, None);
        self.labels(key, None);
    }

    fn hand(&self, key: &RosterKey, in_hand: Option<InHand>) {
        let mut workers = self.lock();
        let present = workers.get_mut(key);
        let before = present.map(|present| std::mem::replace(&mut present.worker.in_hand, in_hand));
        drop(workers);
        self.forget_uploads(before.flatten().as_ref());
    }

    /// The bytes uploaded so far under a lease on a trial, if that is in hand here.
    pub fn uploaded_bytes(&self, lease: &LeaseToken) -> Option<u64> {
        lock(&self.uploads).get(lease).copied()
    }

    /// Notes that bytes have been uploaded.
    pub fn uploaded(&self, lease: &LeaseToken, bytes: u64) {
        if let Some(uploaded) = lock(&self.uploads).get_mut(lease) {
            *uploaded += bytes;
        }
    }

    fn forget_uploads(&self, in_hand: Option<&InHand>) {
        if let Some(in_hand) = in_hand {
            lock(&self.uploads).remove(&in_hand.token);
        }
    }

    /// Notes how far a worker is.
    pub fn progressed(&self, key: &RosterKey, progress: Progress) {
        let mut workers = self.lock();
        if let Some(in_hand) = workers
            .get_mut(key)
            .and_then(|present| present.worker.in_hand.as_mut())
            && in_hand.token == progress.lease
        {
            in_hand.progress = Some(progress);
        }
    }

    /// Notes which pictures a worker labels.
    pub fn labels(&self, key: &RosterKey, in_hand: Option<LabelsInHand>) {
        if let Some(present) = self.lock().get_mut(key) {
            present.worker.labels = in_hand;
        }
    }

    /// Notes how far a worker is with its pictures.
    pub fn label_progressed(&self, key: &RosterKey, progress: LabelProgress) {
        let mut workers = self.lock();
        if let Some(in_hand) = workers
            .get_mut(key)
            .and_then(|present| present.worker.labels.as_mut())
            && in_hand.token == progress.lease
        {
            in_hand.progress = Some(progress);
        }
    }

    /// Has a message sent to a worker, if it is connected.
    pub fn tell(&self, key: &RosterKey, message: ServerMessage) {
        if let Some(present) = self.lock().get(key) {
            let _ = present.orders.try_send(Order::Send(message));
        }
    }

    /// Has whoever holds this lease told that it does so no longer.
    pub fn stop(&self, lease: &LeaseToken, reason: StopReason) {
        let workers = self.lock();
        let holds = |present: &&Present| {
            let worker = &present.worker;
            let trial = worker.in_hand.as_ref().map(|in_hand| &in_hand.token);
            let chunk = worker.labels.as_ref().map(|labels| &labels.token);
            trial == Some(lease) || chunk == Some(lease)
        };
        if let Some(holder) = workers.values().find(holds) {
            let lease = lease.clone();
            // A full channel belongs to a socket that learns it at its next report.
            let _ = holder.orders.try_send(Order::Stop(Stop { lease, reason }));
        }
    }

    /// How many workers are connected.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// Everybody, in order of their ids.
    pub fn connected(&self) -> Vec<Connected> {
        let workers = self.lock();
        workers
            .values()
            .map(|present| present.worker.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RosterKey, Present>> {
        lock(&self.workers)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here can panic half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
