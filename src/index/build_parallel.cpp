// CREATE INDEX by several processes. While the leader trains, the workers help it to assign rows of
// the sample to centres (core/team.h). Then the model goes to shared memory, and all of them, the
// leader too, take blocks of the table in turn, encode their rows and sort them. The leader merges
// what they sorted (tuplesort's own protocol) and writes the pages.
//
// The index does not depend on who did what: an assignment is the same wherever it is computed, and
// the sort's key, (list, TID), is unique.
#include <sys/statvfs.h>

#include "core/team.h"
#include "index/build.h"

extern "C" {
#include "access/parallel.h"
#include "executor/instrument.h"
#include "storage/condition_variable.h"
#include "storage/dsm_impl.h"
#include "storage/latch.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/wait_event.h"

PGDLLEXPORT void avq_build_worker(dsm_segment* segment, shm_toc* toc);
}

namespace avq {

namespace {

enum SharedKey : uint64 {
  kKeyShared = UINT64CONST(0xA200000000000001),
  kKeyScan,
  kKeySort,
  kKeyModel,
  kKeyCounts,
  kKeyBufferUsage,
  kKeyWalUsage,
  kKeyQuery,
};

}  // namespace

// In shared memory.
struct SharedBuild {
  Oid heap;
  Oid index;
  bool concurrent;
  // A segment of its own, which goes when training ends; 0: the leader trains alone.
  dsm_handle team;

  ConditionVariable model_made;

  pg_atomic_uint64 encoded;  // rows so far, of all participants
  pg_atomic_uint64 sorted;
  pg_atomic_uint32 scanned;  // participants that have encoded all their rows

