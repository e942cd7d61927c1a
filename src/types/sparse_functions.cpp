// sparsevec: distances, norm, order, equality and hash.
#include <cmath>

#include "types/entry.h"
#include "types/sparse.h"

extern "C" {
#include "common/hashfn.h"
}

namespace avq {
namespace {

// Sums, in float and by position, what two vectors contribute: both(x, y) where both have an
// element, one(x) where only one has.
template <class Both, class One>
float sum_over(const SparseVector* a, const SparseVector* b, Both both, One one) {
  const float *left = a->values(), *right = b->values();
  float sum = 0;
  int i = 0, j = 0;
  while (i < a->nnz && j < b->nnz) {
    const int32 at = a->indices[i], other = b->indices[j];
    if (at == other) {
      sum += both(left[i++], right[j++]);
    } else if (at < other) {
      sum += one(left[i++]);
    } else {
      sum += one(right[j++]);
    }
  }
  while (i < a->nnz) sum += one(left[i++]);
  while (j < b->nnz) sum += one(right[j++]);
  return sum;
}

float sparse_product(const SparseVector* a, const SparseVector* b) {
  return sum_over(
      a, b, [](float x, float y) { return x * y; }, [](float) { return 0.0f; });
}

float sparse_l2_squared(const SparseVector* a, const SparseVector* b) {
  return sum_over(
      a, b, [](float x, float y) { return (x - y) * (x - y); }, [](float x) { return x * x; });
}

float sparse_norm_squared(const SparseVector* a) {
  return norm_squared(a->values(), static_cast<size_t>(a->nnz));
}

double norm_of(const SparseVector* vector) { return l2_norm(vector->values(), vector->nnz); }

struct Pair {
  SparseVector *a, *b;
};

Pair operands(FunctionCallInfo fcinfo) {
  const Pair pair = {datum_get_sparse(PG_GETARG_DATUM(0)), datum_get_sparse(PG_GETARG_DATUM(1))};
  check_dims(pair.a, pair.b);
  return pair;
}

// As the dense vectors compare: at the first position where they differ, zeros included; then the
// number of dimensions.
int compare(const SparseVector* a, const SparseVector* b) {
  for (int i = 0;; ++i) {
    // Beyond its elements a vector differs from the other up to its end.
    const int32 at = i < a->nnz ? a->indices[i] : a->dim;
    const int32 other = i < b->nnz ? b->indices[i] : b->dim;
    if (at < other) return i < a->nnz && a->values()[i] > 0 ? 1 : -1;
    if (at > other) return i < b->nnz && b->values()[i] > 0 ? -1 : 1;
    if (i >= a->nnz || i >= b->nnz) return (i < a->nnz) - (i < b->nnz);
    const float x = a->values()[i], y = b->values()[i];
    if (x != y) return x < y ? -1 : 1;
  }
}

int compare_arguments(FunctionCallInfo fcinfo) {
  SparseVector* a = datum_get_sparse(PG_GETARG_DATUM(0));
  SparseVector* b = datum_get_sparse(PG_GETARG_DATUM(1));
  const int order = compare(a, b);
  PG_FREE_IF_COPY(a, 0);
  PG_FREE_IF_COPY(b, 1);
  return order;
}

// Everything but the varlena header: values are not zero, so equal vectors are equal bytes.
const unsigned char* hashable(const SparseVector* vector, int* length) {
  *length = static_cast<int>(VARSIZE(vector) - offsetof(SparseVector, dim));
  return reinterpret_cast<const unsigned char*>(&vector->dim);
}

}  // namespace

AVQ_FUNCTION(avq_sparsevec_inner_product) {
  const Pair pair = operands(fcinfo);
  PG_RETURN_FLOAT8(sparse_product(pair.a, pair.b));
}

AVQ_FUNCTION(avq_sparsevec_negative_inner_product) {
  const Pair pair = operands(fcinfo);
  PG_RETURN_FLOAT8(-static_cast<double>(sparse_product(pair.a, pair.b)));
}

AVQ_FUNCTION(avq_sparsevec_l2_squared_distance) {
  const Pair pair = operands(fcinfo);
  PG_RETURN_FLOAT8(sparse_l2_squared(pair.a, pair.b));
}

AVQ_FUNCTION(avq_sparsevec_l2_distance) {
  const Pair pair = operands(fcinfo);
  PG_RETURN_FLOAT8(std::sqrt(static_cast<double>(sparse_l2_squared(pair.a, pair.b))));
}

AVQ_FUNCTION(avq_sparsevec_cosine_distance) {
  const Pair pair = operands(fcinfo);
  PG_RETURN_FLOAT8(cosine_distance_from(sparse_product(pair.a, pair.b), sparse_norm_squared(pair.a),
                                        sparse_norm_squared(pair.b)));
}

AVQ_FUNCTION(avq_sparsevec_l1_distance) {
  const Pair pair = operands(fcinfo);
  PG_RETURN_FLOAT8(sum_over(
      pair.a, pair.b, [](float x, float y) { return std::fabs(x - y); },
      [](float x) { return std::fabs(x); }));
}

AVQ_FUNCTION(avq_sparsevec_l2_norm) {
  PG_RETURN_FLOAT8(norm_of(datum_get_sparse(PG_GETARG_DATUM(0))));
}

// A zero vector stays what it is; elements that become zero are left out.
AVQ_FUNCTION(avq_sparsevec_l2_normalize) {
  const SparseVector* vector = datum_get_sparse(PG_GETARG_DATUM(0));
  const double length = norm_of(vector);
  const auto normal = [&](int i) { return static_cast<float>(vector->values()[i] / length); };
  int nnz = 0;
  for (int i = 0; i < vector->nnz; ++i) nnz += normal(i) != 0;
  SparseVector* result = new_sparse(vector->dim, nnz);
  float* values = result->values();
  for (int i = 0, at = 0; i < vector->nnz; ++i) {
    const float value = normal(i);
    if (unlikely(std::isinf(value))) float_overflow_error();
    if (value == 0) continue;
    result->indices[at] = vector->indices[i];
    values[at++] = value;
  }
  PG_RETURN_POINTER(result);
}

AVQ_FUNCTION(avq_sparsevec_lt) { PG_RETURN_BOOL(compare_arguments(fcinfo) < 0); }
AVQ_FUNCTION(avq_sparsevec_le) { PG_RETURN_BOOL(compare_arguments(fcinfo) <= 0); }
AVQ_FUNCTION(avq_sparsevec_eq) { PG_RETURN_BOOL(compare_arguments(fcinfo) == 0); }
AVQ_FUNCTION(avq_sparsevec_ne) { PG_RETURN_BOOL(compare_arguments(fcinfo) != 0); }
AVQ_FUNCTION(avq_sparsevec_ge) { PG_RETURN_BOOL(compare_arguments(fcinfo) >= 0); }
AVQ_FUNCTION(avq_sparsevec_gt) { PG_RETURN_BOOL(compare_arguments(fcinfo) > 0); }
AVQ_FUNCTION(avq_sparsevec_cmp) { PG_RETURN_INT32(compare_arguments(fcinfo)); }

AVQ_FUNCTION(avq_sparsevec_hash) {
  SparseVector* vector = datum_get_sparse(PG_GETARG_DATUM(0));
  int length;
  const unsigned char* bytes = hashable(vector, &length);
  const Datum hash = hash_any(bytes, length);
  PG_FREE_IF_COPY(vector, 0);
  return hash;
}

AVQ_FUNCTION(avq_sparsevec_hash_extended) {
  SparseVector* vector = datum_get_sparse(PG_GETARG_DATUM(0));
  int length;
  const unsigned char* bytes = hashable(vector, &length);
  const Datum hash = hash_any_extended(bytes, length, static_cast<uint64>(PG_GETARG_INT64(1)));
  PG_FREE_IF_COPY(vector, 0);
  return hash;
}

}  // namespace avq
