#include "types/vector.h"

#include <algorithm>

namespace avq {

Vector* new_vector(int dim) {
  size_t size = vector_size(dim);
  Vector* vector = static_cast<Vector*>(palloc0(size));
  SET_VARSIZE(vector, size);
  vector->dim = static_cast<int16>(dim);
  return vector;
}

void report_different_dims(int a, int b) {
  ereport(ERROR,
          (errcode(ERRCODE_DATA_EXCEPTION), errmsg("different vector dimensions %d and %d", a, b)));
  pg_unreachable();
}

void report_unexpected_dims(int expected, int actual) {
  ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                  errmsg("expected %d dimensions, not %d", expected, actual)));
  pg_unreachable();
}

void check_dim(int64 dim) {
  if (dim < 1) {
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("vector must have at least 1 dimension")));
  }
  if (dim > Vector::kMaxDims) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("vector cannot have more than %d dimensions", Vector::kMaxDims)));
  }
}

void check_element(float value) {
  if (unlikely(std::isnan(value))) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in vector")));
  }
  if (unlikely(std::isinf(value))) {
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("infinite value not allowed in vector")));
  }
}

int compare_vectors(const Vector* a, const Vector* b) {
  int common = std::min(a->dim, b->dim);
  for (int i = 0; i < common; ++i) {
    if (a->x[i] < b->x[i]) return -1;
    if (a->x[i] > b->x[i]) return 1;
  }
  return (a->dim > b->dim) - (a->dim < b->dim);
}

}  // namespace avq
