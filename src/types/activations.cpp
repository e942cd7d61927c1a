// Sparse activations: the few large elements of a vector, and how few there are. For layers of
// neural networks whose activations are mostly zero (Li et al., The Lazy Neuron Phenomenon, ICLR
// 2023); docs/sparse_activations.md has an example.
#include <algorithm>

#include "types/dense.h"
#include "types/entry.h"
#include "types/sparse.h"

namespace avq {
namespace {

// The elements of `vector` for which keep(i) holds and that are not zero.
template <class Keep>
SparseVector* kept(const Vector* vector, Keep keep) {
  int nnz = 0;
  for (int i = 0; i < vector->dim; ++i) nnz += vector->x[i] != 0 && keep(i);
  SparseVector* sparse = new_sparse(vector->dim, nnz);
  float* values = sparse->values();
  for (int i = 0, at = 0; i < vector->dim; ++i) {
    if (vector->x[i] == 0 || !keep(i)) continue;
    sparse->indices[at] = i;
    values[at++] = vector->x[i];
  }
  return sparse;
}

}  // namespace

// The k largest elements; of equal ones those that come first. All, where there are no more.
AVQ_FUNCTION(avq_topk) {
  const Vector* vector = datum_get<Vector>(PG_GETARG_DATUM(0));
  const int32 k = PG_GETARG_INT32(1);
  if (k < 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be at least 1")));
  }
  if (k >= vector->dim) PG_RETURN_POINTER(kept(vector, [](int) { return true; }));

  int* order = static_cast<int*>(palloc(sizeof(int) * vector->dim));
  for (int i = 0; i < vector->dim; ++i) order[i] = i;
  const auto larger = [vector](int a, int b) {
    return vector->x[a] != vector->x[b] ? vector->x[a] > vector->x[b] : a < b;
  };
  std::nth_element(order, order + k - 1, order + vector->dim, larger);
  const int last = order[k - 1];
  PG_RETURN_POINTER(kept(vector, [&](int i) { return !larger(last, i); }));
}

// The elements larger than a number: with 0, what ReLU leaves.
AVQ_FUNCTION(avq_threshold) {
  const Vector* vector = datum_get<Vector>(PG_GETARG_DATUM(0));
  const float8 least = PG_GETARG_FLOAT8(1);
  PG_RETURN_POINTER(kept(vector, [&](int i) { return vector->x[i] > least; }));
}

// density(sparsevec): float8_accum of the share of elements that are not zero.
AVQ_FUNCTION(avq_density_accum) {
  const SparseVector* sparse = datum_get_sparse(PG_GETARG_DATUM(1));
  const float8 share = static_cast<float8>(sparse->nnz) / sparse->dim;
  return DirectFunctionCall2(float8_accum, PG_GETARG_DATUM(0), Float8GetDatum(share));
}

}  // namespace avq
