//! The numbers below a bound in an order drawn by a key, each found without knowing the others.

/// A Feistel network over the next power of four, walked until it comes to a number below the bound
/// (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
#[derive(Clone, Copy, Debug)]
pub(super) struct Permutation {
    bound: u32,
    key: u64,
    half_bits: u32,
}

const ROUNDS: u64 = 6;

impl Permutation {
    /// Of the numbers from 0 to below `bound`.
    pub(super) fn new(bound: u32, key: u64) -> Self {
        let bits = u32::BITS - bound.saturating_sub(1).leading_zeros();
        let half_bits = bits.div_ceil(2).max(1);
        Self {
            bound,
            key,
            half_bits,
        }
    }

    /// Which number comes at `place`; none at a place beyond the bound.
    pub(super) fn at(&self, place: u32) -> Option<u32> {
        if place >= self.bound {
            return None;
        }
        let mut found = u64::from(place);
        loop {
            found = self.step(found);
            match u32::try_from(found) {
                Ok(found) if found < self.bound => return Some(found),
                _ => {}
            }
        }
    }

    fn step(&self, number: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for round in 0..ROUNDS {
            let mixed = mix(self.key.wrapping_add((right << 8) | round));
            (left, right) = (right, left ^ (mixed & mask));
        }
        (left << self.half_bits) | right
    }
}

/// SplitMix64's finaliser (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
/// 2014).
fn mix(mut number: u64) -> u64 {
    number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_comes_once(bound in 1..3_000_u32, key: u64) {
            let permutation = Permutation::new(bound, key);
            let mut found: Vec<u32> = (0..bound).filter_map(|place| permutation.at(place)).collect();
            found.sort_unstable();
            prop_assert_eq!(found, (0..bound).collect::<Vec<u32>>());
            prop_assert_eq!(permutation.at(bound), None);
        }
    }
}
