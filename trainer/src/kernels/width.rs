//! Decides how wide the vectors of a kernel are on this processor. The width changes how fast a
//! result is there, and never one of its bits.

use std::fmt;

use super::vector::{Baseline, Vector};

/// A width of vectors that this processor has.
///
/// Holding one proves that its instructions may be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width(Kind);

/// Widths in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What everything here is compiled for: 128 bits of SSE2 or simd128, or a float at a time.
    Baseline,
    /// 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Width {
    /// All widths there are here, in rising order; the first is there everywhere.
    #[must_use]
    pub fn available() -> Vec<Self> {
        #[cfg_attr(
            not(target_arch = "x86_64"),
            expect(unused_mut, reason = "only x86 has more than one")
        )]
        let mut widths = vec![Self(Kind::Baseline)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                widths.push(Self(Kind::Avx2));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avx512f") {
                widths.push(Self(Kind::Avx512));
            }
        }
        widths
    }

    /// The widest there is here.
    #[must_use]
    pub fn widest() -> Self {
        let widths = Self::available();
        widths[widths.len() - 1]
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn kind(self) -> Kind {
        self.0
    }

    /// Floats in a vector.
    #[must_use]
    pub fn lanes(self) -> usize {
        match self.0 {
            Kind::Baseline => Baseline::LANES,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => 8,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => 16,
        }
    }

    /// The widest that computes no more padding for `outputs` outputs in steps of two vectors than
    /// a narrower one would.
    #[must_use]
    pub(super) fn fitting(self, outputs: usize) -> Self {
        let padded = |width: &Self| outputs.next_multiple_of(2 * width.lanes());
        let allowed = Self::available()
            .into_iter()
            .take_while(|width| width.lanes() <= self.lanes());
        allowed
            .min_by_key(|width| (padded(width), std::cmp::Reverse(width.lanes())))
            .unwrap_or(self)
    }

    /// The widest, up to this, whose vectors `outputs` fill without a rest; the narrowest if none do.
    #[must_use]
    pub(super) fn dividing(self, outputs: usize) -> Self {
        let widths = Self::available().into_iter().rev();
        let mut fitting = widths
            .filter(|width| width.lanes() <= self.lanes())
            .filter(|width| outputs.is_multiple_of(width.lanes()));
        fitting.next().unwrap_or(Self(Kind::Baseline))
    }
}

/// The names that tests and measurements use.
impl fmt::Display for Width {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Baseline => "sse2",
            #[cfg(target_arch = "wasm32")]
            Kind::Baseline => "simd128",
            #[cfg(not(any(target_arch = "x86_64", target_arch = "wasm32")))]
            Kind::Baseline => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        })
    }
}

/// Writes a safe function that runs a kernel, generic over [`Vector`](super::vector::Vector), with
/// vectors of the width given.
macro_rules! with_width {
    (
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) = $kernel:ident;
    ) => {
        $(#[$meta])*
        $visibility fn $name(width: $crate::kernels::width::Width, $($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::kernels::{vector, width::Kind};

                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $type),*) {
                    // SAFETY: AVX2 is enabled here; the kernel checks the lengths of its slices.
                    unsafe { $kernel::<vector::Avx>($($argument),*) }
                }

                #[target_feature(enable = "avx512f")]
                fn avx512($($argument: $type),*) {
                    // SAFETY: AVX-512F is enabled here; the kernel checks the lengths of its slices.
                    unsafe { $kernel::<vector::Avx512>($($argument),*) }
                }

                match width.kind() {
                    // SAFETY: SSE2 is part of x86-64; the kernel checks the lengths of its slices.
                    Kind::Baseline => unsafe { $kernel::<vector::Sse>($($argument),*) },
                    // SAFETY: a width is only made where the processor has it.
                    Kind::Avx2 => unsafe { avx2($($argument),*) },
                    // SAFETY: likewise.
                    Kind::Avx512 => unsafe { avx512($($argument),*) },
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            {
                let _ = width;
                // SAFETY: everything is compiled for these vectors; the kernel checks the lengths
                // of its slices.
                unsafe { $kernel::<$crate::kernels::vector::Baseline>($($argument),*) }
            }
        }
    };
}
pub(super) use with_width;
