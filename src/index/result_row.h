#pragma once
// The row that a SQL function of several OUT parameters returns, a column at a time.
#include "compat.h"

extern "C" {
#include "access/htup_details.h"
}

namespace avq {

struct RowBuilder {
  TupleDesc descriptor;
  Datum values[40];
  bool nulls[40];
  int count;

  void add(Datum value) {
    nulls[count] = false;
    values[count++] = value;
  }
  void null() { nulls[count++] = true; }
  void text(const char* value) { add(CStringGetTextDatum(value)); }
  void int4(int64 value) { add(Int32GetDatum(static_cast<int32>(value))); }
  void int8(int64 value) { add(Int64GetDatum(value)); }
  void real(double value) { add(Float4GetDatum(static_cast<float>(value))); }
  void boolean(bool value) { add(BoolGetDatum(value)); }
};

inline void begin_row(RowBuilder* row, FunctionCallInfo fcinfo) {
  memset(row, 0, sizeof(*row));
  if (get_call_result_type(fcinfo, nullptr, &row->descriptor) != TYPEFUNC_COMPOSITE) {
    elog(ERROR, "return type must be a row type");
  }
}

inline Datum finish_row(RowBuilder* row) {
  if (row->count != row->descriptor->natts) {
    elog(ERROR, "function returns %d columns, %d are declared", row->count, row->descriptor->natts);
  }
  return HeapTupleGetDatum(heap_form_tuple(row->descriptor, row->values, row->nulls));
}

}  // namespace avq
