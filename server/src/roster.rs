//! Who is connected to this server right now and what they are doing. Not stored: after a restart the
//! workers come back by themselves.

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
pub struct TrialInHand {
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
    pub in_hand: Option<TrialInHand>,
    /// The pictures that it works on.
    pub labels: Option<LabelsInHand>,
}

/// A worker whose socket is here.
#[derive(Debug)]
struct Present {
    worker: Connected,
    number: u64,
    orders: mpsc::Sender<Order>,
    /// Uploaded under the lease in hand.
    uploaded_bytes: u64,
}

/// Names a worker. Worker ids are public and chosen by the workers: a stranger who uses another's
/// must not get its place.
pub type RosterKey = (VolunteerId, WorkerId);

/// Names a socket's place in the roster, from which a newer socket of the same worker pushes it.
#[derive(Clone, Debug)]
pub struct PlaceId {
    key: RosterKey,
    number: u64,
}

/// A socket's place in the roster.
#[derive(Debug)]
pub struct Place {
    /// Its name.
    pub id: PlaceId,
    /// What the server wants of the socket.
    pub orders: mpsc::Receiver<Order>,
}

/// All connected workers.
#[derive(Debug, Default)]
pub struct Roster {
    workers: Mutex<Workers>,
    joined: AtomicU64,
    seats: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
}

#[derive(Debug, Default)]
struct Workers {
    present: BTreeMap<RosterKey, Present>,
    /// Who has the lease on a trial with this token.
    holders: BTreeMap<LeaseToken, RosterKey>,
}

impl Workers {
    /// The worker at a place, if no newer socket has taken it.
    fn at(&mut self, place: &PlaceId) -> Option<&mut Present> {
        let present = self.present.get_mut(&place.key);
        present.filter(|present| present.number == place.number)
    }

    /// Puts a trial into a worker's hands, or takes it out of them.
    fn hand(&mut self, place: &PlaceId, in_hand: Option<TrialInHand>, uploaded_bytes: u64) {
        let Some(present) = self.at(place) else {
            return;
        };
        present.uploaded_bytes = uploaded_bytes;
        let token = in_hand.as_ref().map(|in_hand| in_hand.token.clone());
        let before = std::mem::replace(&mut present.worker.in_hand, in_hand);
        self.forget(before.as_ref());
        if let Some(token) = token {
            self.holders.insert(token, place.key.clone());
        }
    }

    fn forget(&mut self, in_hand: Option<&TrialInHand>) {
        if let Some(in_hand) = in_hand {
            self.holders.remove(&in_hand.token);
        }
    }

