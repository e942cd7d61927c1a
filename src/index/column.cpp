#include "index/column.h"

namespace avq {

static OpclassSupport opclass_support(Relation index) {
  FmgrInfo* proc = index_getprocinfo(index, 1, kSupportProc);
  return *reinterpret_cast<OpclassSupport*>(
      DatumGetPointer(FunctionCall1Coll(proc, InvalidOid, PointerGetDatum(nullptr))));
}

Element index_element(Relation index) { return opclass_support(index).element; }

Column index_column(Relation index) {
  const Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(index), 0);
  int32 typmod = attribute->atttypmod;
  getBaseTypeAndTypmod(attribute->atttypid, &typmod);  // of a domain
  if (typmod < 1) {
    const char* type = type_name(index_element(index));
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column does not have dimensions"),
             errhint("Declare the column as %s(n), or index the expression (column::%s(n)).", type,
                     type)));
  }
  const OpclassSupport support = opclass_support(index);
  return {support.metric, support.element, static_cast<uint32>(typmod)};
}

const Vector* column_vector(Element element, Datum value) {
  if (element == Element::float4) return datum_get<Vector>(value);
  HalfVector* halves = datum_get<HalfVector>(value);
  Vector* vector = new_dense<Vector>(halves->dim);
  half_to_float(&halves->x->bits, vector->x, static_cast<size_t>(halves->dim));
  if (PointerGetDatum(halves) != value) pfree(halves);
  return vector;
}

Datum column_value(Element element, const float* floats, int dims) {
  if (element == Element::float4) {
    Vector* vector = new_dense<Vector>(dims);
    memcpy(vector->x, floats, sizeof(float) * dims);
    return PointerGetDatum(vector);
  }
  HalfVector* halves = new_dense<HalfVector>(dims);
  float_to_half(floats, &halves->x->bits, static_cast<size_t>(dims));
  return PointerGetDatum(halves);
}

static bool is_zero(const Vector* vector) {
  for (int i = 0; i < vector->dim; i++) {
    if (vector->x[i] != 0) return false;
  }
  return true;
}

RowClass classify(Metric metric, const Vector* vector) {
  constexpr float kSmallest = 1e-30f, kLargest = 1e30f;
  const float norm_squared = avq::norm_squared(vector->x, vector->dim);
  if (norm_squared >= kSmallest && norm_squared <= kLargest) return RowClass::coded;
  if (!is_zero(vector)) return RowClass::uncodable;
  return metric == Metric::cosine ? RowClass::undefined : RowClass::coded;
}

bool orders_rows(Metric metric, const Vector* query) {
  return metric != Metric::cosine || !is_zero(query);
}

bool too_far(Metric metric, const Vector* query) {
  return metric == Metric::l2 && !std::isfinite(norm_squared(query->x, query->dim));
}

void comparable_vector(Metric metric, const float* mean, const float* in, uint32 dims, float* out) {
  if (metric == Metric::l2) {
    for (uint32 i = 0; i < dims; i++) out[i] = in[i] - mean[i];
    return;
  }
  if (metric != Metric::cosine) {
    memcpy(out, in, dims * sizeof(float));
    return;
  }
  double norm = 0;
  for (uint32 i = 0; i < dims; i++) norm += double(in[i]) * in[i];
  const double inverse = norm > 0 ? 1 / std::sqrt(norm) : 0;
  for (uint32 i = 0; i < dims; i++) out[i] = static_cast<float>(in[i] * inverse);
}

double exact_distance(Metric metric, const float* query, const float* row, uint32 dims) {
  switch (metric) {
    case Metric::inner_product:
      return inner_product_distance(query, row, static_cast<int>(dims));
    case Metric::cosine:
      return cosine_distance(query, row, static_cast<int>(dims));
    default:
      return l2_distance(query, row, static_cast<int>(dims));
  }
}

}  // namespace avq
