// Lists are opened, scanned into candidates, and candidates leave in order.
#include "index/search.h"

#include "core/recall_model.h"
#include "index/training.h"

namespace avq {

namespace {

constexpr uint32 kFirstKeep = 512, kLeastKeep = 128;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The least distance of a row whose score, by its code's bound, is at most `score`.
double distance_bound(const Search* search, float score) {
  switch (search->metric) {
    case Metric::inner_product:
      return -static_cast<double>(score);
    case Metric::cosine:
      return 1 - static_cast<double>(score);
    default: {
      const double norm = double(search->query_norm) * search->query_norm;
      // Scores are differences of squares in float: allow for what cancels.
      const double squared = norm * (1 - 1e-6) - 2 * double(score);
      return squared > 0 ? std::sqrt(squared) : 0;
    }
  }
}

// Makes the `count` lists with the best scores the head of the order; the very best come first, so
// that the collector's threshold is high from the start, the others as they lie in the file.
void order_lists(Search* search, uint32 count) {
  constexpr uint32 kBestFirst = 4;
  constexpr uint32 kLookahead = 2;  // most scans open lists more than once
  const CachedIndex* cached = search->cached;
  const uint32 done = search->opened;
  const bool news = widen_routes(cached->model, cached->routing, count, &search->routes);
  const uint32 known = search->routes.known;
  const float* scores = search->routes.scores;
  const auto better = [scores](uint32 a, uint32 b) {
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
  };
  uint32* from = search->routes.order + done;
  if (news || count > search->shortlist) {
    search->shortlist = count < known / (2 * kLookahead) ? kLookahead * count : known;
    select_best(scores, from, known - done, search->shortlist - done, search->order_scratch);
  }
  uint32* end = search->routes.order + count;
  select_best(scores, from, search->shortlist - done, count - done, search->order_scratch);
  const uint32 best = Min(kBestFirst, count - done);
  std::partial_sort(from, from + best, end, better);
  std::sort(from + best, end);
}

// The part of the scores of a list's rows that their scales multiply. For l2 the error of a code
// enters as <q - c, r - s d>: its bound is as wide as the query is far from the centroid.
float list_base(const Search* search, uint32 list) {
  const QueryTables& tables = search->tables;
  if (search->metric != Metric::l2) return tables.base;
  const Model& model = search->cached->model;
  const float distance =
      std::sqrt(l2_squared(search->prepared, model.centroid(list), model.shape.padded_dims()));
  const double width =
      search->bound_width * model.shape.error_scale / std::sqrt(double(model.shape.dims));
  return static_cast<float>(tables.base + width * (double(distance) - search->query_norm));
}

// Scores the blocks of one opened list into the collector.
class ListScan {
 public:
  ListScan(const Search* search, uint32 number, Collector* collector)
      : layout_(search->cached->geometry.coded),
        collector_(collector),
        floor_(search->open[number].floor),
        number_(number) {
    params_.lut = search->lut;
    params_.step = search->tables.step;
    params_.base = list_base(search, search->open[number].list);
    params_.list_score = search->open[number].score;
  }

  void whole(const BlockView& block) {
    const uint32 used = block.header()->used;
    if (used == 0) return;
    params_.threshold = collector_->threshold();
    float keys[kBlockRows];
    const uint32 mask = score_block(block.codes(), layout_.subspaces, block.scales(),
                                    block.offsets(), params_, keys);
    offer(block, used & mask, keys);
  }
  void codes(const uint8* codes, uint32 first, uint32 count) {
    add_code_sums(codes, first, count, params_, sums_);
  }
  void crossing(const BlockView& block) {
    const uint32 used = block.header()->used;
    params_.threshold = collector_->threshold();
    float keys[kBlockRows];
    const uint32 mask = score_sums(sums_, block.scales(), block.offsets(), params_, keys);
    memset(sums_, 0, sizeof(sums_));
    if (used != 0) offer(block, used & mask, keys);
  }

