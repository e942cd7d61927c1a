// The scan of the table in CREATE INDEX: each row is assigned to a list, encoded, and put into a
// sort. One process does it alone, or several with one scan between them (build_parallel.cpp).
#include "core/bfloat16.h"
#include "core/codec.h"
#include "index/am.h"
#include "index/build.h"

namespace avq {

namespace {

constexpr uint32 kMostBatchRows = 256;
constexpr Size kBatchBytes = 2 * 1024 * 1024;

// Rows on their way from the heap to the sort, a batch at a time: assignment to lists is a product
// of matrices.
struct Encoder {
  Build* build;
  Tuplesortstate* sort;
  pg_atomic_uint64* encoded;
  bool reports;
  uint32 batch_rows;
  uint32 count;
  float* prepared;  // batch_rows x padded_dims
  char* copies;     // batch_rows x record
  int64 tids[kMostBatchRows];
  uint32 lists[kMostBatchRows];
  uint32 seconds[kMostBatchRows];  // SOAR
  float* spill_scratch;
  float* comparable;
  float* scratch;
  uint8* codes;
  bytea* payload;
  TupleTableSlot* slot;
  MemoryContext row_context;
};

Size code_bytes(const Build* build) { return sizeof(RowPayload) + build->model.shape.subspaces; }

Size payload_bytes(const Build* build) {
  return VARHDRSZ + 2 * code_bytes(build) + build->geometry.copies.bytes + sizeof(uint32);
}

Size batch_row_bytes(const Build* build) {
  return sizeof(float) * build->model.shape.padded_dims() + build->geometry.copies.bytes;
}

uint32 batch_rows(const Build* build) {
  return static_cast<uint32>(
      Max(Size{8}, Min(Size{kMostBatchRows}, kBatchBytes / batch_row_bytes(build))));
}

// Appends header and codes of an encoded row to the payload under construction.
char* append_code(Encoder* encoder, char* at, const float* prepared, uint32 list) {
  const Build* build = encoder->build;
  const EncodedRow encoded = encode(build->model, prepared, list, encoder->codes, encoder->scratch);
  const RowPayload header = {encoded.offset, float_to_bfloat16(encoded.scale), 0};
  memcpy(at, &header, sizeof(header));
  memcpy(at + sizeof(header), encoder->codes, build->model.shape.subspaces);
  return at + code_bytes(build);
}

void count_rows(Encoder* encoder, uint32 rows) {
  encoder->build->index_rows += rows;
  const uint64 before = pg_atomic_fetch_add_u64(encoder->encoded, rows);
  if (encoder->reports) {
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, static_cast<int64>(before + rows));
  }
}

void flush_batch(Encoder* encoder) {
  Build* build = encoder->build;
  const Model& model = build->model;
  const uint32 copy_bytes = build->geometry.copies.bytes;
  assign_lists(model, encoder->prepared, encoder->count, encoder->lists);
  if (build->spilling) {
    spill_lists(model, encoder->prepared, encoder->count, encoder->lists, encoder->seconds,
                encoder->spill_scratch);
  }
  for (uint32 i = 0; i < encoder->count; i++) {
    const float* row = encoder->prepared + Size{i} * model.shape.padded_dims();
    const uint32 list = encoder->lists[i];
    char* at = append_code(encoder, VARDATA(encoder->payload), row, list);
    memcpy(at, encoder->copies + Size{i} * copy_bytes, copy_bytes);
    at += copy_bytes;
    if (build->spilling) {
      const uint32 second = encoder->seconds[i];
      memcpy(at, &second, sizeof(second));
      at += sizeof(second);
      if (second != list) {
        at = append_code(encoder, at, row, second);
        build->spill_counts[second]++;
      }
    }
    SET_VARSIZE(encoder->payload, at - reinterpret_cast<char*>(encoder->payload));
    put_row(encoder->sort, encoder->slot, list, encoder->tids[i], encoder->payload);
    build->counts[list]++;
  }
  count_rows(encoder, encoder->count);
  encoder->count = 0;
}

void put_special(Encoder* encoder, uint32 which, ItemPointer tid) {
  Build* build = encoder->build;
  const uint32 list = special_list(build->meta, which);
  SET_VARSIZE(encoder->payload, VARHDRSZ);
  put_row(encoder->sort, encoder->slot, list, tid_to_int64(tid), encoder->payload);
  build->counts[list]++;
  count_rows(encoder, 1);
}

void encode_row(Relation, ItemPointer tid, Datum* values, bool* nulls, bool, void* state) {
  Encoder* encoder = static_cast<Encoder*>(state);
  Build* build = encoder->build;
  if (nulls[0]) {
    put_special(encoder, kNullList, tid);
    return;
  }
  MemoryContext caller = MemoryContextSwitchTo(encoder->row_context);
  const Vector* vector = column_vector(build->column.element, values[0]);
  check_expected_dims(static_cast<int32>(build->column.dims), vector->dim);
  const RowClass row_class = classify(build->column.metric, vector);
  if (row_class == RowClass::coded) {
    const uint32 i = encoder->count++;
    const ModelShape& shape = build->model.shape;
    encoder->tids[i] = tid_to_int64(tid);
    comparable_vector(shape.metric, build->mean, vector->x, shape.dims, encoder->comparable);
    prepare(shape, encoder->comparable, encoder->prepared + Size{i} * shape.padded_dims());
    if (build->geometry.copies.bytes > 0) {
      make_copy(build->meta.rerank, encoder->comparable, shape.dims,
                encoder->copies + Size{i} * build->geometry.copies.bytes);
    }
    if (encoder->count == encoder->batch_rows) flush_batch(encoder);
  } else {
    put_special(encoder, row_class == RowClass::uncodable ? kUncodableList : kUndefinedList, tid);
  }
  MemoryContextSwitchTo(caller);
  MemoryContextReset(encoder->row_context);
}

}  // namespace

