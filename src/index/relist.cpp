// When an index is re-listed, in what order, and how the new generation replaces the old one.
#include "index/relist.h"

#include "index/build.h"
#include "storage/free_pages.h"

namespace avq {

namespace {

// Worth the work of a build: it doubles the number of lists.
constexpr double kGrowth = 4;
constexpr double kFinerLists = 1.5;
// Passes without the lock go on until one finds so few rows, if they ever do.
constexpr uint64 kFewRows = 200;
constexpr int kMostPasses = 16;

// Changes the meta page's fields that have no checksum: change(MetaPage*).
template <class Change>
void edit_meta(IndexFile& file, Change&& change) {
  Buffer buffer = read_page(file, kMetaBlock, PageKind::meta, BUFFER_LOCK_EXCLUSIVE);
  WalEdit edit(file, buffer);
  change(meta_in_page(edit.main_page()));
  edit.finish();
}

// Scans that began before the switch have snapshots older than the next XID. Taken after the record
// of the switch is written, so that it holds on standbys, too.
void note_horizon(IndexFile& file) {
  const uint64 horizon = U64FromFullTransactionId(ReadNextFullTransactionId());
  edit_meta(file, [horizon](MetaPage* meta) { meta->retired_until = horizon; });
}

// Frees what the generation before, or a re-listing that was cut short, has left. False if a scan
// may still need it.
bool reclaim(IndexVacuumInfo* info, IndexFile& file, const MetaPage& meta) {
  if (meta.retired_until == kHorizonUnknown) {
    note_horizon(file);
    return false;
  }
  if (meta.retired_until == 0 && meta.relisting == 0) return true;
  if (meta.retired_until != 0) {
    if (!beyond_all_snapshots(info, meta.retired_until)) return false;
    log_page_reuse(info->index, kMetaBlock, meta.retired_until);
  }
  const uint32 freed = sweep_free_pages(file);
  edit_meta(file, [](MetaPage* stored) { stored->retired_until = stored->relisting = 0; });
  ereport(DEBUG1, (errmsg_internal("freed %u pages of former lists of index \"%s\"", freed,
                                   RelationGetRelationName(info->index))));
  return true;
}

// Rows with a code as of the last walk, which this VACUUM has made.
double count_coded_rows(IndexFile& file, const MetaPage& meta) {
  double rows = 0;
  for (uint32 list = 0; list < meta.shape.lists; list++) {
    ListEntry entry;
    read_entry(file, meta, list, &entry);
    rows += entry.live;
  }
  return rows;
}

// Whether a new generation would be worth its work, and by which plan.
bool outgrown(const Relist* relist, double rows, TrainingPlan* plan) {
  const MetaPage& meta = relist->old_meta;
  if (relist->old_geometry.copies.bytes == 0) return false;  // rerank = heap: nothing to train on
  if (rows <= kMostUnlistedRows) return false;
  const bool trained = meta.shape.trained != 0;
  if (trained && rows < kGrowth * static_cast<double>(meta.built_rows)) return false;
  const Column column = {meta.shape.metric, index_element(relist->index), meta.shape.dims};
  if (!plan_training(relist->options, column, rows, relist->budget, plan)) {
    ereport(LOG, (errmsg("index \"%s\" has outgrown its lists, but training new ones needs %zu MB",
                         RelationGetRelationName(relist->index), (plan->bytes >> 20) + 1),
                  errhint("Increase maintenance_work_mem or autovacuum_work_mem.")));
    return false;
  }
  return !trained || plan->lists >= kFinerLists * meta.shape.cells;
}

void begin_relist(Relist* relist, IndexVacuumInfo* info, const IndexFile& file,
                  const MetaPage& meta) {
  memset(relist, 0, sizeof(*relist));
  relist->vacuum = info;
  relist->index = info->index;
  relist->options = index_options(info->index);
  relist->budget = static_cast<Size>(vacuum_work_mem()) * 1024;
  relist->old_file = file;
  relist->old_meta = meta;
  relist->old_geometry = list_geometry(meta);
}

BlockNumber table_pages(Relation index) {
  Relation table = table_open(table_of_index(RelationGetRelid(index)), NoLock);  // VACUUM's
  const BlockNumber pages = RelationGetNumberOfBlocks(table);
  table_close(table, NoLock);
  return pages;
}

void make_model(Relist* relist, const TrainingPlan& plan, PhaseTimes* times, instr_time* clock,
                float** floats) {
  const MetaPage& old = relist->old_meta;
  Size sampled;
  float* sample = sample_copies(relist, plan.sample_rows, table_pages(relist->index), &sampled);
  times->sampling = lap(clock);

  // Copies under l2 are differences from the mean of the build's sample: it stays.
  const float* mean = nullptr;
  if (old.shape.metric == Metric::l2) {
    const Size bytes = stored_floats(old.shape) * sizeof(float);
    float* stored = static_cast<float*>(MemoryContextAllocHuge(CurrentMemoryContext, bytes));
    read_chain(relist->old_file, old.model_start, PageKind::model, stored, bytes);
    mean = stored + Model::float_count(old.shape);
  }
  const Column column = {old.shape.metric, index_element(relist->index), old.shape.dims};
  TrainingOptions training = planned_training(relist->options, column, plan);
  training.seed = old.shape.seed;
  relist->meta = old;
  relist->meta.generation++;
  PhaseSeconds seconds = {};
  *floats =
      make_model_floats(training, sample, sampled, mean, nullptr, nullptr, &relist->meta, &seconds);
  pfree(sample);
  times->lists = seconds.lists;
  times->codebooks = seconds.codebooks;
  times->calibration = seconds.calibration;
  lap(clock);

  relist->model = Model::over(relist->meta.shape, *floats);
  relist->geometry = list_geometry(relist->meta);
  relist->file = relist->old_file;
  relist->file.generation = relist->meta.generation;
  relist->counts =
      static_cast<SlotCounts*>(palloc0(sizeof(SlotCounts) * total_lists(relist->meta)));
}

void sort_rows(Relist* relist, double rows) {
  begin_passes(relist, rows);
  const Size taken = sizeof(RowReference) * Size{relist->chunk_room} +
                     stored_floats(relist->meta.shape) * sizeof(float);
  const Size left = relist->budget > taken ? relist->budget - taken : 0;
  const int kilobytes = static_cast<int>(Min(Max(left / 1024, Size{256}), Size{INT_MAX}));
  relist->rows = begin_row_sort(row_descriptor(), kilobytes, nullptr);
  pass_lists(relist);
  tuplesort_performsort(relist->rows);
}

// From here on inserts leave the copies of dead slots alone: all that began before are over.
void announce(Relist* relist) {
  lock_generation(relist->index, ExclusiveLock);
  edit_meta(relist->old_file, [](MetaPage* meta) { meta->relisting = 1; });
  unlock_generation(relist->index, ExclusiveLock);
}

// What came during the last pass, and the meta page, while no insert is under way. Returns the
// seconds that inserts had to wait at most.
double switch_over(Relist* relist, uint64* late_rows) {
  lock_generation(relist->index, ExclusiveLock);
  instr_time clock;
  INSTR_TIME_SET_CURRENT(clock);
  relist->hurried = true;
  pass_lists(relist);
  *late_rows += relist->rows_passed;
  edit_meta(relist->old_file, [relist](MetaPage* stored) {
    if (stored->crc != relist->old_meta.crc) {
      elog(ERROR, "meta page of index \"%s\" was changed by another process",
           RelationGetRelationName(relist->index));
    }
    MetaPage meta = relist->meta;
    memcpy(meta.copy_tails, stored->copy_tails, sizeof(meta.copy_tails));
    meta.relisting = 0;
    meta.retired_until = kHorizonUnknown;
    memcpy(stored, &meta, sizeof(meta));
  });
  unlock_generation(relist->index, ExclusiveLock);
  const double waited = lap(&clock);
  AVQ_STOP_POINT("relist_switched");
  note_horizon(relist->old_file);
  return waited;
}

void relist_index(Relist* relist, double rows, const TrainingPlan& plan) {
  instr_time clock;
  INSTR_TIME_SET_CURRENT(clock);
  PhaseTimes times = {};
  float* floats;
  announce(relist);
  AVQ_STOP_POINT("relist_announced");
  make_model(relist, plan, &times, &clock, &floats);
  AVQ_STOP_POINT("relist_trained");
  sort_rows(relist, rows);
  AVQ_STOP_POINT("relist_sorted");
  times.encoding = lap(&clock);
  write_generation(relist, floats);
  tuplesort_end(relist->rows);
  relist->rows = nullptr;
  times.writing = lap(&clock);
  AVQ_STOP_POINT("relist_written");

  uint64 late_rows = 0;
  for (int pass = 0; pass < kMostPasses; pass++) {
    pass_lists(relist);
    late_rows += relist->rows_passed;
    if (relist->rows_passed <= kFewRows) break;
  }
  const double waited = switch_over(relist, &late_rows);
  ereport(LOG,
          (errmsg("re-listed index \"%s\": " UINT64_FORMAT " rows, %u lists instead of %u",
                  RelationGetRelationName(relist->index), relist->meta.built_rows + late_rows,
                  relist->meta.shape.lists, relist->old_meta.shape.lists),
           errdetail("Seconds: sampling %.2f, training %.2f, encoding and sorting %.2f, writing "
                     "%.2f, catching up with " UINT64_FORMAT
                     " inserts %.2f; inserts had to wait for %.4f.",
                     times.sampling, times.lists + times.codebooks + times.calibration,
                     times.encoding, times.writing, late_rows, lap(&clock), waited)));
}

}  // namespace

void maintain_generations(IndexVacuumInfo* info) {
  IndexFile file = open_file(info->index, info->strategy);
  MetaPage meta;
  read_meta(file, &meta);
  if (!reclaim(info, file, meta)) return;  // one former generation at a time
  read_meta(file, &meta);

  MemoryContext context =
      AllocSetContextCreate(CurrentMemoryContext, "avq re-listing", ALLOCSET_DEFAULT_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(context);
  Relist* relist = static_cast<Relist*>(palloc(sizeof(Relist)));
  begin_relist(relist, info, file, meta);
  const BlockLayout& coded = relist->old_geometry.coded;
  const BlockLayout& special = relist->old_geometry.special;
  relist->carry = static_cast<char*>(palloc(Max(coded.codes, special.codes)));
  relist->record = static_cast<char*>(palloc(Max(relist->old_geometry.copies.bytes, 1u)));
  const double rows = count_coded_rows(file, meta);
  TrainingPlan plan;
  if (outgrown(relist, rows, &plan)) relist_index(relist, rows, plan);
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(context);
}

}  // namespace avq
