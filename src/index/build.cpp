// ambuild and ambuildempty.
#include "index/build.h"

#include "core/bfloat16.h"
#include "core/codec.h"
#include "index/am.h"
#include "bridge.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace avq {

namespace {

constexpr uint32 kMostBatchRows = 256;
constexpr Size kBatchBytes = 2 * 1024 * 1024;

void enter_phase(BuildPhase phase) {
  pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase);
}

// Rows on their way from the heap to the sort, a batch at a time: assignment to lists is a product
// of matrices.
struct Encoder {
  Build* build;
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

// Appends header and codes of an encoded row to the payload under construction.
char* append_code(Encoder* encoder, char* at, const float* prepared, uint32 list) {
  const Build* build = encoder->build;
  const EncodedRow encoded = encode(build->model, prepared, list, encoder->codes, encoder->scratch);
  const RowPayload header = {encoded.offset, float_to_bfloat16(encoded.scale), 0};
  memcpy(at, &header, sizeof(header));
  memcpy(at + sizeof(header), encoder->codes, build->model.shape.subspaces);
  return at + code_bytes(build);
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
    put_row(build->rows, encoder->slot, list, encoder->tids[i], encoder->payload);
    build->counts[list]++;
  }
  build->index_rows += encoder->count;
  encoder->count = 0;
}

void put_special(Encoder* encoder, uint32 which, ItemPointer tid) {
  Build* build = encoder->build;
  const uint32 list = special_list(build->meta, which);
  SET_VARSIZE(encoder->payload, VARHDRSZ);
  put_row(build->rows, encoder->slot, list, tid_to_int64(tid), encoder->payload);
  build->counts[list]++;
  build->index_rows++;
}

void encode_row(Relation, ItemPointer tid, Datum* values, bool* nulls, bool, void* state) {
  Encoder* encoder = static_cast<Encoder*>(state);
  Build* build = encoder->build;
  if (nulls[0]) {
    put_special(encoder, kNullList, tid);
    return;
  }
  MemoryContext caller = MemoryContextSwitchTo(encoder->row_context);
  const Vector* vector = datum_get_vector(values[0]);
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

// The mean of the sampled rows, zeros without any; the rows become differences from it.
float* center_sample(Build* build) {
  const uint32 dims = build->column.dims;
  double* sums = static_cast<double*>(palloc0(sizeof(double) * dims));
  float* mean = static_cast<float*>(palloc0(sizeof(float) * dims));
  for (Size row = 0; row < build->sampled; row++) {
    for (uint32 i = 0; i < dims; i++) sums[i] += build->sample[row * dims + i];
  }
  for (uint32 i = 0; i < dims && build->sampled > 0; i++) {
    mean[i] = static_cast<float>(sums[i] / static_cast<double>(build->sampled));
  }
  for (Size row = 0; row < build->sampled; row++) {
    for (uint32 i = 0; i < dims; i++) build->sample[row * dims + i] -= mean[i];
  }
  pfree(sums);
  return mean;
}

// Trains on the sample, or takes the data-independent model where there is too little to train on.
void make_model(Build* build, uint32 lists) {
  TrainingOptions training =
      training_options(build->options, build->column.metric, build->column.dims, lists);
  const bool trains = build->sampled >= kLeastTrainingRows;
  if (!trains) training.lists = 1;

  ModelShape room = {};  // of the largest model that training may return
  room.lists = training.lists;
  room.metric = training.metric;
  room.dims = training.dims;
  room.dims_per_subspace = training.dims_per_subspace != 0 ? training.dims_per_subspace
                                                           : auto_dims_per_subspace(training.dims);
  room.subspaces = (training.dims + room.dims_per_subspace - 1) / room.dims_per_subspace;
  float* floats = static_cast<float*>(
      MemoryContextAllocHuge(CurrentMemoryContext, stored_floats(room) * sizeof(float)));

  float* mean = training.metric == Metric::l2 ? center_sample(build) : nullptr;

  PhaseSeconds seconds = {};
  ModelShape shape = {};
  RecallModel recall = {};
  AVQ_CORE({
    const TrainedModel trained =
        trains ? train(training, build->sample, build->sampled, bridge::interrupt_pending)
               : untrained(training);
    shape = trained.shape;
    recall = trained.recall;
    seconds = trained.seconds;
    std::copy(trained.floats.begin(), trained.floats.end(), floats);
  });
  Assert(Model::float_count(shape) <= Model::float_count(room));
  build->times.lists = seconds.lists;
  build->times.codebooks = seconds.codebooks;
  build->times.calibration = seconds.calibration;

  MetaPage* meta = &build->meta;
  memset(meta, 0, sizeof(*meta));
  meta->generation = 1;
  meta->rerank = rerank_of(build->options, build->column.dims);
  meta->element = 1;
  meta->shape = shape;
  meta->recall = recall;
  build->model = Model::over(shape, floats);
  if (mean != nullptr) {
    build->mean = floats + Model::float_count(shape);
    memcpy(build->mean, mean, sizeof(float) * shape.dims);
  }
  build->geometry = list_geometry(*meta);
  build->counts = static_cast<uint32*>(palloc0(sizeof(uint32) * total_lists(*meta)));
  build->spill_counts = static_cast<uint32*>(palloc0(sizeof(uint32) * total_lists(*meta)));
}

void start_build(Build* build, Relation heap, Relation index, IndexInfo* info) {
  memset(build, 0, sizeof(*build));
  build->heap = heap;
  build->index = index;
  build->info = info;
  build->options = index_options(index);
  build->column = index_column(index);
}

void encode_rows(Build* build) {
  const ModelShape& shape = build->model.shape;
  Encoder encoder = {};
  encoder.build = build;
  const Size row_bytes = sizeof(float) * shape.padded_dims() + build->geometry.copies.bytes;
  encoder.batch_rows =
      static_cast<uint32>(Max(Size{8}, Min(Size{kMostBatchRows}, kBatchBytes / row_bytes)));
  encoder.prepared =
      static_cast<float*>(palloc(sizeof(float) * encoder.batch_rows * shape.padded_dims()));
  encoder.copies =
      static_cast<char*>(palloc(Max(encoder.batch_rows * build->geometry.copies.bytes, 1u)));
  encoder.comparable = static_cast<float*>(palloc(sizeof(float) * shape.dims));
  encoder.scratch = static_cast<float*>(palloc(sizeof(float) * encode_scratch_floats(shape)));
  encoder.spill_scratch = static_cast<float*>(palloc(sizeof(float) * spill_scratch_floats(shape)));
  encoder.codes = static_cast<uint8*>(palloc(shape.subspaces));
  encoder.payload = static_cast<bytea*>(palloc(payload_bytes(build)));
  encoder.row_context =
      AllocSetContextCreate(CurrentMemoryContext, "avq build row", ALLOCSET_DEFAULT_SIZES);
  TupleDesc descriptor = row_descriptor();
  encoder.slot = MakeSingleTupleTableSlot(descriptor, &TTSOpsVirtual);

  // The sample is gone by now; the model stays, and a spilling build sorts twice.
  const Size model_kb = Model::float_count(shape) * sizeof(float) / 1024;
  const int sort_kb =
      Max(256, maintenance_work_mem - static_cast<int>(Min(model_kb, Size{INT_MAX / 2})));
  build->spilling = shape.soar_lambda > 0 && shape.lists > 1;
  build->rows = begin_row_sort(descriptor, build->spilling ? sort_kb * 3 / 4 : sort_kb);
  if (build->spilling) build->spills = begin_row_sort(descriptor, sort_kb / 4);

  build->heap_rows = table_index_build_scan(build->heap, build->index, build->info, true, true,
                                            encode_row, &encoder, nullptr);
  flush_batch(&encoder);
  ExecDropSingleTupleTableSlot(encoder.slot);
  MemoryContextDelete(encoder.row_context);
}

}  // namespace

