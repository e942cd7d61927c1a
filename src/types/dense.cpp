#include "types/dense.h"

#include "core/parse.h"

namespace avq {

void report_different_dims(const char* type, int a, int b) {
  ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                  errmsg("different %s dimensions %d and %d", type, a, b)));
  pg_unreachable();
}

void report_unexpected_dims(int expected, int actual) {
  ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                  errmsg("expected %d dimensions, not %d", expected, actual)));
  pg_unreachable();
}

void check_dim(const char* type, int64 dim, int64 most) {
  if (dim < 1) {
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s must have at least 1 dimension", type)));
  }
  if (dim > most) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("%s cannot have more than %lld dimensions", type,
                           static_cast<long long>(most))));
  }
}

void check_element(const char* type, float value) {
  if (unlikely(std::isnan(value))) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in %s", type)));
  }
  if (unlikely(std::isinf(value))) {
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("infinite value not allowed in %s", type)));
  }
}

void check_elements(const HalfVector* vector) {
  constexpr uint16 kInfinity = 0x7c00;
  for (int i = 0; i < vector->dim; ++i) {
    const uint16 magnitude = vector->x[i].bits & 0x7fff;
    if (likely(magnitude < kInfinity)) continue;
    check_element(kTypeName<HalfVector>, magnitude == kInfinity ? HUGE_VALF : NAN);
  }
}

const float* floats_of(const HalfVector* vector) {
  float* floats = static_cast<float*>(palloc(sizeof(float) * vector->dim));
  half_to_float(&vector->x->bits, floats, static_cast<size_t>(vector->dim));
  return floats;
}

float* floats_to_fill(HalfVector* vector) {
  return static_cast<float*>(palloc0(sizeof(float) * vector->dim));
}

void store_floats(HalfVector* vector, float* floats) {
  float_to_half(floats, &vector->x->bits, static_cast<size_t>(vector->dim));
  pfree(floats);
}

void store_checked(Vector* vector, float*) { check_elements(vector); }

void store_checked(HalfVector* vector, float* floats) {
  for (int i = 0; i < vector->dim; ++i) {
    if (likely(!(std::fabs(floats[i]) >= kOutOfRange<HalfVector>))) continue;
    if (std::isinf(floats[i])) continue;
    char text[kMaxFloatBytes + 1];
    *format_float(floats[i], text) = '\0';
    ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                    errmsg("\"%s\" is out of range for type %s", text, kTypeName<HalfVector>)));
  }
  store_floats(vector, floats);
  check_elements(vector);
}

}  // namespace avq
