// The distance operators of vector and the functions behind them.
//
// A sequential scan spends its time here, so there is nothing but the detoasting (which returns
// the tuple's own memory for plain values), the check of the dimensions and the kernel. Detoasted
// copies are left to the caller's short-lived memory context.
#include <algorithm>
#include <cmath>

#include "types/entry.h"
#include "types/vector.h"

namespace avq {
namespace {

// Asks for the memory just below a value. Tuples fill a heap page from its end, so a sequential
// scan finds its next row there, and waiting for that row's cache lines was half of its time. The
// address need not be valid. Rows of more than a few lines go to L2 only: the core cannot keep
// track of that many L1 misses without stalling. Always inlined, because GCC takes a function that
// does nothing but prefetch for one that does nothing.
__attribute__((always_inline)) inline void prefetch_next_row(const Vector* vector) {
  constexpr size_t kLine = 64;
  constexpr size_t kRowHead = 64;  // about a tuple header and a few columns before the vector
  constexpr size_t kFewLines = 10;
  const char* start = reinterpret_cast<const char*>(vector);
  size_t bytes = std::min<size_t>(vector_size(vector->dim) + kRowHead, BLCKSZ);
  if (bytes <= kFewLines * kLine) {
    for (size_t below = kLine; below <= bytes; below += kLine) {
      __builtin_prefetch(start - below, 0, 3);
    }
  } else {
    for (size_t below = kLine; below <= bytes; below += kLine) {
      __builtin_prefetch(start - below, 0, 2);
    }
  }
}

template <double distance(const float*, const float*, int) noexcept>
inline Datum apply(FunctionCallInfo fcinfo) {
  const Vector* a = datum_get_vector(PG_GETARG_DATUM(0));
  const Vector* b = datum_get_vector(PG_GETARG_DATUM(1));
  check_dims(a, b);
  // A copy (of a packed or toasted value) has no neighbour of interest.
  if (PointerGetDatum(a) == PG_GETARG_DATUM(0)) prefetch_next_row(a);
  return Float8GetDatum(distance(a->x, b->x, a->dim));
}

double inner_product(const float* a, const float* b, int dims) noexcept {
  return static_cast<double>(dot(a, b, static_cast<size_t>(dims)));
}

// The angle of two unit vectors over pi. Rounding may take the product beyond 1.
double spherical_distance(const float* a, const float* b, int dims) noexcept {
  double product = inner_product(a, b, dims);
  if (product > 1.0) product = 1.0;
  if (product < -1.0) product = -1.0;
  return std::acos(product) / M_PI;
}

}  // namespace

AVQ_FUNCTION(avq_vector_negative_inner_product) { return apply<inner_product_distance>(fcinfo); }
AVQ_FUNCTION(avq_vector_inner_product) { return apply<inner_product>(fcinfo); }
AVQ_FUNCTION(avq_vector_cosine_distance) { return apply<cosine_distance>(fcinfo); }
AVQ_FUNCTION(avq_vector_l2_distance) { return apply<l2_distance>(fcinfo); }
AVQ_FUNCTION(avq_vector_l2_squared_distance) { return apply<l2_squared_distance>(fcinfo); }
AVQ_FUNCTION(avq_vector_l1_distance) { return apply<l1_distance>(fcinfo); }
AVQ_FUNCTION(avq_vector_spherical_distance) { return apply<spherical_distance>(fcinfo); }

}  // namespace avq
