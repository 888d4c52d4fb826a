//! Uploads on their way to the disk: those that arrive while others are being written are written
//! together, and nobody is answered before theirs are on disk.

use bytes::Bytes;
use tabsweep_protocol::{BlobRef, Sha256};
use tokio::sync::{
    Mutex,
    mpsc::{self, UnboundedReceiver, UnboundedSender},
    oneshot,
};

use crate::blobs::{BlobError, Blobs};

/// Most that are written together: the first is not to wait for the rest for long.
const MOST_TOGETHER: usize = 64;

type Waiting = oneshot::Sender<Result<BlobRef, BlobError>>;

#[derive(Debug)]
struct Arrival {
    named: (Sha256, Bytes),
    waiting: Waiting,
}

/// The way of uploads to a folder. How many bytes are on it at once is up to the caller.
#[derive(Debug)]
pub struct Arrivals {
    blobs: Blobs,
    sender: UnboundedSender<Arrival>,
    /// Held by whoever writes.
    receiver: Mutex<UnboundedReceiver<Arrival>>,
}

impl Arrivals {
    /// Uploads to `blobs`.
    pub fn new(blobs: Blobs) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            blobs,
            sender,
            receiver: Mutex::new(receiver),
        }
    }

    /// Keeps bytes, if they are what `sha256` names.
    ///
    /// # Errors
    /// They are not, or the disk said no.
    ///
    /// # Panics
    /// When writing panicked.
    pub async fn keep(&self, sha256: Sha256, bytes: Bytes) -> Result<BlobRef, BlobError> {
        let (waiting, mut kept) = oneshot::channel();
        let arrival = Arrival {
            named: (sha256, bytes),
            waiting,
        };
        self.sender
            .send(arrival)
            .expect("the receiver is in the same struct");
        loop {
            // Whoever gets here first writes for all who wait; the next may find itself served.
            tokio::select! {
                biased;
                kept = &mut kept => return kept.expect("whoever writes answers"),
                mut receiver = self.receiver.lock() => self.write(&mut receiver).await,
            }
        }
    }

    async fn write(&self, receiver: &mut UnboundedReceiver<Arrival>) {
        let (mut named, mut waiting) = (Vec::new(), Vec::new());
        while named.len() < MOST_TOGETHER
            && let Ok(arrival) = receiver.try_recv()
        {
            named.push(arrival.named);
            waiting.push(arrival.waiting);
        }
        if named.is_empty() {
            return;
        }
        let blobs = self.blobs.clone();
        let written = tokio::task::spawn_blocking(move || {
            let kept = blobs.put_named_together(&named);
            for (waiting, kept) in waiting.into_iter().zip(kept) {
                // Who no longer waits doesn't mind.
                let _ = waiting.send(kept);
            }
        });
        if let Err(error) = written.await {
            tracing::error!("uploads could not be written: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::secret::sha256_hex;

    #[tokio::test]
    async fn everybody_is_answered_for_their_own_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let arrivals = Arc::new(Arrivals::new(blobs.clone()));
        let keep = |number: u32| {
            let (arrivals, bytes) = (arrivals.clone(), Bytes::from(number.to_string()));
            // Every seventh comes under the name of something else.
            let named = if number.is_multiple_of(7) {
                Bytes::new()
            } else {
                bytes.clone()
            };
            let name: Sha256 = sha256_hex(&named).parse().unwrap();
            tokio::spawn(async move { arrivals.keep(name, bytes).await.is_ok() })
        };
        let all: Vec<_> = (0..200).map(keep).collect();
        for (number, kept) in (0_u32..).zip(all) {
            assert_eq!(kept.await.unwrap(), !number.is_multiple_of(7), "{number}");
        }
        let name = sha256_hex(b"101").parse().unwrap();
        assert_eq!(blobs.get(&name).unwrap().unwrap(), b"101");
    }
}