    /// Who has this lease on a trial.
    fn holder(&mut self, lease: &LeaseToken) -> Option<&mut Present> {
        let key = self.holders.get(lease)?;
        self.present.get_mut(key)
    }
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
            uploaded_bytes: 0,
        };
        let key = (volunteer, worker);
        let mut workers = self.lock();
        if let Some(older) = workers.present.insert(key.clone(), present) {
            workers.forget(older.worker.in_hand.as_ref());
            // A full channel belongs to a socket that will notice by itself.
            let _ = older.orders.try_send(Order::Replaced);
        }
        Place {
            id: PlaceId { key, number },
            orders: receiver,
        }
    }

    /// Whether no newer socket has taken the place.
    pub fn is_current(&self, place: &PlaceId) -> bool {
        self.lock().at(place).is_some()
    }

    /// A socket has closed; a newer one of the same worker stays.
    pub fn leave(&self, place: &PlaceId) {
        let mut workers = self.lock();
        if workers.at(place).is_some()
            && let Some(left) = workers.present.remove(&place.key)
        {
            workers.forget(left.worker.in_hand.as_ref());
        }
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

    /// Notes which trial a worker trains, and how many bytes have been uploaded under that lease.
    pub fn trains(&self, place: &PlaceId, in_hand: TrialInHand, uploaded_bytes: u64) {
        self.lock().hand(place, Some(in_hand), uploaded_bytes);
    }

    /// Notes how far a worker is.
    pub fn progressed(&self, place: &PlaceId, progress: Progress) {
        let mut workers = self.lock();
        let in_hand = workers.at(place).and_then(|at| at.worker.in_hand.as_mut());
        if let Some(in_hand) = in_hand.filter(|in_hand| in_hand.token == progress.lease) {
            in_hand.progress = Some(progress);
        }
    }

    /// Notes which pictures a worker labels.
    pub fn labels(&self, place: &PlaceId, in_hand: LabelsInHand) {
        if let Some(present) = self.lock().at(place) {
            present.worker.labels = Some(in_hand);
        }
    }

    /// Notes how far a worker is with its pictures.
    pub fn label_progressed(&self, place: &PlaceId, progress: LabelProgress) {
        let mut workers = self.lock();
        let in_hand = workers.at(place).and_then(|at| at.worker.labels.as_mut());
        if let Some(in_hand) = in_hand.filter(|in_hand| in_hand.token == progress.lease) {
            in_hand.progress = Some(progress);
        }
    }

    /// Notes that a worker has nothing in hand.
    pub fn rests(&self, place: &PlaceId) {
        let mut workers = self.lock();
        workers.hand(place, None, 0);
        if let Some(present) = workers.at(place) {
            present.worker.labels = None;
        }
    }

    /// The bytes uploaded so far under a lease on a trial, if that is in hand here. Bytes that are no
    /// longer kept may be among them.
    pub fn uploaded_bytes(&self, lease: &LeaseToken) -> Option<u64> {
        let mut workers = self.lock();
        workers.holder(lease).map(|holder| holder.uploaded_bytes)
    }

    /// Notes that bytes have been uploaded.
    pub fn uploaded(&self, lease: &LeaseToken, bytes: u64) {
        if let Some(holder) = self.lock().holder(lease) {
            holder.uploaded_bytes += bytes;
        }
    }

    /// Notes how many of the bytes uploaded are still kept.
    pub fn keeps(&self, lease: &LeaseToken, bytes: u64) {
        if let Some(holder) = self.lock().holder(lease) {
            holder.uploaded_bytes = bytes;
        }
    }

    /// Has a message sent to a worker, if it is connected.
    pub fn tell(&self, key: &RosterKey, message: ServerMessage) {
        if let Some(present) = self.lock().present.get(key) {
            let _ = present.orders.try_send(Order::Send(message));
        }
    }

    /// Has whoever holds this lease told that it does so no longer.
    pub fn stop(&self, lease: &LeaseToken, reason: StopReason) {
        let workers = self.lock();
        let labels_it = |present: &&Present| {
            let labels = present.worker.labels.as_ref();
            labels.is_some_and(|labels| labels.token == *lease)
        };
        let holder = match workers.holders.get(lease).cloned() {
            Some(key) => workers.present.get(&key),
            None => workers.present.values().find(labels_it),
        };
        if let Some(holder) = holder {
            let lease = lease.clone();
            // A full channel belongs to a socket that learns it at its next report.
            let _ = holder.orders.try_send(Order::Stop(Stop { lease, reason }));
        }
    }

    /// How many workers are connected.
    pub fn count(&self) -> usize {
        self.lock().present.len()
    }

    /// Everybody, in order of their ids.
    pub fn connected(&self) -> Vec<Connected> {
        let workers = self.lock();
        let present = workers.present.values();
        present.map(|present| present.worker.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Workers> {
        lock(&self.workers)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing here can panic half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(digit: &str) -> LeaseToken {
        digit.repeat(32).parse().unwrap()
    }

    fn in_hand(token: LeaseToken) -> TrialInHand {
        TrialInHand {
            token,
            study: StudyId(1),
            trial: TrialNumber(2),
            attempt: 1,
            progress: None,
        }
    }

    fn join(roster: &Roster) -> Place {
        let worker = "00000000000000aa".parse().unwrap();
        roster.join(worker, (VolunteerId(7), "ada".to_owned()), Timestamp(0))
    }

    #[test]
    fn uploads_are_counted_while_the_trial_is_in_hand() {
        let roster = Roster::default();
        let place = join(&roster);
        roster.uploaded(&token("a"), 5);
        assert_eq!(roster.uploaded_bytes(&token("a")), None);
        roster.trains(&place.id, in_hand(token("a")), 3);
        roster.uploaded(&token("a"), 5);
        assert_eq!(roster.uploaded_bytes(&token("a")), Some(8));
        roster.keeps(&token("a"), 1);
        assert_eq!(roster.uploaded_bytes(&token("a")), Some(1));
        roster.trains(&place.id, in_hand(token("b")), 0);
        assert_eq!(roster.uploaded_bytes(&token("a")), None);
        roster.rests(&place.id);
        assert_eq!(roster.uploaded_bytes(&token("b")), None);
    }

    #[test]
    fn a_socket_that_was_replaced_changes_nothing() {
        let roster = Roster::default();
        let mut older = join(&roster);
        roster.trains(&older.id, in_hand(token("a")), 0);
        let newer = join(&roster);
        assert!(matches!(older.orders.try_recv(), Ok(Order::Replaced)));
        roster.trains(&newer.id, in_hand(token("b")), 0);
        roster.trains(&older.id, in_hand(token("c")), 0);
        roster.rests(&older.id);
        roster.leave(&older.id);
        assert!(roster.is_current(&newer.id));
        let held = ["a", "b", "c"].map(|digit| roster.uploaded_bytes(&token(digit)));
        assert_eq!(held, [None, Some(0), None]);
        roster.leave(&newer.id);
        assert_eq!((roster.count(), roster.lock().holders.len()), (0, 0));
    }
}
