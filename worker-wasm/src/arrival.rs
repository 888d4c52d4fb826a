//! A blob on its way in: decides how much of it is taken, and that it lies in one place from the
//! first piece on. Does not know where the pieces come from.

use sha2::Digest;
use tabsweep_protocol::Sha256;

/// Why what arrives is not kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArrivalError {
    /// More comes than may.
    #[error("expected at most {most_bytes} bytes, more came")]
    TooLong {
        /// What may come.
        most_bytes: usize,
    },
    /// The worker's memory does not hold it.
    #[error("there is no memory for {bytes} bytes")]
    NoMemory {
        /// What would have to be held.
        bytes: usize,
    },
    /// What came is not what was asked for.
    #[error("expected a blob with SHA-256 {expected}, found {found}")]
    WrongHash {
        /// What was asked for.
        expected: Sha256,
        /// What came.
        found: String,
    },
}

/// What has come of a blob so far.
#[derive(Debug)]
pub(crate) struct Arrival {
    bytes: Vec<u8>,
    most_bytes: usize,
    // Hashed piece by piece: a browser replaces slow code by fast only between two calls, and would
    // run the slow one through a whole data set.
    digest: sha2::Sha256,
}

impl Arrival {
    /// Nothing yet, and room for `announced_bytes`; never more than `most_bytes`.
    ///
    /// # Errors
    /// There is no such room.
    pub(crate) fn new(announced_bytes: usize, most_bytes: usize) -> Result<Self, ArrivalError> {
        let mut arrival = Self {
            bytes: Vec::new(),
            most_bytes,
            digest: sha2::Sha256::new(),
        };
        // Exactly: growing would leave a copy of every size on the way, and wasm gives nothing back.
        let bytes = announced_bytes.min(most_bytes);
        let reserved = arrival.bytes.try_reserve_exact(bytes);
        reserved.map_err(|_| ArrivalError::NoMemory { bytes })?;
        Ok(arrival)
    }

    /// Takes in the next `count` bytes, which `write` puts in place.
    ///
    /// # Errors
    /// They are too many, or there is no room for them.
    pub(crate) fn take(
        &mut self,
        count: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> Result<(), ArrivalError> {
        let start = self.bytes.len();
        let most_bytes = self.most_bytes;
        if count > most_bytes - start {
            return Err(ArrivalError::TooLong { most_bytes });
        }
        let bytes = start + count;
        let reserved = self.bytes.try_reserve(count);
        reserved.map_err(|_| ArrivalError::NoMemory { bytes })?;
        self.bytes.resize(bytes, 0);
        let piece = &mut self.bytes[start..];
        write(piece);
        self.digest.update(&*piece);
        Ok(())
    }

    /// What has come, whatever it is.
    pub(crate) fn unchecked(self) -> Vec<u8> {
        self.bytes
    }

    /// The blob, if it is the one that `expected` names.
    ///
    /// # Errors
    /// It is another.
    pub(crate) fn finish(self, expected: &Sha256) -> Result<Vec<u8>, ArrivalError> {
        let digest = self.digest.finalize();
        let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        if found == expected.as_str() {
            return Ok(self.bytes);
        }
        Err(ArrivalError::WrongHash {
            expected: expected.clone(),
            found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bytes: &[u8]) -> Sha256 {
        tabsweep_trainer::sha256_hex(bytes).parse().unwrap()
    }

    fn arrived(mut arrival: Arrival, pieces: &[&[u8]]) -> Result<Arrival, ArrivalError> {
        for piece in pieces {
            arrival.take(piece.len(), |room| room.copy_from_slice(piece))?;
        }
        Ok(arrival)
    }

    #[test]
    fn pieces_become_one_blob_where_room_was_made() {
        let arrival = Arrival::new(7, 7).unwrap();
        let room = arrival.bytes.as_ptr();
        let blob = arrived(arrival, &[b"ab", b"", b"cdefg"]).unwrap();
        let blob = blob.finish(&name(b"abcdefg")).unwrap();
        assert_eq!(blob, b"abcdefg");
        assert_eq!((blob.as_ptr(), blob.capacity()), (room, 7));
    }

    #[test]
    fn a_length_need_not_be_announced_or_true() {
        for announced_bytes in [0, 2, 1_000_000] {
            let arrival = Arrival::new(announced_bytes, 8).unwrap();
            let blob = arrived(arrival, &[b"abc", b"def"]).unwrap();
            assert_eq!(blob.finish(&name(b"abcdef")).unwrap(), b"abcdef");
        }
    }

    #[test]
    fn no_more_comes_in_than_may() {
        let arrival = Arrival::new(3, 5).unwrap();
        let refused = arrived(arrival, &[b"abc", b"def"]).unwrap_err();
        assert_eq!(refused, ArrivalError::TooLong { most_bytes: 5 });
    }

    #[test]
    fn lengths_that_no_memory_holds_are_refused() {
        let refused = Arrival::new(usize::MAX, usize::MAX).unwrap_err();
        assert_eq!(refused, ArrivalError::NoMemory { bytes: usize::MAX });
    }

    #[test]
    fn another_blob_is_refused_also_when_its_end_is_missing() {
        let expected = name(b"abcdef");
        let blob = arrived(Arrival::new(6, 6).unwrap(), &[b"abc"]).unwrap();
        let refused = blob.finish(&expected).unwrap_err();
        let found = name(b"abc").to_string();
        assert_eq!(refused, ArrivalError::WrongHash { expected, found });
    }
}
