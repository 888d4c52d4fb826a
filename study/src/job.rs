//! How a labelling job is cut into chunks, and which of its pictures and chunks are looked at twice.
//! All of it follows from the pictures' sizes and a seed that nobody outside the server learns.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tabsweep_protocol::{ChunkNumber, Seed};

use crate::Chunk;

/// One chunk in so many is labelled by two volunteers, whoever they are.
const SECOND_ONE_IN: u32 = 8;

/// Whether a job hands out chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It does.
    Running,
    /// The operator holds it; chunks under way go on.
    Paused,
    /// All pictures have their labels, or the reason why not.
    Finished,
    /// The operator has ended it.
    Stopped,
}

impl JobState {
    /// The state's name, as in JSON, SQL and on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
        }
    }

    /// Whether it hands out no more chunks for good.
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Finished | Self::Stopped)
    }
}

/// How large chunks are: some seconds of work, and small enough that many workers get some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize {
    /// Most pictures.
    pub most_pictures: u32,
    /// Bytes after which no further picture is added.
    pub most_bytes: u64,
}

/// Cuts pictures of these sizes, in their order, into chunks. No picture is left out or in two.
pub fn cut(bytes: &[u64], size: ChunkSize, seed: Seed) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut held_bytes = 0_u64;
    for (picture, bytes) in (0_u32..).zip(bytes) {
        match chunks.last_mut() {
            Some(chunk)
                if chunk.pictures < size.most_pictures
                    && held_bytes.saturating_add(*bytes) <= size.most_bytes =>
            {
                chunk.pictures += 1;
                held_bytes = held_bytes.saturating_add(*bytes);
            }
            _ => {
                let number = ChunkNumber(chunks.len() as u32);
                chunks.push(Chunk::new(number, picture, 1, wants_second(seed, number)));
                held_bytes = *bytes;
            }
        }
    }
    chunks
}

fn wants_second(seed: Seed, chunk: ChunkNumber) -> bool {
    random(seed, chunk, 0).random_range(0..SECOND_ONE_IN) == 0
}

/// The two pictures of a chunk that the server labels itself, or the only one, counted from the chunk's
/// first; the same whoever labels it.
pub fn known_pictures(seed: Seed, chunk: &Chunk) -> Vec<usize> {
    let mut random = random(seed, chunk.number, 1);
    let one = random.random_range(0..chunk.pictures);
    let mut known = vec![one as usize];
    if chunk.pictures > 1 {
        let further = random.random_range(1..chunk.pictures);
        known.push(((one + further) % chunk.pictures) as usize);
    }
    known
}

/// A generator for one use in one chunk.
fn random(seed: Seed, chunk: ChunkNumber, purpose: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed.0);
    random.set_stream(u64::from(chunk.0) << 1 | purpose);
    random
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_picture_is_in_one_chunk(
            bytes in prop::collection::vec(0_u64..3000, 0..400),
            most_pictures in 1_u32..60,
            most_bytes in 1_u64..20_000,
            seed: u64,
        ) {
            let size = ChunkSize { most_pictures, most_bytes };
            let chunks = cut(&bytes, size, Seed(seed));
            let mut next = 0;
            for (number, chunk) in (0..).zip(&chunks) {
                prop_assert_eq!(chunk.number, ChunkNumber(number));
                prop_assert_eq!(chunk.first, next);
                prop_assert!((1..=most_pictures).contains(&chunk.pictures));
                let range = chunk.first as usize..(chunk.first + chunk.pictures) as usize;
                let sum: u64 = bytes[range].iter().sum();
                prop_assert!(sum <= most_bytes || chunk.pictures == 1);
                let known = known_pictures(Seed(seed), chunk);
                prop_assert_eq!(known.len(), 2.min(chunk.pictures as usize));
                prop_assert!(known.iter().all(|at| *at < chunk.pictures as usize));
                prop_assert!(known.len() == 1 || known[0] != known[1]);
                next += chunk.pictures;
            }
            prop_assert_eq!(next as usize, bytes.len());
        }
    }

    #[test]
    fn about_one_chunk_in_eight_is_labelled_twice_and_known_pictures_differ() {
        let size = ChunkSize {
            most_pictures: 10,
            most_bytes: u64::MAX,
        };
        let chunks = cut(&[1; 8000], size, Seed(7));
        let twice = chunks.iter().filter(|chunk| chunk.wants_second).count();
        assert!((60..140).contains(&twice), "{twice} of {}", chunks.len());
        let known = |chunk: &Chunk| known_pictures(Seed(7), chunk);
        assert!(
            chunks
                .windows(2)
                .any(|two| known(&two[0]) != known(&two[1]))
        );
        assert_eq!(known(&chunks[5]), known(&chunks[5].clone()));
    }
}
