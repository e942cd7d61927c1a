#pragma once
// What an index knows of its column: metric and element from the operator class, dimensions from
// the column's type; and what a row's value means to it.
#include "compat.h"
#include "core/metric.h"
#include "types/dense.h"

namespace avq {

// What a value of the column holds: vector's floats or halfvec's halves.
enum class Element : uint8 { float4 = 1, half = 2 };

// What an operator class's support function 1 (internal -> internal) returns.
struct OpclassSupport {
  Metric metric;
  Element element;
};
inline constexpr int kSupportProc = 1;
inline constexpr int kDistanceStrategy = 1;

struct Column {
  Metric metric;
  Element element;
  uint32 dims;
};

// Errors: a column without dimensions (ERRCODE_INVALID_PARAMETER_VALUE).
Column index_column(Relation index);

Element index_element(Relation index);

inline const char* type_name(Element element) {
  return element == Element::half ? kTypeName<HalfVector> : kTypeName<Vector>;
}

// A value of the column as floats: the datum's own memory where that can be (see datum_get), else
// palloc'ed.
const Vector* column_vector(Element element, Datum value);

// A palloc'ed value of the column.
Datum column_value(Element element, const float* floats, int dims);

enum class RowClass { coded, uncodable, undefined, null };

// Where a row belongs. Uncodable are norms whose squares leave float's comfortable range: such rows
// are always scored exactly. Undefined are zero vectors under cosine: their distance is NaN.
RowClass classify(Metric metric, const Vector* vector);

// Whether distances to the query differ at all: not to a zero vector under cosine.
bool orders_rows(Metric metric, const Vector* query);

// Whether the operator's squares overflow against every row that has a code: all these distances
// are infinite, and only rows without a code can be nearer.
bool too_far(Metric metric, const Vector* query);

// What is coded and copied of a row, and what of a query is compared with it: the direction for
// cosine (norm taken in double), the difference from the index's mean for l2 (`mean`, dims floats;
// else null), else the vector itself. out: dims floats.
void comparable_vector(Metric metric, const float* mean, const float* in, uint32 dims, float* out);

// The operator's own value: what rows are finally ordered by.
double exact_distance(Metric metric, const float* query, const float* row, uint32 dims);

}  // namespace avq
