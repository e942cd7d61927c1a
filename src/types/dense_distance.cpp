// The distance operators of vector and halfvec and the functions behind them.
//
// A sequential scan spends its time here, so there is nothing but the detoasting (which returns
// the tuple's own memory for plain values), the check of the dimensions and the kernel. Detoasted
// copies of rows are left to the caller's short-lived memory context.
#include <cmath>

#include "types/dense.h"
#include "types/entry.h"
#include "types/repeated_argument.h"

namespace avq {
namespace {

// Where the floats of an operator's two halfvecs are put.
float converted[2][HalfVector::kMaxDims];

inline const float* operand(const Vector* vector, int) { return vector->x; }
inline const float* operand(const HalfVector* vector, int side) {
  half_to_float(&vector->x->bits, converted[side], static_cast<size_t>(vector->dim));
  return converted[side];
}

template <class V, double distance(const float*, const float*, int) noexcept>
inline Datum apply(FunctionCallInfo fcinfo) {
  const V* a = argument_vector<V>(fcinfo, 0);
  const V* b = argument_vector<V>(fcinfo, 1);
  check_dims(a, b);
  return Float8GetDatum(distance(operand(a, 0), operand(b, 1), a->dim));
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

#define AVQ_DISTANCE(name, distance)                                          \
  AVQ_FUNCTION(avq_vector_##name) { return apply<Vector, distance>(fcinfo); } \
  AVQ_FUNCTION(avq_halfvec_##name) { return apply<HalfVector, distance>(fcinfo); }

AVQ_DISTANCE(negative_inner_product, inner_product_distance)
AVQ_DISTANCE(inner_product, inner_product)
AVQ_DISTANCE(cosine_distance, cosine_distance)
AVQ_DISTANCE(l2_distance, l2_distance)
AVQ_DISTANCE(l2_squared_distance, l2_squared_distance)
AVQ_DISTANCE(l1_distance, l1_distance)
AVQ_DISTANCE(spherical_distance, spherical_distance)

}  // namespace avq
