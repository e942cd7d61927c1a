// sparsevec: text and binary formats, type modifier, casts.
#include "types/sparse.h"

#include <algorithm>

#include "core/parse.h"
#include "types/bad_text.h"
#include "types/entry.h"
#include "types/number_array.h"

namespace avq {
namespace {

template <class V>
Datum from_dense(FunctionCallInfo fcinfo) {
  const V* vector = datum_get<V>(PG_GETARG_DATUM(0));
  check_expected_dims(PG_GETARG_INT32(1), vector->dim);
  PG_RETURN_POINTER(sparse_from_floats(floats_of(vector), vector->dim));
}

template <class V>
Datum to_dense(FunctionCallInfo fcinfo) {
  const SparseVector* sparse = datum_get_sparse(PG_GETARG_DATUM(0));
  check_dim<V>(sparse->dim);
  check_expected_dims(PG_GETARG_INT32(1), sparse->dim);
  V* vector = new_dense<V>(sparse->dim);
  float* floats = floats_to_fill(vector);
  for (int i = 0; i < sparse->nnz; ++i) {
    check_position(sparse, i);  // of a damaged value
    floats[sparse->indices[i]] = sparse->values()[i];
  }
  store_checked(vector, floats);
  PG_RETURN_POINTER(vector);
}

}  // namespace

SparseVector* new_sparse(int dim, int nnz) {
  const size_t size = offsetof(SparseVector, indices) + (sizeof(int32) + sizeof(float)) * nnz;
  SparseVector* vector = static_cast<SparseVector*>(palloc0(size));
  SET_VARSIZE(vector, size);
  vector->dim = dim;
  vector->nnz = nnz;
  return vector;
}

void check_element_count(int nnz, int dim) {
  if (nnz < 0) {
    ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                    errmsg("sparsevec cannot have negative number of elements")));
  }
  if (nnz > SparseVector::kMaxElements) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("sparsevec cannot have more than %d non-zero elements",
                           SparseVector::kMaxElements)));
  }
  if (nnz > dim) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("sparsevec cannot have more elements than dimensions")));
  }
}

const char* position_fault(const SparseVector* vector, int i) {
  const int32 position = vector->indices[i];
  if (position < 0 || position >= vector->dim) return "sparsevec index out of bounds";
  if (i == 0 || position > vector->indices[i - 1]) return nullptr;
  return position == vector->indices[i - 1] ? "sparsevec indices must not contain duplicates"
                                            : "sparsevec indices must be in ascending order";
}

void check_position(const SparseVector* vector, int i) {
  const char* fault = position_fault(vector, i);
  if (fault != nullptr) ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s", fault)));
}

SparseVector* sparse_from_floats(const float* floats, int dim) {
  int nnz = 0;
  for (int i = 0; i < dim; ++i) nnz += floats[i] != 0;
  check_element_count(nnz, dim);
  SparseVector* sparse = new_sparse(dim, nnz);
  float* values = sparse->values();
  for (int i = 0, at = 0; i < dim; ++i) {
    if (floats[i] == 0) continue;
    check_element(kTypeName<SparseVector>, floats[i]);
    sparse->indices[at] = i;
    values[at++] = floats[i];
  }
  return sparse;
}