  ConditionVariable finished;
  slock_t mutex;  // guards what follows
  bool trained;   // then meta, sort_kb and the model are set
  MetaPage meta;
  int sort_kb;  // of each participant
  int done;     // participants whose sorted rows are ready to be merged
  double heap_rows;
  double index_rows;
  bool broken_hot_chain;
};

// In the leader.
struct ParallelBuild {
  ParallelContext* context;
  Snapshot snapshot;
  SharedBuild* shared;
  ParallelTableScanDesc scan;
  Sharedsort* sort;
  float* model;
  dsm_segment* team_segment;  // or null
  pg_atomic_uint32* counts;   // rows of each list, then second codes of each list
  BufferUsage* buffer_usage;
  WalUsage* wal_usage;
  int participants;
};

namespace {

ModelShape room_for_model(const Build* build) {
  return largest_model(planned_training(build->options, build->column, build->plan));
}

Size model_bytes(const ModelShape& shape) { return stored_floats(shape) * sizeof(float); }

Size counts_room(const ModelShape& shape) { return 2 * (Size{shape.lists} + kSpecialLists); }

void add_chunk(ParallelContext* context, Size bytes) {
  shm_toc_estimate_chunk(&context->estimator, bytes);
  shm_toc_estimate_keys(&context->estimator, 1);
}

void* make_chunk(ParallelContext* context, SharedKey key, Size bytes) {
  void* chunk = shm_toc_allocate(context->toc, bytes);
  shm_toc_insert(context->toc, key, chunk);
  return chunk;
}

// A participant's share: encodes, sorts, and adds its counts to the shared ones.
void take_part(Build* build, SharedBuild* shared, ParallelTableScanDesc scan, Sharedsort* sort,
               pg_atomic_uint32* counts, bool reports) {
  SortCoordinateData coordinate = {};
  coordinate.isWorker = true;
  coordinate.nParticipants = -1;
  coordinate.sharedsort = sort;
  Tuplesortstate* rows = begin_row_sort(row_descriptor(), shared->sort_kb, &coordinate);
  encode_rows(build, rows, table_beginscan_parallel(build->heap, scan), &shared->encoded, reports);
  pg_atomic_fetch_add_u32(&shared->scanned, 1);
  tuplesort_performsort(rows);
  pg_atomic_fetch_add_u64(&shared->sorted, static_cast<int64>(build->index_rows));

  const uint32 lists = total_lists(build->meta);
  for (uint32 list = 0; list < lists; list++) {
    pg_atomic_fetch_add_u32(&counts[list], static_cast<int32>(build->counts[list]));
    pg_atomic_fetch_add_u32(&counts[lists + list], static_cast<int32>(build->spill_counts[list]));
  }
  SpinLockAcquire(&shared->mutex);
  shared->done++;
  shared->heap_rows += build->heap_rows;
  shared->index_rows += build->index_rows;
  shared->broken_hot_chain = shared->broken_hot_chain || build->info->ii_BrokenHotChain;
  SpinLockRelease(&shared->mutex);
  ConditionVariableSignal(&shared->finished);
  tuplesort_end(rows);
}

// Where /dev/shm is small, as it often is in a container, running out of it would be an error, and
// going on with less help is only slower.
bool segment_fits(Size bytes) {
  struct statvfs shm;
  if (dynamic_shared_memory_type != DSM_IMPL_POSIX || statvfs("/dev/shm", &shm) != 0) return true;
  return bytes < uint64{shm.f_bavail} * shm.f_frsize / 2;
}

void make_team(Build* build, ParallelBuild* parallel) {
  const Size bytes = Team::bytes(build->plan.sample_rows, build->column.dims, build->plan.lists);
  if (build->plan.sample_rows < kLeastTrainingRows || !segment_fits(bytes)) return;
  dsm_segment* segment = dsm_create(bytes, DSM_CREATE_NULL_IF_MAXSEGMENTS);
  if (segment == nullptr) return;
  Team::create(dsm_segment_address(segment), build->plan.sample_rows, build->column.dims,
               build->plan.lists);
  parallel->team_segment = segment;
  parallel->shared->team = dsm_segment_handle(segment);
}

void drop_team(ParallelBuild* parallel) {
  if (parallel->team_segment == nullptr) return;
  static_cast<Team*>(dsm_segment_address(parallel->team_segment))->dismiss();
  dsm_detach(parallel->team_segment);
  parallel->team_segment = nullptr;
}

void fill_shared(Build* build, ParallelBuild* parallel) {
  ParallelContext* context = parallel->context;
  SharedBuild* shared =
      static_cast<SharedBuild*>(make_chunk(context, kKeyShared, sizeof(SharedBuild)));
  memset(shared, 0, sizeof(*shared));
  shared->heap = RelationGetRelid(build->heap);
  shared->index = RelationGetRelid(build->index);
  shared->concurrent = build->info->ii_Concurrent;
  ConditionVariableInit(&shared->model_made);
  pg_atomic_init_u64(&shared->encoded, 0);
  pg_atomic_init_u64(&shared->sorted, 0);
  pg_atomic_init_u32(&shared->scanned, 0);
  ConditionVariableInit(&shared->finished);
  SpinLockInit(&shared->mutex);
  parallel->shared = shared;

  parallel->scan = static_cast<ParallelTableScanDesc>(
      make_chunk(context, kKeyScan, table_parallelscan_estimate(build->heap, parallel->snapshot)));
  table_parallelscan_initialize(build->heap, parallel->scan, parallel->snapshot);

  const int participants = context->nworkers + 1;
  parallel->sort = static_cast<Sharedsort*>(
      make_chunk(context, kKeySort, tuplesort_estimate_shared(participants)));
  tuplesort_initialize_shared(parallel->sort, participants, context->seg);

  const ModelShape room = room_for_model(build);
  const Size counts = counts_room(room);
  parallel->counts = static_cast<pg_atomic_uint32*>(
      make_chunk(context, kKeyCounts, counts * sizeof(pg_atomic_uint32)));
  for (Size i = 0; i < counts; i++) pg_atomic_init_u32(&parallel->counts[i], 0);
  parallel->model = static_cast<float*>(make_chunk(context, kKeyModel, model_bytes(room)));
  parallel->buffer_usage = static_cast<BufferUsage*>(
      make_chunk(context, kKeyBufferUsage, sizeof(BufferUsage) * context->nworkers));
  parallel->wal_usage = static_cast<WalUsage*>(
      make_chunk(context, kKeyWalUsage, sizeof(WalUsage) * context->nworkers));
  if (debug_query_string != nullptr) {
    const Size length = strlen(debug_query_string) + 1;
    memcpy(make_chunk(context, kKeyQuery, length), debug_query_string, length);
  }
}

void wait_for_participants(Build* build, ParallelBuild* parallel) {
  constexpr long kReportEvery = 200;  // milliseconds
  SharedBuild* shared = parallel->shared;
  bool sorting = false;
  for (;;) {
    SpinLockAcquire(&shared->mutex);
    const bool all = shared->done == parallel->participants;
    SpinLockRelease(&shared->mutex);
    if (all) break;
    const bool scanned =
        pg_atomic_read_u32(&shared->scanned) == static_cast<uint32>(parallel->participants);
    const int64 encoded = static_cast<int64>(pg_atomic_read_u64(&shared->encoded));
    if (scanned && !sorting) {
      enter_phase(kPhaseSorting, encoded);
      sorting = true;
    }
    report_rows(sorting ? static_cast<int64>(pg_atomic_read_u64(&shared->sorted)) : encoded);
    ConditionVariableTimedSleep(&shared->finished, kReportEvery,
                                WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
  }
  ConditionVariableCancelSleep();
  build->heap_rows = shared->heap_rows;
  build->index_rows = shared->index_rows;
  if (shared->broken_hot_chain) build->info->ii_BrokenHotChain = true;
  const uint32 lists = total_lists(build->meta);
  for (uint32 list = 0; list < lists; list++) {
    build->counts[list] = pg_atomic_read_u32(&parallel->counts[list]);
    build->spill_counts[list] = pg_atomic_read_u32(&parallel->counts[lists + list]);
  }
}

void leave(ParallelBuild* parallel) {
  drop_team(parallel);
  DestroyParallelContext(parallel->context);
  if (IsMVCCSnapshot(parallel->snapshot)) UnregisterSnapshot(parallel->snapshot);
  ExitParallelMode();
}

}  // namespace

void begin_parallel(Build* build) {
  const int workers = RelationGetNumberOfBlocks(build->heap) == 0
                          ? 0
                          : workers_for_build(build->heap, build->index, build->info);
  if (workers == 0) return;
  EnterParallelMode();
  ParallelBuild* parallel = static_cast<ParallelBuild*>(palloc0(sizeof(ParallelBuild)));
  ParallelContext* context = CreateParallelContext("avq", "avq_build_worker", workers);
  parallel->context = context;
  parallel->snapshot =
      build->info->ii_Concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
  add_chunk(context, sizeof(SharedBuild));
  add_chunk(context, table_parallelscan_estimate(build->heap, parallel->snapshot));
  add_chunk(context, tuplesort_estimate_shared(workers + 1));
  const ModelShape room = room_for_model(build);
  add_chunk(context, counts_room(room) * sizeof(pg_atomic_uint32));
  add_chunk(context, model_bytes(room));
  add_chunk(context, sizeof(BufferUsage) * workers);
  add_chunk(context, sizeof(WalUsage) * workers);
  if (debug_query_string != nullptr) add_chunk(context, strlen(debug_query_string) + 1);
  constexpr Size kServersOwn = Size{1} << 20;  // settings, snapshots, the workers' messages
  if (!segment_fits(shm_toc_estimate(&context->estimator) + kServersOwn)) {
    leave(parallel);
    return;
  }
  InitializeParallelDSM(context);
  if (context->seg == nullptr) {  // no segment to be had: the server's limit is reached
    leave(parallel);
    return;
  }
  fill_shared(build, parallel);
  make_team(build, parallel);
  LaunchParallelWorkers(context);
  if (context->nworkers_launched == 0) {
    WaitForParallelWorkersToFinish(context);
    leave(parallel);
    return;
  }
  parallel->participants = context->nworkers_launched + 1;
  build->parallel = parallel;
}

Team* training_team(Build* build) {
  if (build->parallel == nullptr || build->parallel->team_segment == nullptr) return nullptr;
  return static_cast<Team*>(dsm_segment_address(build->parallel->team_segment));
}

void end_training(Build* build) {
  ParallelBuild* parallel = build->parallel;
  if (parallel == nullptr) return;
  drop_team(parallel);
  // One copy of the model is enough for all.
  float* own = const_cast<float*>(build->model.centroids);
  memcpy(parallel->model, own, model_bytes(build->meta.shape));
  place_model(build, parallel->model);
  pfree(own);
  SharedBuild* shared = parallel->shared;
  const int sort_kb = sort_budget_kb(build, parallel->participants);
  SpinLockAcquire(&shared->mutex);
  shared->meta = build->meta;
  shared->sort_kb = sort_kb;
  shared->trained = true;
  SpinLockRelease(&shared->mutex);
  ConditionVariableBroadcast(&shared->model_made);
}

void encode_together(Build* build) {
  ParallelBuild* parallel = build->parallel;
  take_part(build, parallel->shared, parallel->scan, parallel->sort, parallel->counts, true);
  // A worker that could not start at all would be waited for in vain.
  WaitForParallelWorkersToAttach(parallel->context);
  wait_for_participants(build, parallel);
  // The merge takes the memory that was theirs.
  WaitForParallelWorkersToFinish(parallel->context);
}

Tuplesortstate* begin_merge(Build* build, int memory_kb) {
  SortCoordinateData coordinate = {};
  coordinate.isWorker = false;
  coordinate.nParticipants = build->parallel->participants;
  coordinate.sharedsort = build->parallel->sort;
  return begin_row_sort(row_descriptor(), memory_kb, &coordinate);
}

int end_parallel(Build* build) {
  ParallelBuild* parallel = build->parallel;
  if (parallel == nullptr) return 0;
  for (int i = 0; i < parallel->context->nworkers_launched; i++) {
    InstrAccumParallelQuery(&parallel->buffer_usage[i], &parallel->wal_usage[i]);
  }
  const int workers = parallel->context->nworkers_launched;
  leave(parallel);
  build->parallel = nullptr;
  return workers;
}

namespace {

// The worker ends in the middle of the training. What it has to say has been sent before.
void desert_team(dsm_segment*, Datum team) {
  reinterpret_cast<Team*>(DatumGetPointer(team))->fail();
}

void help_to_train(dsm_handle handle) {
  constexpr long kNap = 1;  // millisecond: the leader has work every few, until there is no more
  // No segment by that handle: training is over.
  dsm_segment* segment = handle == 0 ? nullptr : dsm_attach(handle);
  if (segment == nullptr) return;
  Team* team = static_cast<Team*>(dsm_segment_address(segment));
  on_dsm_detach(segment, desert_team, PointerGetDatum(team));
  float* scratch = static_cast<float*>(palloc(sizeof(float) * team->scratch_floats()));
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    const Team::Help help = team->help(scratch);
    if (help == Team::Help::dismissed) break;
    AVQ_STOP_POINT("worker_training");
    if (help == Team::Help::done) continue;
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kNap, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
  }
  pfree(scratch);
  cancel_on_dsm_detach(segment, desert_team, PointerGetDatum(team));
  dsm_detach(segment);
}

void wait_for_model(SharedBuild* shared) {
  for (;;) {
    SpinLockAcquire(&shared->mutex);
    const bool trained = shared->trained;
    SpinLockRelease(&shared->mutex);
    if (trained) break;
    ConditionVariableSleep(&shared->model_made, PG_WAIT_EXTENSION);
  }
  ConditionVariableCancelSleep();
}

}  // namespace

}  // namespace avq

