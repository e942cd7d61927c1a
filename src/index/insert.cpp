// aminsert: one row into its list (and, with SOAR, its code into a second one).
#include "core/bfloat16.h"
#include "core/codec.h"
#include "index/am.h"
#include "index/column.h"
#include "index/model_cache.h"

namespace avq {

namespace {

NewRow row_at(ItemPointer tid) {
  NewRow row = {};
  row.tid = *tid;
  return row;
}

void insert_coded(IndexFile& file, CachedIndex* cached, const Vector* vector, ItemPointer tid) {
  const ModelShape& shape = cached->model.shape;
  const uint32 padded = shape.padded_dims();
  float* prepared = static_cast<float*>(palloc(sizeof(float) * padded));
  float* scratch = static_cast<float*>(palloc(sizeof(float) * encode_scratch_floats(shape)));
  uint8* codes = static_cast<uint8*>(palloc(shape.subspaces));
  char* record = nullptr;

  float* comparable = static_cast<float*>(palloc(sizeof(float) * shape.dims));
  comparable_vector(shape.metric, cached->mean, vector->x, shape.dims, comparable);
  prepare(shape, comparable, prepared);
  uint32 list;
  assign_lists(cached->model, prepared, 1, &list);
  const EncodedRow encoded = encode(cached->model, prepared, list, codes, scratch);

  if (cached->geometry.copies.bytes > 0) {
    record = static_cast<char*>(palloc(cached->geometry.copies.bytes));
    make_copy(cached->meta.rerank, comparable, shape.dims, record);
  }

  NewRow row = row_at(tid);
  row.codes = codes;
  row.scale = float_to_bfloat16(encoded.scale);
  row.offset = encoded.offset;
  row.copy_record = record;
  const uint32 address = store_row(file, &cached->meta, cached->geometry, list, row);

  if (shape.soar_lambda > 0 && shape.lists > 1) {
    uint32 second;
    float* spill_scratch = static_cast<float*>(palloc(sizeof(float) * kSpillScratchFloats));
    spill_lists(cached->model, prepared, 1, &list, &second, spill_scratch);
    if (second == list) return;
    AVQ_STOP_POINT("insert_between_codes");
    const EncodedRow again = encode(cached->model, prepared, second, codes, scratch);
    row.scale = float_to_bfloat16(again.scale);
    row.offset = again.offset;
    row.copy_record = nullptr;
    row.borrowed_copy = address;
    row.spilled = true;
    store_row(file, &cached->meta, cached->geometry, second, row);
  }
}

void insert_row(Relation index, const Vector* vector, ItemPointer tid) {
  IndexFile file = open_file(index);
  CachedIndex* cached = acquire_cached(file);
  const ModelShape& shape = cached->model.shape;
  uint32 special = kNullList;
  if (vector != nullptr) {
    check_expected_dims(static_cast<int32>(shape.dims), vector->dim);
    switch (classify(shape.metric, vector)) {
      case RowClass::coded:
        insert_coded(file, cached, vector, tid);
        return;
      case RowClass::uncodable:
        special = kUncodableList;
        break;
      default:
        special = kUndefinedList;
    }
  }
  store_row(file, &cached->meta, cached->geometry, special_list(cached->meta, special),
            row_at(tid));
}

}  // namespace

bool avq_insert(Relation index, Datum* values, bool* nulls, ItemPointer tid, Relation,
                IndexUniqueCheck, bool, IndexInfo*) {
  MemoryContext context =
      AllocSetContextCreate(CurrentMemoryContext, "avq insert", ALLOCSET_DEFAULT_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(context);
  const Vector* vector = nulls[0] ? nullptr : column_vector(index_element(index), values[0]);
  lock_generation(index, ShareLock);
  insert_row(index, vector, tid);
  unlock_generation(index, ShareLock);
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(context);
  return false;
}

}  // namespace avq