AVQ_FUNCTION(avq_sparsevec_in) {
  const char* text = PG_GETARG_CSTRING(0);
  const int32 typmod = PG_GETARG_INT32(2);

  const int room = count_elements_at_most(text, SparseVector::kMaxElements + 1);
  if (room > SparseVector::kMaxElements) {
    AVQ_INPUT_ERROR((errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                     errmsg("sparsevec cannot have more than %d non-zero elements",
                            SparseVector::kMaxElements)));
  }
  SparseElement* elements = static_cast<SparseElement*>(palloc(sizeof(SparseElement) * room));
  int count;
  const ParseResult result = parse_sparse(text, elements, &count);
  if (result.status != ParseStatus::ok) {
    return report_bad_text(
        fcinfo, {kTypeName<SparseVector>, SparseVector::kMaxDims, "{", "closing"}, text, result);
  }
  if (result.dims < 1) {
    AVQ_INPUT_ERROR(
        (errcode(ERRCODE_DATA_EXCEPTION), errmsg("sparsevec must have at least 1 dimension")));
  }
  if (result.dims > SparseVector::kMaxDims) {
    AVQ_INPUT_ERROR(
        (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
         errmsg("sparsevec cannot have more than %d dimensions", SparseVector::kMaxDims)));
  }
  if (typmod != -1 && typmod != result.dims) {
    AVQ_INPUT_ERROR((errcode(ERRCODE_DATA_EXCEPTION),
                     errmsg("expected %d dimensions, not %d", typmod, result.dims)));
  }

  std::sort(elements, elements + count,
            [](const SparseElement& a, const SparseElement& b) { return a.index < b.index; });
  SparseVector* vector = new_sparse(result.dims, count);
  float* values = vector->values();
  for (int i = 0; i < count; ++i) {
    vector->indices[i] = elements[i].index;
    values[i] = elements[i].value;
    const char* fault = position_fault(vector, i);
    if (fault != nullptr) {
      AVQ_INPUT_ERROR((errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s", fault)));
    }
  }
  pfree(elements);
  PG_RETURN_POINTER(vector);
}

AVQ_FUNCTION(avq_sparsevec_out) {
  SparseVector* vector = datum_get_sparse(PG_GETARG_DATUM(0));
  constexpr size_t kIntBytes = 11;
  char* text = static_cast<char*>(
      palloc((kIntBytes + 2 + kMaxFloatBytes) * vector->nnz + kIntBytes + sizeof("{}/")));
  char* at = text;
  *at++ = '{';
  for (int i = 0; i < vector->nnz; ++i) {
    if (i > 0) *at++ = ',';
    at += pg_ltoa(vector->indices[i] + 1, at);
    *at++ = ':';
    at = format_float(vector->values()[i], at);
  }
  *at++ = '}';
  *at++ = '/';
  pg_ltoa(vector->dim, at);
  PG_FREE_IF_COPY(vector, 0);
  PG_RETURN_CSTRING(text);
}

// int32 dimensions, number of elements and zero, the positions from 0 on, then the float4 values,
// all in network order.
AVQ_FUNCTION(avq_sparsevec_recv) {
  StringInfo message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
  const int32 typmod = PG_GETARG_INT32(2);
  const int32 dim = static_cast<int32>(pq_getmsgint(message, sizeof(int32)));
  const int32 nnz = static_cast<int32>(pq_getmsgint(message, sizeof(int32)));
  const int32 unused = static_cast<int32>(pq_getmsgint(message, sizeof(int32)));
  check_dim(kTypeName<SparseVector>, dim, SparseVector::kMaxDims);
  check_element_count(nnz, dim);
  check_expected_dims(typmod, dim);
  if (unused != 0) {
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected unused to be 0, not %d", unused)));
  }

  SparseVector* vector = new_sparse(dim, nnz);
  for (int i = 0; i < nnz; ++i) {
    vector->indices[i] = static_cast<int32>(pq_getmsgint(message, sizeof(int32)));
    check_position(vector, i);
  }
  for (int i = 0; i < nnz; ++i) {
    const float value = pq_getmsgfloat4(message);
    check_element(kTypeName<SparseVector>, value);
    if (value == 0) {
      ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                      errmsg("binary representation of sparsevec cannot contain zero values")));
    }
    vector->values()[i] = value;
  }
  PG_RETURN_POINTER(vector);
}

AVQ_FUNCTION(avq_sparsevec_send) {
  SparseVector* vector = datum_get_sparse(PG_GETARG_DATUM(0));
  StringInfoData message;
  pq_begintypsend(&message);
  pq_sendint32(&message, static_cast<uint32>(vector->dim));
  pq_sendint32(&message, static_cast<uint32>(vector->nnz));
  pq_sendint32(&message, static_cast<uint32>(vector->unused));
  for (int i = 0; i < vector->nnz; ++i) {
    pq_sendint32(&message, static_cast<uint32>(vector->indices[i]));
  }
  for (int i = 0; i < vector->nnz; ++i) pq_sendfloat4(&message, vector->values()[i]);
  PG_FREE_IF_COPY(vector, 0);
  PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

AVQ_FUNCTION(avq_sparsevec_typmod_in) {
  PG_RETURN_INT32(
      read_typmod(PG_GETARG_ARRAYTYPE_P(0), kTypeName<SparseVector>, SparseVector::kMaxDims));
}

// To sparsevec(n): only a check.
AVQ_FUNCTION(avq_sparsevec_check) {
  SparseVector* vector = datum_get_sparse(PG_GETARG_DATUM(0));
  check_expected_dims(PG_GETARG_INT32(1), vector->dim);
  PG_RETURN_POINTER(vector);
}

AVQ_FUNCTION(avq_sparsevec_from_array) {
  ArrayType* array = PG_GETARG_ARRAYTYPE_P(0);
  refuse_matrix_and_nulls(array);
  const int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
  check_dim(kTypeName<SparseVector>, count, SparseVector::kMaxDims);
  check_expected_dims(PG_GETARG_INT32(1), count);
  PG_RETURN_POINTER(sparse_from_floats(read_numbers(array), count));
}

AVQ_FUNCTION(avq_vector_to_sparsevec) { return from_dense<Vector>(fcinfo); }
AVQ_FUNCTION(avq_halfvec_to_sparsevec) { return from_dense<HalfVector>(fcinfo); }
AVQ_FUNCTION(avq_sparsevec_to_vector) { return to_dense<Vector>(fcinfo); }
AVQ_FUNCTION(avq_sparsevec_to_halfvec) { return to_dense<HalfVector>(fcinfo); }

}  // namespace avq