using namespace avq;

void avq_build_worker(dsm_segment* segment, shm_toc* toc) {
  debug_query_string = static_cast<char*>(shm_toc_lookup(toc, kKeyQuery, true));
  pgstat_report_activity(STATE_RUNNING, debug_query_string);

  SharedBuild* shared = static_cast<SharedBuild*>(shm_toc_lookup(toc, kKeyShared, false));
  // The locks that the leader holds.
  const LOCKMODE heap_lock = shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
  const LOCKMODE index_lock = shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;
  Relation heap = table_open(shared->heap, heap_lock);
  Relation index = index_open(shared->index, index_lock);

  Build build;
  IndexInfo* info = BuildIndexInfo(index);
  info->ii_Concurrent = shared->concurrent;
  start_build(&build, heap, index, info);
  help_to_train(shared->team);
  wait_for_model(shared);
  build.meta = shared->meta;
  use_model(&build, static_cast<float*>(shm_toc_lookup(toc, kKeyModel, false)));
  AVQ_STOP_POINT("worker_encoding");
  Sharedsort* sort = static_cast<Sharedsort*>(shm_toc_lookup(toc, kKeySort, false));
  tuplesort_attach_shared(sort, segment);

  InstrStartParallelQuery();
  take_part(&build, shared,
            static_cast<ParallelTableScanDesc>(shm_toc_lookup(toc, kKeyScan, false)), sort,
            static_cast<pg_atomic_uint32*>(shm_toc_lookup(toc, kKeyCounts, false)), false);
  AVQ_STOP_POINT("worker_sorted");
  BufferUsage* buffers = static_cast<BufferUsage*>(shm_toc_lookup(toc, kKeyBufferUsage, false));
  WalUsage* wal = static_cast<WalUsage*>(shm_toc_lookup(toc, kKeyWalUsage, false));
  InstrEndParallelQuery(&buffers[ParallelWorkerNumber], &wal[ParallelWorkerNumber]);

  index_close(index, index_lock);
  table_close(heap, heap_lock);
}
