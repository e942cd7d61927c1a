#pragma once
// Codebooks: 16 codewords for each subspace, from the residuals of a sample or, without one, from
// the normal distribution that residuals of a randomly rotated space come close to.
//
// Errors: Error(canceled), std::bad_alloc.
#include <cstddef>
#include <cstdint>

#include "core/model.h"
#include "core/sample.h"

namespace avq {

// Rows that codebook training keeps residuals of: enough for 16 codewords (15,000; twice
// as many lower the error by half a per cent), fewer where rows are so long that they would take
// more than 64 MB.
size_t codebook_rows(size_t sample_rows, size_t padded_dims) noexcept;

// Fills `codebooks` (the model's, which is being made) from the residuals of the sample's rows to
// their centroids, by the joint update of the anisotropic loss if `joint`. False, with nothing
// written, when too few rows have a residual.
bool train_codebooks(const Model& model, const Sample& sample, const uint32_t* list_of, bool joint,
                     float* codebooks);

// Data-independent codebooks, for residuals of norm `length`.
void gaussian_codebooks(const ModelShape& shape, double length, float* codebooks, StopFlag stop);

}  // namespace avq
