// SQL functions behind the view pg_stat_avq_indexes, and the sizes of an index's lists.
#include "index/am.h"
#include "index/result_row.h"
#include "index/usage.h"
#include "storage/slots.h"

using namespace avq;

extern "C" {
PG_FUNCTION_INFO_V1(avq_list_stats);
PG_FUNCTION_INFO_V1(avq_index_usage);
PG_FUNCTION_INFO_V1(avq_reset_usage);
}

// A row a list: number, rows, second codes, free slots, pages, as of the last build or VACUUM.
Datum avq_list_stats(PG_FUNCTION_ARGS) {
  ReturnSetInfo* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
  InitMaterializedSRF(fcinfo, 0);
  Relation index = open_index_to_tell(fcinfo);
  if (index == nullptr) return static_cast<Datum>(0);
  IndexFile file = open_file(index);
  MetaPage meta;
  read_meta(file, &meta);
  for (uint32 list = 0; list < meta.shape.lists; list++) {
    CHECK_FOR_INTERRUPTS();
    ListEntry entry;
    read_entry(file, meta, list, &entry);
    Datum values[] = {Int32GetDatum(static_cast<int32>(list)), Int64GetDatum(entry.live),
                      Int64GetDatum(entry.spilled), Int64GetDatum(entry.dead),
                      Int64GetDatum(entry.pages)};
    bool nulls[lengthof(values)] = {};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  }
  index_close(index, AccessShareLock);
  return static_cast<Datum>(0);
}

Datum avq_index_usage(PG_FUNCTION_ARGS) {
  RowBuilder row;
  begin_row(&row, fcinfo);
  uint64 counts[kUsageCounters];
  const bool known = read_usage(PG_GETARG_OID(0), counts);
  for (const uint64 count : counts) {
    if (known) {
      row.int8(static_cast<int64>(count));
    } else {
      row.null();
    }
  }
  return finish_row(&row);
}

Datum avq_reset_usage(PG_FUNCTION_ARGS) {
  reset_usage();
  PG_RETURN_VOID();
}
