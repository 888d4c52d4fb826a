//! Decides how much arithmetic a core can do in 128-bit vectors: multiplications and additions that
//! wait for nothing but their own chain. It does not know how long they took.
//!
//! The chains stand in registers, so that memory plays no part. Too few of them leave the units idle
//! for as long as a result takes, too many don't fit into the registers: which number is best is for
//! the caller to find out.

use std::hint::black_box;

/// Single-precision numbers in a vector.
const LANES: usize = 4;
/// Vector operations in each link of a chain: a multiplication and an addition.
const OPERATIONS: usize = 2;

/// The numbers of chains worth trying.
pub const CHAINS: [usize; 6] = [4, 6, 8, 10, 12, 14];

/// Follows `chains` chains for `links` links; the floating-point operations done.
///
/// # Panics
/// If the number of chains is none of [`CHAINS`].
#[must_use]
pub fn run(chains: usize, links: u32) -> u64 {
    let follow = match chains {
        4 => follow::<4>,
        6 => follow::<6>,
        8 => follow::<8>,
        10 => follow::<10>,
        12 => follow::<12>,
        14 => follow::<14>,
        _ => panic!("{chains} chains are not among {CHAINS:?}"),
    };
    black_box(follow(black_box(0.999), black_box(0.001), links));
    u64::from(links) * (chains * OPERATIONS * LANES) as u64
}

/// Every value tends to `addend / (1 - factor)`: none becomes so small or large that the processor
/// slows down.
#[inline(never)]
fn follow<const CHAINS: usize>(factor: f32, addend: f32, links: u32) -> [f32; LANES] {
    let (factor, addend) = ([factor; LANES], [addend; LANES]);
    let mut values = [[1.0_f32; LANES]; CHAINS];
    for (chain, value) in values.iter_mut().enumerate() {
        // Equal chains would be computed once.
        *value = [1.0 + chain as f32; LANES];
    }
    for _ in 0..links {
        for value in &mut values {
            for lane in 0..LANES {
                value[lane] = value[lane] * factor[lane] + addend[lane];
            }
        }
    }
    values.iter().fold([0.0; LANES], |sum, value| {
        std::array::from_fn(|lane| sum[lane] + value[lane])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_chains_counts_what_it_does() {
        for chains in CHAINS {
            assert_eq!(run(chains, 10), 10 * chains as u64 * 8);
        }
    }

    #[test]
    fn chains_come_to_rest() {
        let sum = follow::<4>(0.5, 0.5, 1_000);
        assert_eq!(sum, [4.0; LANES]);
    }
}
