//! Decides every random number of a trial: Philox4x32-10, a counter-based generator, so that any
//! draw follows from seed, purpose and position alone and a checkpoint needs to store none of it.
//! It knows nothing of what the draws are used for.
//!
//! Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// What a draw is for; draws for different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    /// Initial weights; the position is the tensor's number.
    Weights = 1,
    /// The order of images; the position is the epoch.
    Shuffle = 2,
    /// Hidden units dropped; the position is the step.
    Dropout = 3,
    /// Augmentation by shifting; the position is the epoch.
    Shift = 4,
    /// Augmentation by warping; the position is epoch and image.
    Warp = 5,
}

/// The generator of one seed.
#[derive(Clone, Copy, Debug)]
pub struct Philox {
    key: [u32; 2],
}

impl Philox {
    /// The generator keyed with `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { key: halves(seed) }
    }

    /// The four words at `block` of the sequence for `stream` and `position`.
    #[must_use]
    pub fn block(&self, stream: Stream, position: u64, block: u32) -> [u32; 4] {
        let [low, high] = halves(position);
        encrypt([block, low, high, stream as u32], self.key)
    }

    /// The sequence for `stream` and `position`, from its start.
    #[must_use]
    pub fn draws(&self, stream: Stream, position: u64) -> Draws {
        Draws {
            philox: *self,
            stream,
            position,
            block: 0,
            words: [0; 4],
            used: 4,
        }
    }
}

/// A sequence of draws for one purpose and position; at most 2³⁴ words.
#[derive(Clone, Debug)]
pub struct Draws {
    philox: Philox,
    stream: Stream,
    position: u64,
    block: u32,
    words: [u32; 4],
    used: usize,
}

impl Draws {
    /// The next 32 random bits.
    pub fn word(&mut self) -> u32 {
        if self.used == 4 {
            self.words = self.philox.block(self.stream, self.position, self.block);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        let word = self.words[self.used];
        self.used += 1;
        word
    }

    /// The next number in [0, 1), a multiple of 2⁻²⁴.
    pub fn unit(&mut self) -> f32 {
        unit(self.word())
    }

    /// The next number in 0..`bound`, which must not be 0.
    ///
    /// Scales 32 bits by multiplication; the bias, at most `bound` / 2³², is of no consequence here
    /// and a rejection loop would make the number of words used depend on their values.
    pub fn below(&mut self, bound: u32) -> u32 {
        high_half(u64::from(self.word()) * u64::from(bound))
    }
}

/// Maps 32 random bits to [0, 1), a multiple of 2⁻²⁴.
#[must_use]
pub fn unit(word: u32) -> f32 {
    (word >> 8) as f32 * (1.0 / 16_777_216.0)
}

fn halves(value: u64) -> [u32; 2] {
    [low_half(value), high_half(value)]
}

fn low_half(value: u64) -> u32 {
    (value & 0xFFFF_FFFF) as u32
}

fn high_half(value: u64) -> u32 {
    (value >> 32) as u32
}

fn encrypt(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [
                key[0].wrapping_add(KEY_STEPS[0]),
                key[1].wrapping_add(KEY_STEPS[1]),
            ];
        }
        let even = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let odd = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            high_half(odd) ^ counter[1] ^ key[0],
            low_half(odd),
            high_half(even) ^ counter[3] ^ key[1],
            low_half(even),
        ];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors that the authors' Random123 library ships for philox4x32-10.
    #[test]
    fn agrees_with_the_published_vectors() {
        let vectors = [
            (
                [0; 4],
                [0; 2],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [u32::MAX; 4],
                [u32::MAX; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in vectors {
            assert_eq!(encrypt(counter, key), expected);
        }
    }

    #[test]
    fn purpose_position_and_seed_all_change_the_draws() {
        let first = |seed, stream, position| Philox::new(seed).draws(stream, position).word();
        let base = first(1, Stream::Weights, 0);
        assert_ne!(base, first(1 << 32, Stream::Weights, 0));
        assert_ne!(base, first(1, Stream::Shuffle, 0));
        assert_ne!(base, first(1, Stream::Weights, 1));
        assert_ne!(base, first(1, Stream::Weights, 1 << 32));
    }

    #[test]
    fn a_sequence_runs_through_its_blocks_in_order() {
        let philox = Philox::new(9);
        let mut draws = philox.draws(Stream::Shift, 5);
        let drawn: Vec<u32> = (0..8).map(|_| draws.word()).collect();
        assert_eq!(drawn[..4], philox.block(Stream::Shift, 5, 0));
        assert_eq!(drawn[4..], philox.block(Stream::Shift, 5, 1));
    }

    #[test]
    fn bounded_draws_cover_their_range_evenly() {
        let mut draws = Philox::new(3).draws(Stream::Shuffle, 0);
        let mut counts = [0_u32; 5];
        for _ in 0..10_000 {
            counts[draws.below(5) as usize] += 1;
        }
        // Five standard deviations of a binomial(10,000, 1/5) are 200.
        assert!(counts.iter().all(|&count| count.abs_diff(2_000) < 200));
    }

    #[test]
    fn unit_draws_stay_below_one() {
        assert_eq!(unit(0), 0.0);
        assert!(unit(u32::MAX) < 1.0);
    }
}
