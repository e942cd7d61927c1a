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

// The assignment of rows to the centre of the largest <x, c> - bias, in batches short enough to
// be canceled between. rows null means all rows of the sample, else `count` row numbers.
void assign_nearest(const Sample& sample, const uint32_t* rows, size_t count, const float* centres,
                    size_t centres_count, const float* bias, uint32_t* nearest, float* scores);

// At most `lists` centres (lists x dims), fewer when the sample has fewer distinct rows.
std::vector<float> train_centres(const Sample& sample, uint32_t lists, uint64_t seed);

// |c|^2 / 2 of each centre, or zeros for cosine: the bias of assignment.
std::vector<float> centre_bias(Metric metric, const float* centres, size_t count, size_t dims);

// 16 codewords of points (count x width) into codewords (width x 16, codeword fastest).
void train_codewords(const float* points, size_t count, size_t width, uint64_t seed,
                     float* codewords, StopFlag stop);

}  // namespace avq
