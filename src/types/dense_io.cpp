// Text and binary formats of vector and halfvec, and their type modifier.
#include "core/parse.h"
#include "types/bad_text.h"
#include "types/dense.h"
#include "types/entry.h"

namespace avq {
namespace {

template <class V>
Datum in(FunctionCallInfo fcinfo) {
  const char* text = PG_GETARG_CSTRING(0);
  const int32 typmod = PG_GETARG_INT32(2);

  // Parsed in place: the value is allocated for the most elements the text can hold.
  const int room = count_elements_at_most(text, V::kMaxDims);
  V* vector = new_dense<V>(room);
  float* floats = floats_to_fill(vector);
  const ParseResult result = parse_vector(text, floats, room, kOutOfRange<V>);
  if (result.status != ParseStatus::ok) {
    return report_bad_text(fcinfo, {kTypeName<V>, V::kMaxDims, "[", "closing right brace"}, text,
                           result);
  }
  if (typmod != -1 && typmod != result.dims) {
    AVQ_INPUT_ERROR((errcode(ERRCODE_DATA_EXCEPTION),
                     errmsg("expected %d dimensions, not %d", typmod, result.dims)));
  }

  vector->dim = static_cast<int16>(result.dims);
  SET_VARSIZE(vector, dense_size<V>(result.dims));
  store_floats(vector, floats);
  PG_RETURN_POINTER(vector);
}

// Halves are written with the digits of the float that equals them, as pgvector writes them.
template <class V>
Datum out(FunctionCallInfo fcinfo) {
  V* vector = datum_get<V>(PG_GETARG_DATUM(0));
  char* text = static_cast<char*>(palloc(formatted_vector_bytes(vector->dim)));
  const float* floats = floats_of(vector);
  format_vector(floats, vector->dim, text);
  free_floats(vector, floats);
  PG_FREE_IF_COPY(vector, 0);
  PG_RETURN_CSTRING(text);
}

void receive_element(StringInfo message, float* element) { *element = pq_getmsgfloat4(message); }
void receive_element(StringInfo message, Half* element) {
  element->bits = static_cast<uint16>(pq_getmsgint(message, sizeof(uint16)));
}
void send_element(StringInfo message, float element) { pq_sendfloat4(message, element); }
void send_element(StringInfo message, Half element) { pq_sendint16(message, element.bits); }

// int16 dimensions, int16 zero, then the elements, all in network order.
template <class V>
Datum recv(FunctionCallInfo fcinfo) {
  StringInfo message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
  const int32 typmod = PG_GETARG_INT32(2);

  const int16 dim = static_cast<int16>(pq_getmsgint(message, sizeof(int16)));
  const int16 unused = static_cast<int16>(pq_getmsgint(message, sizeof(int16)));
  check_dim<V>(dim);
  check_expected_dims(typmod, dim);
  if (unused != 0) {
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected unused to be 0, not %d", unused)));
  }

  V* vector = new_dense<V>(dim);
  for (int i = 0; i < dim; ++i) receive_element(message, &vector->x[i]);
  check_elements(vector);
  PG_RETURN_POINTER(vector);
}

template <class V>
Datum send(FunctionCallInfo fcinfo) {
  V* vector = datum_get<V>(PG_GETARG_DATUM(0));
  StringInfoData message;
  pq_begintypsend(&message);
  enlargeStringInfo(&message, static_cast<int>(dense_size<V>(vector->dim)));
  pq_sendint16(&message, static_cast<uint16>(vector->dim));
  pq_sendint16(&message, static_cast<uint16>(vector->unused));
  for (int i = 0; i < vector->dim; ++i) send_element(&message, vector->x[i]);
  PG_FREE_IF_COPY(vector, 0);
  PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

template <class V>
Datum typmod_in(FunctionCallInfo fcinfo) {
  PG_RETURN_INT32(read_typmod(PG_GETARG_ARRAYTYPE_P(0), kTypeName<V>, V::kMaxDims));
}

}  // namespace

int32 read_typmod(ArrayType* modifiers, const char* type, int most) {
  int count;
  const int32* typmods = ArrayGetIntegerTypmods(modifiers, &count);
  if (count != 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier")));
  }
  if (typmods[0] < 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("dimensions for type %s must be at least 1", type)));
  }
  if (typmods[0] > most) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("dimensions for type %s cannot exceed %d", type, most)));
  }
  return typmods[0];
}

AVQ_DENSE_FUNCTION(in, in)
AVQ_DENSE_FUNCTION(out, out)
AVQ_DENSE_FUNCTION(recv, recv)
AVQ_DENSE_FUNCTION(send, send)
AVQ_DENSE_FUNCTION(typmod_in, typmod_in)

}  // namespace avq
