#pragma once
// Seeded k-means: of rows into lists, and of the few dimensions of a subspace into 16 codewords.
//
// Invariants: deterministic for a seed; every centre is finite; centres are no more than the
// distinct rows. Spherical (unit centres, by <x, c>) for cosine, else by L2 distance, rows weighted
// by Sample::importance.
// Errors: Error(canceled), std::bad_alloc.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/error.h"
#include "core/sample.h"

namespace avq {

// At most `lists` centres (lists x dims), fewer when the sample has fewer distinct rows.
// groups > 0: rows meet the centres of a few of so many groups.
std::vector<float> train_centres(const Sample& sample, uint32_t lists, uint64_t seed,
                                 uint32_t groups = 0);

// Multiplications that train_centres and train_codewords cost, of assignments to lists or of their
// like.
double centres_work(Metric metric, size_t rows, size_t dims, size_t lists, size_t groups) noexcept;
double codewords_work(size_t count, size_t width) noexcept;

// 16 codewords of points (count x width) into codewords (width x 16, codeword fastest).
void train_codewords(const float* points, size_t count, size_t width, uint64_t seed,
                     float* codewords, StopFlag stop);

}  // namespace avq