Size encoder_bytes(const Build* build) {
  const ModelShape& shape = build->model.shape;
  return batch_rows(build) * batch_row_bytes(build) + sizeof(Encoder) + payload_bytes(build) +
         sizeof(float) * (shape.dims + encode_scratch_floats(shape) + kSpillScratchFloats) +
         shape.subspaces;
}

void encode_rows(Build* build, Tuplesortstate* sort, TableScanDesc scan, pg_atomic_uint64* encoded,
                 bool reports) {
  const ModelShape& shape = build->model.shape;
  Encoder encoder = {};
  encoder.build = build;
  encoder.sort = sort;
  encoder.encoded = encoded;
  encoder.reports = reports;
  encoder.batch_rows = batch_rows(build);
  encoder.prepared =
      static_cast<float*>(palloc(sizeof(float) * encoder.batch_rows * shape.padded_dims()));
  encoder.copies =
      static_cast<char*>(palloc(Max(encoder.batch_rows * build->geometry.copies.bytes, 1u)));
  encoder.comparable = static_cast<float*>(palloc(sizeof(float) * shape.dims));
  encoder.scratch = static_cast<float*>(palloc(sizeof(float) * encode_scratch_floats(shape)));
  encoder.spill_scratch = static_cast<float*>(palloc(sizeof(float) * kSpillScratchFloats));
  encoder.codes = static_cast<uint8*>(palloc(shape.subspaces));
  encoder.payload = static_cast<bytea*>(palloc(payload_bytes(build)));
  encoder.row_context =
      AllocSetContextCreate(CurrentMemoryContext, "avq build row", ALLOCSET_DEFAULT_SIZES);
  encoder.slot = MakeSingleTupleTableSlot(row_descriptor(), &TTSOpsVirtual);

  build->heap_rows = table_index_build_scan(build->heap, build->index, build->info, true, reports,
                                            encode_row, &encoder, scan);
  flush_batch(&encoder);
  ExecDropSingleTupleTableSlot(encoder.slot);
  MemoryContextDelete(encoder.row_context);
  pfree(encoder.prepared);
  pfree(encoder.copies);
}

}  // namespace avq