double lap(instr_time* start) {
  instr_time now;
  INSTR_TIME_SET_CURRENT(now);
  instr_time elapsed = now;
  INSTR_TIME_SUBTRACT(elapsed, *start);
  *start = now;
  return INSTR_TIME_GET_DOUBLE(elapsed);
}

IndexBuildResult* avq_build(Relation heap, Relation index, IndexInfo* info) {
  if (RelationGetNumberOfBlocks(index) != 0) {
    elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
  }
  MemoryContext context =
      AllocSetContextCreate(CurrentMemoryContext, "avq build", ALLOCSET_DEFAULT_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(context);
  instr_time clock;
  INSTR_TIME_SET_CURRENT(clock);

  Build build;
  start_build(&build, heap, index, info);
  uint32 lists;
  enter_phase(kPhaseSampling);
  draw_sample(&build, &lists);
  build.times.sampling = lap(&clock);

  enter_phase(kPhaseTraining);
  make_model(&build, lists);
  pfree(build.sample);
  lap(&clock);

  enter_phase(kPhaseEncoding);
  pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
                               static_cast<int64>(build.estimated_rows));
  encode_rows(&build);
  build.times.encoding = lap(&clock);

  enter_phase(kPhaseSorting);
  tuplesort_performsort(build.rows);
  build.times.sorting = lap(&clock);

  enter_phase(kPhaseWriting);
  pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
                               static_cast<int64>(build.index_rows));
  write_index(&build, MAIN_FORKNUM);
  tuplesort_end(build.rows);
  if (build.spills != nullptr) tuplesort_end(build.spills);
  build.times.writing = lap(&clock);

  ereport(DEBUG1,
          (errmsg_internal("avq build of \"%s\": %.0f rows, %u lists; seconds: sampling %.2f, "
                           "lists %.2f, codebooks %.2f, calibration %.2f, encoding %.2f, sorting "
                           "%.2f, writing %.2f",
                           RelationGetRelationName(index), build.index_rows,
                           build.model.shape.lists, build.times.sampling, build.times.lists,
                           build.times.codebooks, build.times.calibration, build.times.encoding,
                           build.times.sorting, build.times.writing)));

  IndexBuildResult* result =
      static_cast<IndexBuildResult*>(MemoryContextAlloc(caller, sizeof(IndexBuildResult)));
  result->heap_tuples = build.heap_rows;
  result->index_tuples = build.index_rows;
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(context);
  return result;
}

void avq_build_empty(Relation index) {
  MemoryContext context =
      AllocSetContextCreate(CurrentMemoryContext, "avq build", ALLOCSET_DEFAULT_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(context);
  Build build;
  start_build(&build, nullptr, index, nullptr);
  make_model(&build, 1);
  write_index(&build, INIT_FORKNUM);
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(context);
}

}  // namespace avq
