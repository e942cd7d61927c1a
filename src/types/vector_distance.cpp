// The distance operators of vector and the functions behind them.
//
// A sequential scan spends its time here, so there is nothing but the detoasting (which returns
// the tuple's own memory for plain values), the check of the dimensions and the kernel. Detoasted
// copies of rows are left to the caller's short-lived memory context.
#include <cmath>

#include "types/entry.h"
#include "types/repeated_argument.h"
#include "types/vector.h"

namespace avq {
namespace {

template <double distance(const float*, const float*, int) noexcept>
inline Datum apply(FunctionCallInfo fcinfo) {
  const Vector* a = argument_vector(fcinfo, 0);
  const Vector* b = argument_vector(fcinfo, 1);
  check_dims(a, b);
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
