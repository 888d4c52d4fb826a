//! Decides what a vector of floats is on each processor: 128 bits in WebAssembly, 128, 256 or 512 on
//! x86, a single float elsewhere. It does not know what is computed with it.
//!
//! Only operations that round as IEEE 754 says, lane by lane, are here: a kernel written with them
//! gives the same bits at every width. There is no fused multiply-add and no reciprocal.

#![expect(
    unsafe_code,
    reason = "works on vectors: each block says why it is sound"
)]

/// A few floats side by side, and as many 32-bit integers.
///
/// # Safety
/// Methods may only be called where the processor has the instructions of the implementing type:
/// inside a function that enables them. Pointers must be valid for [`Vector::LANES`] values; they
/// need no alignment.
pub unsafe trait Vector: Copy {
    /// Floats in it.
    const LANES: usize;
    /// As many integers.
    type Integers: Copy;

    /// Every lane is `value`.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn splat(value: f32) -> Self;
    /// Every lane is the value at `from`.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn load_splat(from: *const f32) -> Self;
    /// Lanes in the order of memory.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn load(from: *const f32) -> Self;
    /// Lanes in the order of memory.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn store(self, to: *mut f32);
    /// Lane by lane.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn add(self, other: Self) -> Self;
    /// Lane by lane.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn sub(self, other: Self) -> Self;
    /// Lane by lane.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn mul(self, other: Self) -> Self;
    /// Lane by lane.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn div(self, other: Self) -> Self;
    /// Lane by lane.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn sqrt(self) -> Self;
    /// Every lane is `value`.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn splat_integer(value: i32) -> Self::Integers;
    /// Lanes in the order of memory.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn load_integers(from: *const i32) -> Self::Integers;
    /// Lanes in the order of memory.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn store_integers(integers: Self::Integers, to: *mut i32);
    /// `other` in the lanes where it is greater or not a number, else `self`; and the integers
    /// alike.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn keep_highest(
        self,
        integers: Self::Integers,
        other: Self,
        other_integers: Self::Integers,
    ) -> (Self, Self::Integers);
    /// 0 in the lanes that are below 0; what is not a number stays.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn relu(self) -> Self;
    /// `limit` in the lanes that are above it; what is not a number stays.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn at_most(self, limit: Self) -> Self;
    /// `self` in the lanes where both integers are the same, else 0.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn where_same(self, left: Self::Integers, right: Self::Integers) -> Self;
    /// `self` in the lanes where `of` is above 0, else 0.
    ///
    /// # Safety
    /// As the trait says.
    unsafe fn where_positive(self, of: Self) -> Self;
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::Wasm as Baseline;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx, Avx512, Sse, Sse as Baseline};

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use super::Vector;
    use core::arch::wasm32::*;

    /// 128 bits of WebAssembly.
    #[derive(Clone, Copy)]
    pub struct Wasm(v128);

    // SAFETY: the module is compiled for simd128 throughout; loads and stores of v128 need no
    // alignment, and the caller vouches for the pointers.
    unsafe impl Vector for Wasm {
        const LANES: usize = 4;
        type Integers = v128;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(f32x4_splat(value))
        }
        #[inline(always)]
        unsafe fn load_splat(from: *const f32) -> Self {
            Self(unsafe { v128_load32_splat(from.cast()) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { v128_load(from.cast()) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { v128_store(to.cast(), self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(f32x4_add(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            Self(f32x4_sub(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(f32x4_mul(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            Self(f32x4_div(self.0, other.0))
        }
        #[inline(always)]
        unsafe fn sqrt(self) -> Self {
            Self(f32x4_sqrt(self.0))
        }
        #[inline(always)]
        unsafe fn splat_integer(value: i32) -> v128 {
            i32x4_splat(value)
        }
        #[inline(always)]
        unsafe fn load_integers(from: *const i32) -> v128 {
            unsafe { v128_load(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store_integers(integers: v128, to: *mut i32) {
            unsafe { v128_store(to.cast(), integers) }
        }
        #[inline(always)]
        unsafe fn keep_highest(self, integers: v128, other: Self, others: v128) -> (Self, v128) {
            let wins = v128_or(f32x4_gt(other.0, self.0), f32x4_ne(other.0, other.0));
            let kept = Self(v128_bitselect(other.0, self.0, wins));
            (kept, v128_bitselect(others, integers, wins))
        }
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            Self(v128_andnot(self.0, f32x4_lt(self.0, f32x4_splat(0.0))))
        }
        #[inline(always)]
        unsafe fn at_most(self, limit: Self) -> Self {
            Self(f32x4_pmin(self.0, limit.0))
        }
        #[inline(always)]
        unsafe fn where_same(self, left: v128, right: v128) -> Self {
            Self(v128_and(self.0, i32x4_eq(left, right)))
        }
        #[inline(always)]
        unsafe fn where_positive(self, of: Self) -> Self {
            Self(v128_and(self.0, f32x4_gt(of.0, f32x4_splat(0.0))))
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use core::arch::x86_64::*;

    /// 128 bits: every x86-64 processor has them.
    #[derive(Clone, Copy)]
    pub struct Sse(__m128);

    /// 256 bits, for processors with AVX2.
    #[derive(Clone, Copy)]
    pub struct Avx(__m256);

    /// 512 bits, for processors with AVX-512F.
    #[derive(Clone, Copy)]
    pub struct Avx512(__m512);

    // SAFETY: SSE2 is part of x86-64; unaligned loads and stores are used, and the caller vouches
    // for the pointers.
    unsafe impl Vector for Sse {
        const LANES: usize = 4;
        type Integers = __m128i;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(unsafe { _mm_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load_splat(from: *const f32) -> Self {
            Self(unsafe { _mm_set1_ps(*from) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(unsafe { _mm_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            Self(unsafe { _mm_sub_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(unsafe { _mm_mul_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            Self(unsafe { _mm_div_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn sqrt(self) -> Self {
            Self(unsafe { _mm_sqrt_ps(self.0) })
        }
        #[inline(always)]
        unsafe fn splat_integer(value: i32) -> __m128i {
            unsafe { _mm_set1_epi32(value) }
        }
        #[inline(always)]
        unsafe fn load_integers(from: *const i32) -> __m128i {
            unsafe { _mm_loadu_si128(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store_integers(integers: __m128i, to: *mut i32) {
            unsafe { _mm_storeu_si128(to.cast(), integers) }
        }
        #[inline(always)]
        unsafe fn keep_highest(
            self,
            integers: __m128i,
            other: Self,
            others: __m128i,
        ) -> (Self, __m128i) {
            unsafe {
                let wins = _mm_or_ps(
                    _mm_cmpgt_ps(other.0, self.0),
                    _mm_cmpunord_ps(other.0, other.0),
                );
                let kept = _mm_or_ps(_mm_and_ps(wins, other.0), _mm_andnot_ps(wins, self.0));
                let wins = _mm_castps_si128(wins);
                let integers = _mm_or_si128(
                    _mm_and_si128(wins, others),
                    _mm_andnot_si128(wins, integers),
                );
                (Self(kept), integers)
            }
        }
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            unsafe {
                Self(_mm_andnot_ps(
                    _mm_cmplt_ps(self.0, _mm_setzero_ps()),
                    self.0,
                ))
            }
        }
        #[inline(always)]
        unsafe fn at_most(self, limit: Self) -> Self {
            // Of two that don't compare it gives the second.
            Self(unsafe { _mm_min_ps(limit.0, self.0) })
        }
        #[inline(always)]
        unsafe fn where_same(self, left: __m128i, right: __m128i) -> Self {
            unsafe {
                Self(_mm_and_ps(
                    self.0,
                    _mm_castsi128_ps(_mm_cmpeq_epi32(left, right)),
                ))
            }
        }
        #[inline(always)]
        unsafe fn where_positive(self, of: Self) -> Self {
            unsafe { Self(_mm_and_ps(_mm_cmpgt_ps(of.0, _mm_setzero_ps()), self.0)) }
        }
    }

    // SAFETY: the caller vouches for AVX2 and for the pointers; unaligned loads and stores are used.
    unsafe impl Vector for Avx {
        const LANES: usize = 8;
        type Integers = __m256i;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(unsafe { _mm256_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load_splat(from: *const f32) -> Self {
            Self(unsafe { _mm256_broadcast_ss(&*from) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm256_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm256_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            Self(unsafe { _mm256_sub_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(unsafe { _mm256_mul_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            Self(unsafe { _mm256_div_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn sqrt(self) -> Self {
            Self(unsafe { _mm256_sqrt_ps(self.0) })
        }
        #[inline(always)]
        unsafe fn splat_integer(value: i32) -> __m256i {
            unsafe { _mm256_set1_epi32(value) }
        }
        #[inline(always)]
        unsafe fn load_integers(from: *const i32) -> __m256i {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store_integers(integers: __m256i, to: *mut i32) {
            unsafe { _mm256_storeu_si256(to.cast(), integers) }
        }
        #[inline(always)]
        unsafe fn keep_highest(
            self,
            integers: __m256i,
            other: Self,
            others: __m256i,
        ) -> (Self, __m256i) {
            unsafe {
                let wins = _mm256_or_ps(
                    _mm256_cmp_ps::<_CMP_GT_OQ>(other.0, self.0),
                    _mm256_cmp_ps::<_CMP_UNORD_Q>(other.0, other.0),
                );
                let kept = _mm256_blendv_ps(self.0, other.0, wins);
                let integers = _mm256_blendv_epi8(integers, others, _mm256_castps_si256(wins));
                (Self(kept), integers)
            }
        }
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            unsafe {
                let below = _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, _mm256_setzero_ps());
                Self(_mm256_andnot_ps(below, self.0))
            }
        }
        #[inline(always)]
        unsafe fn at_most(self, limit: Self) -> Self {
            Self(unsafe { _mm256_min_ps(limit.0, self.0) })
        }
        #[inline(always)]
        unsafe fn where_same(self, left: __m256i, right: __m256i) -> Self {
            unsafe {
                let same = _mm256_castsi256_ps(_mm256_cmpeq_epi32(left, right));
                Self(_mm256_and_ps(self.0, same))
            }
        }
        #[inline(always)]
        unsafe fn where_positive(self, of: Self) -> Self {
            unsafe {
                let above = _mm256_cmp_ps::<_CMP_GT_OQ>(of.0, _mm256_setzero_ps());
                Self(_mm256_and_ps(above, self.0))
            }
        }
    }

    // SAFETY: the caller vouches for AVX-512F and for the pointers; unaligned loads and stores are
    // used.
    unsafe impl Vector for Avx512 {
        const LANES: usize = 16;
        type Integers = __m512i;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self(unsafe { _mm512_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load_splat(from: *const f32) -> Self {
            Self(unsafe { _mm512_set1_ps(*from) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { _mm512_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Self(unsafe { _mm512_mul_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            Self(unsafe { _mm512_div_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn sqrt(self) -> Self {
            Self(unsafe { _mm512_sqrt_ps(self.0) })
        }
        #[inline(always)]
        unsafe fn splat_integer(value: i32) -> __m512i {
            unsafe { _mm512_set1_epi32(value) }
        }
        #[inline(always)]
        unsafe fn load_integers(from: *const i32) -> __m512i {
            unsafe { _mm512_loadu_si512(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store_integers(integers: __m512i, to: *mut i32) {
            unsafe { _mm512_storeu_si512(to.cast(), integers) }
        }
        #[inline(always)]
        unsafe fn keep_highest(
            self,
            integers: __m512i,
            other: Self,
            others: __m512i,
        ) -> (Self, __m512i) {
            unsafe {
                let wins = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(other.0, self.0)
                    | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(other.0, other.0);
                let kept = _mm512_mask_blend_ps(wins, self.0, other.0);
                (Self(kept), _mm512_mask_blend_epi32(wins, integers, others))
            }
        }
        #[inline(always)]
        unsafe fn relu(self) -> Self {
            unsafe {
                let below = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, _mm512_setzero_ps());
                Self(_mm512_mask_blend_ps(below, self.0, _mm512_setzero_ps()))
            }
        }
        #[inline(always)]
        unsafe fn at_most(self, limit: Self) -> Self {
            Self(unsafe { _mm512_min_ps(limit.0, self.0) })
        }
        #[inline(always)]
        unsafe fn where_same(self, left: __m512i, right: __m512i) -> Self {
            unsafe {
                Self(_mm512_maskz_mov_ps(
                    _mm512_cmpeq_epi32_mask(left, right),
                    self.0,
                ))
            }
        }
        #[inline(always)]
        unsafe fn where_positive(self, of: Self) -> Self {
            unsafe {
                let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(of.0, _mm512_setzero_ps());
                Self(_mm512_maskz_mov_ps(above, self.0))
            }
        }
    }
}

/// One float: what is left over where the outputs are no multiple of a wider vector.
#[derive(Clone, Copy)]
pub struct Single(f32);

// SAFETY: needs no instructions of its own; the caller vouches for the pointers.
unsafe impl Vector for Single {
    const LANES: usize = 1;
    type Integers = i32;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self(value)
    }
    #[inline(always)]
    unsafe fn load_splat(from: *const f32) -> Self {
        Self(unsafe { *from })
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { *from })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { *to = self.0 }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        Self(self.0 / other.0)
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self(self.0.sqrt())
    }
    #[inline(always)]
    unsafe fn splat_integer(value: i32) -> i32 {
        value
    }
    #[inline(always)]
    unsafe fn load_integers(from: *const i32) -> i32 {
        unsafe { *from }
    }
    #[inline(always)]
    unsafe fn store_integers(integers: i32, to: *mut i32) {
        unsafe { *to = integers }
    }
    #[inline(always)]
    unsafe fn keep_highest(self, integers: i32, other: Self, others: i32) -> (Self, i32) {
        if other.0 > self.0 || other.0.is_nan() {
            (other, others)
        } else {
            (self, integers)
        }
    }
    #[inline(always)]
    unsafe fn relu(self) -> Self {
        Self(if self.0 < 0.0 { 0.0 } else { self.0 })
    }
    #[inline(always)]
    unsafe fn at_most(self, limit: Self) -> Self {
        Self(if limit.0 < self.0 { limit.0 } else { self.0 })
    }
    #[inline(always)]
    unsafe fn where_same(self, left: i32, right: i32) -> Self {
        Self(if left == right { self.0 } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn where_positive(self, of: Self) -> Self {
        Self(if of.0 > 0.0 { self.0 } else { 0.0 })
    }
}

/// For processors whose vectors are not known here.
#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
pub type Baseline = Single;

#[cfg(test)]
mod tests {
    use super::super::reference::bits;
    use super::super::width::{Width, with_width};
    use super::*;

    /// All that lanes may do differently: both zeros, subnormal numbers, infinities, no numbers.
    const EDGES: [f32; 12] = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.1,
        1e-40,
        -1e-40,
        f32::MAX,
        f32::MIN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ];

    with_width! {
        /// Appends what each operation makes of `left` and `right`, of 16 values each.
        fn operate(left: &[f32], right: &[f32], results: &mut Vec<f32>) = operate_with;
    }

    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    unsafe fn operate_with<V: Vector>(left: &[f32], right: &[f32], results: &mut Vec<f32>) {
        assert!(left.len() == 16 && right.len() == 16);
        let mut keep = |apply: &dyn Fn(V, V) -> V| {
            let mut lanes = [0.0_f32; 16];
            for at in (0..16).step_by(V::LANES) {
                // SAFETY: sixteen values are whole vectors of any width; the caller vouches for the
                // processor.
                unsafe {
                    let operands = (
                        V::load(left.as_ptr().add(at)),
                        V::load(right.as_ptr().add(at)),
                    );
                    apply(operands.0, operands.1).store(lanes.as_mut_ptr().add(at));
                }
            }
            results.extend(lanes);
        };
        // SAFETY: as above.
        unsafe {
            keep(&|left, right| left.add(right));
            keep(&|left, right| left.sub(right));
            keep(&|left, right| left.mul(right));
            keep(&|left, right| left.div(right));
            keep(&|left, _| left.sqrt());
            keep(&|left, _| left.relu());
            keep(&|left, _| left.at_most(V::splat(1.0)));
            keep(&|left, right| left.where_positive(right));
            let (some, others) = (V::splat_integer(7), V::splat_integer(-7));
            keep(&|left, _| left.where_same(some, some));
            keep(&|left, _| left.where_same(some, others));
            keep(&|left, right| left.keep_highest(some, right, others).0);
            // Whose integers were kept.
            keep(&|left, right| {
                let (_, kept) = left.keep_highest(some, right, others);
                V::splat(1.0).where_same(kept, others)
            });
        }
    }

    /// One after the other, with what is no number as any.
    fn of_singles(left: &[f32], right: &[f32]) -> Vec<f32> {
        let mut results = Vec::new();
        // SAFETY: a single float needs no instructions of its own.
        unsafe { operate_with::<Single>(left, right, &mut results) };
        results
    }

    fn without_payload(values: &[f32]) -> Vec<u32> {
        let canonical = |&value: &f32| if value.is_nan() { f32::NAN } else { value };
        bits(&values.iter().map(canonical).collect::<Vec<f32>>()).collect()
    }

    #[test]
    fn every_lane_of_every_width_does_what_a_single_float_does() {
        for shift in 0..EDGES.len() {
            let operand = |by: usize| -> Vec<f32> {
                (0..16).map(|at| EDGES[(at + by) % EDGES.len()]).collect()
            };
            let (left, right) = (operand(0), operand(shift));
            let expected = without_payload(&of_singles(&left, &right));
            for width in Width::available() {
                let mut results = Vec::new();
                operate(width, &left, &right, &mut results);
                assert_eq!(without_payload(&results), expected, "{width}, {shift}");
            }
        }
    }

    #[test]
    fn what_is_no_number_wins_and_stays() {
        // SAFETY: a single float needs no instructions of its own.
        let kept = |left: f32, right: f32| unsafe {
            let left = Single::splat(left);
            let (Single(highest), integer) = left.keep_highest(1, Single::splat(right), 2);
            (highest, integer)
        };
        assert!(kept(f32::NAN, 3.0).0.is_nan());
        assert!(kept(3.0, f32::NAN).0.is_nan());
        assert_eq!(kept(3.0, 4.0), (4.0, 2));
        assert_eq!(kept(4.0, 4.0), (4.0, 1));
        // SAFETY: as above.
        assert!(unsafe { Single::splat(f32::NAN).relu() }.0.is_nan());
    }
}
