#pragma once
// A value of SQL type sparsevec, as it lies in tuples: a varlena with the number of dimensions and
// of elements that are not zero, their positions (from 0 on, ascending), and their values. The
// layout is pgvector's.
//
// Invariants: 1 <= dim <= kMaxDims; 0 <= nnz <= min(dim, kMaxElements); unused is 0; positions
// ascend and lie within dim; values are finite and not zero.
// Errors: the checks ereport with pgvector's texts and SQLSTATEs.
#include "pg.h"
#include "types/dense.h"

namespace avq {

struct SparseVector {
  static constexpr int kMaxDims = 1000000000;
  static constexpr int kMaxElements = 16000;

  int32 vl_len_;  // varlena header, not to be touched directly
  int32 dim;
  int32 nnz;
  int32 unused;
  int32 indices[FLEXIBLE_ARRAY_MEMBER];  // nnz; the values follow

  float* values() { return reinterpret_cast<float*>(indices + nnz); }
  const float* values() const { return reinterpret_cast<const float*>(indices + nnz); }
};
static_assert(sizeof(SparseVector) == 16);

template <>
inline constexpr const char* kTypeName<SparseVector> = "sparsevec";

inline SparseVector* datum_get_sparse(Datum datum) {
  return reinterpret_cast<SparseVector*>(PG_DETOAST_DATUM(datum));
}

// A palloc'ed value whose elements are to be filled in.
SparseVector* new_sparse(int dim, int nnz);

// "sparsevec cannot have more than %d non-zero elements" and so on.
void check_element_count(int nnz, int dim);

// What is wrong with position i: not within the dimensions, not beyond the one before it; or null.
const char* position_fault(const SparseVector* vector, int i);
void check_position(const SparseVector* vector, int i);

// The elements of an array of floats that are not zero. Errors: too many, NaN, infinity.
SparseVector* sparse_from_floats(const float* floats, int dim);

}  // namespace avq