 private:
  void offer(const BlockView& block, uint32 mask, const float* keys) {
    last_scan.blocks_scored++;
    for (; mask != 0; mask &= mask - 1) {
      const int slot = __builtin_ctz(mask);
      const Place place = {keys[slot], pack_tid(block.tids()[slot]) << 16 | number_};
      if (!collector_->wants(place) || before(place, floor_)) continue;
      collector_->add({place.score, block.copy(slot), place.place});
    }
  }

  const BlockLayout& layout_;
  Collector* collector_;
  Place floor_;
  uint32 number_;
  ScanParams params_;
  int32 sums_[kBlockRows] = {};  // of the block that crosses a page's end
};

void scan_list(Search* search, uint32 number, BlockNumber after, Collector* collector) {
  const CachedIndex* cached = search->cached;
  const uint32 list = search->open[number].list;
  ListScan scan(search, number, collector);
  last_scan.code_pages += for_each_block(search->file, cached->heads[list], list,
                                         cached->geometry.coded, search->carry, after, scan);
}

void compute_floor(Search* search) {
  search->floor_key = kInfinity;
  for (uint32 i = 0; i < search->opened; i++) {
    const OpenList& open = search->open[i];
    if (open.done) continue;
    search->floor_key = Min(search->floor_key, distance_bound(search, open.floor.score));
  }
}

// Keeps the better half of the pending rows; the others are collected again when needed.
void evict(Search* search) {
  const uint32 keep = search->most_pending / 2;
  if (search->pending.count <= keep) return;
  CodedRow* rows = search->pending.rows;
  std::nth_element(rows, rows + keep - 1, rows + search->pending.count, better);
  const Place worst = just_after(rows[keep - 1]);
  search->pending.count = keep;
  for (uint32 i = 0; i < search->opened; i++) {
    OpenList* open = &search->open[i];
    // What has left the heap already lies before `popped` and must not come again.
    const Place floor = before(worst, open->popped) ? open->popped : worst;
    if (open->done || before(floor, open->floor)) {
      open->floor = floor;
      open->done = false;
    }
  }
  search->pending.disturb();
}

// How deep lists that are opened now need be collected: no deeper than those before them, since
// nothing beyond the first floor leaves before a pass over all of them.
Place first_floor(const Search* search) {
  Place first = kLastPlace;
  for (uint32 i = 0; i < search->opened; i++) {
    const OpenList& open = search->open[i];
    if (!open.done && before(open.floor, first)) first = open.floor;
  }
  return first;
}

// One pass over opened lists number first .. end - 1 that have rows left, for rows before
// `deepest`.
void collect(Search* search, uint32 first, uint32 end, const Place& deepest) {
  Collector collector(search->room, search->keep, deepest);
  last_scan.passes++;
  for (uint32 i = first; i < end; i++) {
    if (search->open[i].done) continue;
    const BlockNumber after =
        i + 1 < end ? search->cached->heads[search->open[i + 1].list] : InvalidBlockNumber;
    scan_list(search, i, after, &collector);
  }
  for (uint32 i = first; i < end; i++) {
    OpenList* open = &search->open[i];
    if (open->done) continue;
    open->done = collector.complete();
    // A list that had been collected deeper than this pass looks stays where it was.
    if (!open->done && before(open->floor, collector.worst())) open->floor = collector.worst();
  }
  Pending* pending = &search->pending;
  pending->rows =
      static_cast<CodedRow*>(grow(search, pending->rows, pending->count, &search->pending_room,
                                  pending->count + collector.count(), sizeof(CodedRow)));
  pending->add(collector.rows(), collector.count());
  if (pending->count > search->most_pending) evict(search);
  compute_floor(search);
}

void set_keep(Search* search, uint32 keep) {
  keep = Min(keep, Max(search->most_pending / 2, kFirstKeep));
  if (keep <= search->keep) return;
  if (search->room != nullptr) release(&search->memory, search->room);
  search->room =
      static_cast<CodedRow*>(allocate(&search->memory, sizeof(CodedRow) * 2 * Size{keep}));
  search->keep = keep;
}

// Opens lists up to `count` in all.
void open_lists(Search* search, uint32 count) {
  count = Min(count, search->most_lists);
  const uint32 first = search->opened;
  if (count <= first) return;
  order_lists(search, count);
  search->open = static_cast<OpenList*>(
      grow(search, search->open, first, &search->open_room, count, sizeof(OpenList)));
  for (uint32 i = first; i < count; i++) {
    const uint32 list = search->routes.order[i];
    const float score = list_score(search->cached->model, search->cached->routing, search->routes,
                                   search->prepared, list);
    search->open[i] = {list, score, false, kFirstPlace, kFirstPlace};
  }
  const Place deepest = first_floor(search);
  search->opened = count;
  last_scan.lists_probed = count;
  collect(search, first, count, deepest);
}

// How many candidates to collect at first: fewer cost less, but to go back for more costs a pass
// over all open lists. Scans of a backend resemble each other, so what the latest ones took says
// what this one will; what comes out is the same.
uint32 first_keep(const CachedIndex* cached) {
  if (cached->typical_candidates == 0) return kFirstKeep;
  return Min(kFirstKeep, kLeastKeep + 2 * cached->typical_candidates);
}

// Collects deeper in the lists that are open.
void refill(Search* search) {
  set_keep(search, Max(kFirstKeep, search->keep) * 2);
  collect(search, 0, search->opened, kLastPlace);
}

// Counts the rows of a list without codes and notes the first `room` of them.
struct TidList {
  uint64* tids;
  uint32 room, seen;

