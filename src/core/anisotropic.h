#pragma once
// The score-aware (anisotropic) loss of Guo et al., "Accelerating Large-Scale Inference with
// Anisotropic Vector Quantization" (ICML 2020): with e = target - decoded and u = x/|x|,
//   loss = |e|^2 + (eta - 1) <e, u>^2,
// where x is the original row, never the residual. Its weights, the assignment of codes and the
// updates of codebooks and centroids under it.
//
// Errors: what allocates throws std::bad_alloc; what takes a StopFlag throws Error(canceled); the
// rest is noexcept.
#include <cstddef>
#include <cstdint>

#include "core/error.h"

namespace avq {

// --- codes of one row ---------------------------------------------------------------------------

// Tables of one row, subspaces x 16 each, of e_mk = target_m - codeword_mk:
// squared[m][k] = |e_mk|^2 and, unless parallel is null, parallel[m][k] = <e_mk, u_m>.
void fill_code_tables(const float* codebooks, size_t subspaces, size_t dims_per_subspace,
                      const float* target, const float* direction, float* squared,
                      float* parallel) noexcept;

// The codes that minimise |e|^2.
void assign_plain(const float* squared, size_t subspaces, uint8_t* codes) noexcept;

// Lowers the anisotropic loss by changing one code at a time, until no single change helps or
// after `rounds` rounds. Subspaces are coupled only through the scalar <e, u>. The loss never
// rises.
void descend(const float* squared, const float* parallel, size_t subspaces, float eta, int rounds,
             uint8_t* codes) noexcept;

// Inner products that the scale depends on, of the target t, its decoded form d and u.
struct ScaleTerms {
  double target_decoded = 0, decoded_decoded = 0, target_direction = 0, decoded_direction = 0;
};

// The s that minimises the loss of t - s d with anisotropy eta, kept within [1/3, 3] of the
// isotropic minimiser; never negative, and positive unless d points away from t.
float best_scale(const ScaleTerms& terms, float eta) noexcept;

// --- training -----------------------------------------------------------------------------------

// Rows for the joint codebook update. targets and directions: rows x padded dims; weights: rows.
struct CodebookSample {
  const float* targets;
  const float* directions;
  const float* weights;
  size_t rows;
  size_t subspaces;
  size_t dims_per_subspace;
};

// The paper's product-quantiser training from given codebooks: alternates the assignment of codes
// with the update of all codewords under the joint loss, by block coordinate descent over the
// subspaces: given the other subspaces each codeword has a D x D normal equation of its own, and a
// few sweeps come within a fraction of a per cent of the joint minimum at none of the memory
// of the 16 d x 16 d system. Returns the weighted mean loss after the last assignment.
double train_joint(const CodebookSample& sample, float eta, int alternations, float* codebooks,
                   StopFlag stop);

// The anisotropic centroid of some rows (Guo et al., section 4.2, with w(t) = |t|^(eta - 1)):
//   c = eta [ (sum w) I + (eta - 1) sum w u u' ]^-1 sum w x,  w = |x|^(eta - 1).
// By conjugate gradients: the matrix has condition at most eta, so ten steps are exact to float.
// rows: base of a row-major matrix with `dims` columns, of which `members` lists `count` rows;
// norms: of all rows, by row number; largest_norm > 0 scales the weights. centroid holds the plain
// mean on entry and is left alone where all members are zero. scratch: 4 x dims.
void anisotropic_centroid(const float* rows, size_t dims, const uint32_t* members, size_t count,
                          const float* norms, float largest_norm, float eta, float* centroid,
                          float* scratch) noexcept;

}  // namespace avq
