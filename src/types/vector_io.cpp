// Text and binary format of vector, and its type modifier.
#include "core/parse.h"
#include "types/entry.h"
#include "types/vector.h"

namespace avq {

namespace {

Datum report_bad_text(FunctionCallInfo fcinfo, const char* text, const ParseResult& result) {
  switch (result.status) {
    case ParseStatus::ok:
    case ParseStatus::syntax:
      break;
    case ParseStatus::no_opening:
      AVQ_INPUT_ERROR((errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                       errmsg("invalid input syntax for type vector: \"%s\"", text),
                       errdetail("Vector contents must start with \"[\".")));
      break;
    case ParseStatus::trailing_junk:
      AVQ_INPUT_ERROR((errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                       errmsg("invalid input syntax for type vector: \"%s\"", text),
                       errdetail("Junk after closing right brace.")));
      break;
    case ParseStatus::empty:
      AVQ_INPUT_ERROR(
          (errcode(ERRCODE_DATA_EXCEPTION), errmsg("vector must have at least 1 dimension")));
      break;
    case ParseStatus::too_many:
      AVQ_INPUT_ERROR((errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                       errmsg("vector cannot have more than %d dimensions", Vector::kMaxDims)));
      break;
    case ParseStatus::not_a_number:
      AVQ_INPUT_ERROR((errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in vector")));
      break;
    case ParseStatus::infinite:
      AVQ_INPUT_ERROR(
          (errcode(ERRCODE_DATA_EXCEPTION), errmsg("infinite value not allowed in vector")));
      break;
    case ParseStatus::out_of_range:
      AVQ_INPUT_ERROR((errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                       errmsg("\"%s\" is out of range for type vector",
                              pnstrdup(result.token, result.token_bytes))));
      break;
  }
  AVQ_INPUT_ERROR((errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                   errmsg("invalid input syntax for type vector: \"%s\"", text)));
  return static_cast<Datum>(0);
}

}  // namespace

AVQ_FUNCTION(avq_vector_in) {
  const char* text = PG_GETARG_CSTRING(0);
  int32 typmod = PG_GETARG_INT32(2);

  // Parsed in place: the value is allocated for the most elements the text can hold.
  int room = count_elements_at_most(text, Vector::kMaxDims);
  Vector* vector = new_vector(room);
  ParseResult result = parse_vector(text, vector->x, room);
  if (result.status != ParseStatus::ok) return report_bad_text(fcinfo, text, result);
  if (typmod != -1 && typmod != result.dims) {
    AVQ_INPUT_ERROR((errcode(ERRCODE_DATA_EXCEPTION),
                     errmsg("expected %d dimensions, not %d", typmod, result.dims)));
  }

  vector->dim = static_cast<int16>(result.dims);
  SET_VARSIZE(vector, vector_size(result.dims));
  PG_RETURN_POINTER(vector);
}

AVQ_FUNCTION(avq_vector_out) {
  Vector* vector = datum_get_vector(PG_GETARG_DATUM(0));
  char* text = static_cast<char*>(palloc(formatted_vector_bytes(vector->dim)));
  format_vector(vector->x, vector->dim, text);
  PG_FREE_IF_COPY(vector, 0);
  PG_RETURN_CSTRING(text);
}

// int16 dimensions, int16 zero, then the float4 elements, all in network order.
AVQ_FUNCTION(avq_vector_recv) {
  StringInfo message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
  int32 typmod = PG_GETARG_INT32(2);

  int16 dim = static_cast<int16>(pq_getmsgint(message, sizeof(int16)));
  int16 unused = static_cast<int16>(pq_getmsgint(message, sizeof(int16)));
  check_dim(dim);
  check_expected_dims(typmod, dim);
  if (unused != 0) {
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected unused to be 0, not %d", unused)));
  }

  Vector* vector = new_vector(dim);
  for (int i = 0; i < dim; ++i) {
    vector->x[i] = pq_getmsgfloat4(message);
    check_element(vector->x[i]);
  }
  PG_RETURN_POINTER(vector);
}

AVQ_FUNCTION(avq_vector_send) {
  Vector* vector = datum_get_vector(PG_GETARG_DATUM(0));
  StringInfoData message;
  pq_begintypsend(&message);
  enlargeStringInfo(&message, static_cast<int>(vector_size(vector->dim)));
  pq_sendint16(&message, static_cast<uint16>(vector->dim));
  pq_sendint16(&message, static_cast<uint16>(vector->unused));
  for (int i = 0; i < vector->dim; ++i) pq_sendfloat4(&message, vector->x[i]);
  PG_FREE_IF_COPY(vector, 0);
  PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

AVQ_FUNCTION(avq_vector_typmod_in) {
  int count;
  int32* typmods = ArrayGetIntegerTypmods(PG_GETARG_ARRAYTYPE_P(0), &count);
  if (count != 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid type modifier")));
  }
  if (typmods[0] < 1) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("dimensions for type vector must be at least 1")));
  }
  if (typmods[0] > Vector::kMaxDims) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("dimensions for type vector cannot exceed %d", Vector::kMaxDims)));
  }
  PG_RETURN_INT32(typmods[0]);
}

}  // namespace avq