  void whole(const BlockView& block) {
    for (uint32 used = block.header()->used; used != 0; used &= used - 1) {
      if (seen < room) tids[seen] = pack_tid(block.tids()[__builtin_ctz(used)]);
      seen++;
    }
  }
  void crossing(const BlockView& block) { whole(block); }
  void codes(const uint8*, uint32, uint32) {}
};

// The rows that have no code: few, and always compared exactly.
void collect_uncodable(Search* search) {
  const CachedIndex* cached = search->cached;
  const uint32 list = special_list(cached->meta, kUncodableList);
  const BlockLayout& layout = cached->geometry.special;
  // Memory cannot be had under a page's lock: count, then fill.
  TidList tids = {nullptr, 0, 0};
  const auto walk = [&] {
    for_each_block(search->file, cached->heads[list], list, layout, search->carry,
                   InvalidBlockNumber, tids);
  };
  walk();
  if (tids.seen == 0) return;
  tids.tids = static_cast<uint64*>(allocate(&search->memory, sizeof(uint64) * tids.seen));
  tids.room = tids.seen;
  tids.seen = 0;
  walk();
  const uint32 count = Min(tids.seen, tids.room);
  for (uint32 i = 0; i < count; i++) {
    CHECK_FOR_INTERRUPTS();
    ReadyRow row = {};
    row.tid = tids.tids[i];
    check_tid(search->reader, search->cached, row.tid);
    if (make_exact(search, &row)) push_ready(search, row);
  }
}

uint32 probes_wanted(Search* search) {
  if (settings.probes > 0) return static_cast<uint32>(settings.probes);
  const uint64 row = search->emitted + 1;
  if (search->probes_for_row != row) {
    const CachedIndex* cached = search->cached;
    search->probes = probes_for(cached->meta.recall, search->target_recall,
                                cached->model.shape.lists, cached->coded_rows, row);
    search->probes_for_row = row;
  }
  return search->probes;
}

// Inner products order rows alike for a query of any length: brings one whose squares would leave
// float's range to unit size, and returns the factor.
double scale_extreme(Metric metric, float* query, uint32 dims) {
  const float squared = norm_squared(query, dims);
  if (metric != Metric::inner_product || (squared >= 1e-30f && squared <= 1e30f)) return 1;
  float largest = 0;
  for (uint32 i = 0; i < dims; i++) largest = Max(largest, std::fabs(query[i]));
  if (largest == 0) return 1;
  for (uint32 i = 0; i < dims; i++) query[i] /= largest;
  return 1 / static_cast<double>(largest);
}

void begin_query(Search* search, const Vector* query) {
  const Model& model = search->cached->model;
  const ModelShape& shape = model.shape;
  float* comparable = static_cast<float*>(allocate(&search->memory, sizeof(float) * shape.dims));
  comparable_vector(search->metric, search->cached->mean, query->x, shape.dims, comparable);
  search->query = query->x;
  search->unit = scale_extreme(search->metric, comparable, shape.dims);
  search->comparable = comparable;
  search->query_norm = std::sqrt(norm_squared(comparable, shape.dims));
  search->rounding =
      shape.metric == Metric::l2 ? std::sqrt(norm_squared(query->x, shape.dims)) * 0x1p-21f : 0;

  float* prepared =
      static_cast<float*>(allocate(&search->memory, sizeof(float) * shape.padded_dims()));
  search->prepared = prepared;
  search->lut = static_cast<uint8*>(allocate(&search->memory, Size{shape.subspaces} * kCodewords));
  prepare(shape, comparable, prepared);
  const RoutingTable& table = search->cached->routing;
  const Size numbers = routed_numbers(shape);
  Routes* routes = &search->routes;
  routes->query = static_cast<int16*>(allocate(&search->memory, sizeof(int16) * table.stride));
  routes->scores = static_cast<float*>(allocate(&search->memory, sizeof(float) * numbers));
  routes->products = static_cast<float*>(allocate(&search->memory, sizeof(float) * numbers));
  routes->order =
      static_cast<uint32*>(allocate(&search->memory, sizeof(uint32) * (numbers + shape.lists)));
  search->order_scratch = routes->order + numbers;
  begin_routes(model, table, prepared, routes);
  // A fixed rerank depth ranks candidates by their estimates, without optimism.
  const RecallModel& recall = search->cached->meta.recall;
  // Nothing was learnt from a few rows, and to rescore them all costs little.
  const bool few =
      recall.source == FittedOn::nothing && search->cached->coded_rows <= kLeastTrainingRows;
  const float width =
      settings.rerank_depth > 0 ? 0 : bound_width(recall, few ? 1 : search->target_recall);
  search->bound_width = width;
  search->tables = build_tables(model, prepared, width, search->lut);
}

// Whether enough has been rescored for the best ready row to leave, whatever the bounds say.
bool rescored_enough(const Search* search) {
  if (settings.rerank_depth > 0) {
    return search->converted >= settings.rerank_depth + search->emitted;
  }
  return search->converted >= rescore_budget(search->target_recall, search->emitted + 1);
}

}  // namespace

void* grow(Search* search, void* items, uint32 count, uint32* room, uint32 wanted, Size size) {
  if (wanted <= *room) return items;
  *room = Max(wanted, *room * 2);
  void* larger = allocate(&search->memory, size * *room);
  if (count > 0) memcpy(larger, items, size * count);
  if (items != nullptr) release(&search->memory, items);
  return larger;
}

void push_ready(Search* search, const ReadyRow& row) {
  search->ready =
      static_cast<ReadyRow*>(grow(search, search->ready, search->ready_count, &search->ready_room,
                                  Max(search->ready_count + 1, 64u), sizeof(ReadyRow)));
  search->ready[search->ready_count++] = row;
  std::push_heap(search->ready, search->ready + search->ready_count, Farther{});
}

static ReadyRow pop_ready(Search* search) {
  std::pop_heap(search->ready, search->ready + search->ready_count, Farther{});
  return search->ready[--search->ready_count];
}

static CodedRow pop_pending(Search* search) {
  const CodedRow row = search->pending.pop();
  search->open[row.list()].popped = just_after(row);
  return row;
}

void begin_search(Search* search, IndexScanDesc scan, const IndexFile& file, HeapReader* reader,
                  CachedIndex* cached, const Vector* query, MemoryContext context) {
  memset(search, 0, sizeof(*search));
  const ModelShape& shape = cached->model.shape;
  search->scan = scan;
  search->reader = reader;
  search->memory = begin_memory(context);
  search->file = file;
  search->cached = cached;
  search->metric = shape.metric;
  search->target_recall = scan_target_recall(scan->indexRelation);
  search->most_lists = settings.max_probes > 0
                           ? Min(static_cast<uint32>(settings.max_probes), shape.lists)
                           : shape.lists;
  search->most_pending = static_cast<uint32>(
      Max(Size{4} * kFirstKeep,
          Min(static_cast<Size>(work_mem) * 1024 / sizeof(CodedRow) / 4, Size{1} << 28)));
  search->floor_key = kInfinity;
  search->last_emitted = -kInfinity;
  search->carry = static_cast<char*>(
      allocate(&search->memory, Max(cached->geometry.coded.codes, cached->geometry.special.codes)));
  search->record =
      static_cast<char*>(allocate(&search->memory, Max(cached->geometry.copies.bytes, 1u)));
  search->decoded = static_cast<float*>(allocate(&search->memory, sizeof(float) * shape.dims));
  if (too_far(search->metric, query)) {
    search->query = query->x;
    search->unit = 1;
    search->most_lists = 0;
  } else {
    begin_query(search, query);
  }
  set_keep(search, Max(first_keep(cached), static_cast<uint32>(settings.rerank_depth)));
  collect_uncodable(search);
}

void end_search(Search* search) {
  CachedIndex* cached = search->cached;
  // The largest of late, forgotten little by little.
  const uint32 faded = cached->typical_candidates - cached->typical_candidates / 16;
  cached->typical_candidates =
      Max(faded, static_cast<uint32>(Min(search->converted, uint64{kFirstKeep})));
}

bool next_row(Search* search, ItemPointer tid) {
  // Who asks twice will ask again.
  if (search->emitted > 0) expect_leaving(search);
  for (;;) {
    CHECK_FOR_INTERRUPTS();
    const uint32 wanted = Min(probes_wanted(search), search->most_lists);
    if (search->opened < wanted) {
      open_lists(search, wanted);
      continue;
    }
    const bool fixed_depth = settings.rerank_depth > 0;
    const double nearest_pending = search->pending.count > 0
                                       ? distance_bound(search, search->pending.best().score)
                                       : kInfinity;
    const double pending_key = Min(search->floor_key, nearest_pending);

    const bool enough = rescored_enough(search);
    const bool blocked =
        fixed_depth ? !enough && pending_key < kInfinity
                    : !enough && search->ready_count > 0 && pending_key < search->ready[0].key;
    if (search->ready_count > 0 && !blocked) {
      ReadyRow row = pop_ready(search);
      if (!row.exact) {
        // Nothing left can come between its bounds: no need to know the value.
        const double rival = Min(fixed_depth || enough ? kInfinity : pending_key,
                                 search->ready_count > 0 ? search->ready[0].key : kInfinity);
        const bool settled = settings.order == int(OrderOption::relaxed) && row.high <= rival;
        if (!settled) {
          if (make_exact(search, &row)) push_ready(search, row);
          continue;
        }
      }
      if (settings.order == int(OrderOption::strict)) {
        if (row.key < search->last_emitted) continue;
        search->last_emitted = row.key;
      }
      search->emitted++;
      unpack_tid(row.tid, tid);
      return true;
    }
    if (search->pending.count > 0 && nearest_pending <= search->floor_key) {
      constexpr uint32 kCopiesAhead = 4;
      for (uint32 others = search->converted == 0 ? 1 : kCopiesAhead; others <= kCopiesAhead;
           others++) {
        const CodedRow* later = search->pending.upcoming(others);
        if (later != nullptr) expect(search, *later);
      }
      rescore(search, pop_pending(search));
    } else if (search->floor_key < kInfinity) {
      refill(search);
    } else if (search->opened < search->most_lists) {
      open_lists(search, search->opened + Max(1u, search->opened / 2));
    } else {
      return false;
    }
  }
}

}  // namespace avq
