#pragma once
// The SIMD kernels: Highway, chosen at run time for the CPU. Plain C types only, so that both
// halves of the code may include this header.
//
// Invariants: no function throws, allocates or reads beyond the lengths given; pointers need the
// alignment of their type and no more (bytes: none), inputs and outputs do not overlap; the same
// input gives the same bits in every call of one process. Products are summed in float, in an order
// that depends on the CPU's vector width.
#include <cstddef>
#include <cstdint>

namespace avq {

// --- dense vectors ------------------------------------------------------------------------------

float dot(const float* a, const float* b, size_t dims) noexcept;         // sum a_i b_i
float l2_squared(const float* a, const float* b, size_t dims) noexcept;  // sum (a_i - b_i)^2
float l1(const float* a, const float* b, size_t dims) noexcept;          // sum |a_i - b_i|
float norm_squared(const float* a, size_t dims) noexcept;                // sum a_i^2

struct CosineParts {
  float dot, norm_a, norm_b;  // <a,b>, |a|^2, |b|^2
};
CosineParts cosine_parts(const float* a, const float* b, size_t dims) noexcept;  // in one pass

// y += alpha * x
void axpy(float alpha, const float* x, float* y, size_t dims) noexcept;

// out[i] = <query, rows[i]> for i < count; rows is count x dims, row-major, contiguous.
void dot_rows(const float* query, const float* rows, size_t count, size_t dims,
              float* out) noexcept;

// For each of `count` rows the centre with the largest <row, centre> - bias, ties to the lower
// number: the assignment step of k-means and of the build (with bias = |centre|^2/2 for L2, 0 for
// spherical). rows: count x dims, centres: centres_count x dims, bias: centres_count, best_index
// and best_score: count. A row's result does not depend on the rows beside it. Without centres:
// index 0, score minus infinity. 55 to 80 GFLOP/s on one core of Zen 4 with AVX2 at 100 and more
// dimensions; a single row runs at the speed of dot_rows.
void nearest_centres(const float* rows, size_t count, const float* centres, size_t centres_count,
                     size_t dims, const float* bias, uint32_t* best_index,
                     float* best_score) noexcept;

// The same for the `count` rows of these numbers among `rows`, and with some of many centres, which
// are numbered from first_centre on: best_index and best_score, of all rows by number, change where
// one of these centres is better.
void nearer_centres(const float* rows, const uint32_t* numbers, size_t count, const float* centres,
                    size_t centres_count, size_t dims, const float* bias, uint32_t first_centre,
                    uint32_t* best_index, float* best_score) noexcept;

// products[r * centres_count + c] = <row r, centre c>, each summed as nearest_centres does and as
// fast. rows: count x dims, centres: centres_count x dims, products: count x centres_count.
void dot_matrix(const float* rows, size_t count, const float* centres, size_t centres_count,
                size_t dims, float* products) noexcept;
// Of the `count` rows of these numbers among `rows`.
void dot_matrix_of(const float* rows, const uint32_t* numbers, size_t count, const float* centres,
                   size_t centres_count, size_t dims, float* products) noexcept;

// --- bits ---------------------------------------------------------------------------------------

struct BitCounts {
  uint64_t both, a, b;  // set in both, in a, in b
};
BitCounts count_bits(const uint8_t* a, const uint8_t* b, size_t bytes) noexcept;

// --- routing ------------------------------------------------------------------------------------

// Rows of dot_rows_int8 are a multiple of so many numbers, and a vector holds a divisor of it.
inline constexpr size_t kRoutingStride = 32;

// out[i] = <query, rows[i]> for i < count, summed as 32-bit integers, which may not overflow: the
// same on every CPU. query: stride numbers; rows: count x stride; stride: of kRoutingStride.
void dot_rows_int8(const int16_t* query, const int8_t* rows, size_t count, size_t stride,
                   float* out) noexcept;

// --- rerank copies ------------------------------------------------------------------------------

// IEEE half, round to nearest even, 65,520 and more to infinity. Halves must be finite.
void float_to_half(const float* in, uint16_t* out, size_t count) noexcept;
void half_to_float(const uint16_t* in, float* out, size_t count) noexcept;
float dot_half(const float* query, const uint16_t* copy, size_t dims) noexcept;
float dot_int8(const float* query, const int8_t* copy, size_t dims) noexcept;

// --- the scan of 4-bit codes --------------------------------------------------------------------

// A block holds the codes of 32 rows: for each subspace m 16 bytes, of which byte j carries row j
// in its low and row j + 16 in its high nibble. See core/codec.h.
inline constexpr size_t kBlockRows = 32;
inline constexpr size_t kCodeRowBytes = 16;

// Tables of 6-bit entries scan a fifth faster than those of 8 bits: four entries fit a byte.
inline constexpr uint8_t kSmallEntry = 63;

struct ScanParams {
  const uint8_t* lut;       // subspaces x 16, the query's quantised table (codec.h, QueryTables)
  float step;               // value of one LUT unit
  float base;               // sum of the subspaces' minima, plus the optimism (QueryTables::base)
  float list_score;         // <q, centroid of the list>
  float threshold;          // rows whose key is below are not reported
  uint8_t max_entry = 255;  // no entry of lut is larger; up to kSmallEntry the scan is faster
};

// Scores one block of `subspaces` <= 65,535 code rows. For row j, with sum_j the sum of its LUT
// entries (added without loss for any number of subspaces),
//   key_j = list_score + scale_j * (step * sum_j + base) - offset_j
// where scale_j = scales[j] read as bfloat16 and offset_j = offsets[j], or 0 when offsets is null.
// Writes the 32 keys and returns a mask with bit j set where key_j >= threshold; keys may be left
// unwritten when the mask is 0. codes: subspaces x 16 bytes, any alignment.
uint32_t score_block(const uint8_t* codes, size_t subspaces, const uint16_t* scales,
                     const float* offsets, const ScanParams& params, float* keys) noexcept;

// The same in pieces, for a block whose codes do not lie together: sums[j] += the table entries of
// row j in the `count` code rows from number `first` on, which begin at `codes`; then the keys. All
// 32 sums begin at 0.
void add_code_sums(const uint8_t* codes, size_t first, size_t count, const ScanParams& params,
                   int32_t* sums) noexcept;
uint32_t score_sums(const int32_t* sums, const uint16_t* scales, const float* offsets,
                    const ScanParams& params, float* keys) noexcept;

// The name of the instruction set in use, for avq_index_info and the bench ("AVX2", ...).
const char* kernel_target() noexcept;

}  // namespace avq
