#include "index/exact.h"

#include <algorithm>
#include <cmath>

#include "core/kernels.h"

extern "C" {
#include "utils/rls.h"
}

namespace avq {

namespace {

constexpr uint32 kBatchRows = 64;

// Products are summed in another order than the operator sums them: only what lies clearly behind
// the last answer is passed over without asking the operator. Relative to the norms' product.
constexpr double kSlack = 1e-5;

struct Pass {
  Metric metric;
  Element element;
  uint32 dims;
  const float* mean;
  const UserQueries* queries;
  ExactRows rows;
  ExactAnswers answers;

  float* query_norms;
  float* floors;  // per query: the least score that may still be an answer
  uint32 batched;
  float* batch;       // kBatchRows x dims, as stored
  float* comparable;  // likewise
  float* products;    // kBatchRows x queries
};

struct Nearer {
  bool operator()(const ExactAnswer& a, const ExactAnswer& b) const {
    return a.distance < b.distance;
  }
};

// The score (core/metric.h, of comparable vectors) at a distance.
double score_at(Metric metric, double distance, double query_norm) {
  switch (metric) {
    case Metric::inner_product:
      return -distance;
    case Metric::cosine:
      return 1 - distance;
    default:
      return (query_norm * query_norm - distance * distance) / 2;
  }
}

// Takes a row at a distance among the answers if it belongs there.
void offer(Pass* pass, uint32 query, double distance, const float* comparable) {
  ExactAnswers* answers = &pass->answers;
  ExactAnswer* heap = answers->answers + Size{query} * answers->depth;  // the farthest on top
  uint32* found = &answers->found[query];
  if (std::isnan(distance)) return;
  uint32 place = *found;
  if (*found == answers->depth) {
    if (distance >= heap[0].distance) return;
    place = heap[0].place;
    std::pop_heap(heap, heap + *found, Nearer{});
  } else {
    ++*found;
  }
  heap[*found - 1] = {distance, place};
  std::push_heap(heap, heap + *found, Nearer{});
  if (answers->vectors != nullptr) {
    memcpy(answers->vectors + (Size{query} * answers->depth + place) * pass->dims, comparable,
           sizeof(float) * pass->dims);
  }
  if (*found == answers->depth) {
    const double norm = pass->query_norms[query];
    const double slack = pass->metric == Metric::l2 ? kSlack * norm * norm : 0;
    pass->floors[query] =
        static_cast<float>(score_at(pass->metric, heap[0].distance, norm) - slack);
  }
}

void flush_batch(Pass* pass) {
  const uint32 dims = pass->dims, queries = pass->queries->count;
  dot_matrix(pass->comparable, pass->batched, pass->queries->comparable, queries, dims,
             pass->products);
  for (uint32 i = 0; i < pass->batched; i++) {
    CHECK_FOR_INTERRUPTS();  // the first rows are kept for every query
    const float* row = pass->batch + Size{i} * dims;
    const float* comparable = pass->comparable + Size{i} * dims;
    const double squared = norm_squared(comparable, dims);
    const double half_square = pass->metric == Metric::l2 ? squared / 2 * (1 - kSlack) : 0;
    const float slack = static_cast<float>(std::sqrt(squared) * kSlack);
    const float* products = pass->products + Size{i} * queries;
    for (uint32 query = 0; query < queries; query++) {
      const double most = products[query] + slack * pass->query_norms[query] - half_square;
      if (most < pass->floors[query]) continue;
      const float* vector = pass->queries->vectors + Size{query} * dims;
      offer(pass, query, exact_distance(pass->metric, vector, row, dims), comparable);
    }
  }
  pass->batched = 0;
}

void take_row(Relation, ItemPointer, Datum* values, bool* nulls, bool, void* state) {
  Pass* pass = static_cast<Pass*>(state);
  if (nulls[0]) return;
  const Vector* vector = column_vector(pass->element, values[0]);
  const uint32 dims = pass->dims;
  check_expected_dims(static_cast<int32>(dims), vector->dim);
  const RowClass row_class = classify(pass->metric, vector);
  if (row_class == RowClass::coded) {
    const uint32 i = pass->batched++;
    memcpy(pass->batch + Size{i} * dims, vector->x, sizeof(float) * dims);
    comparable_vector(pass->metric, pass->mean, vector->x, dims, pass->comparable + Size{i} * dims);
    pass->answers.rows++;
    if (pass->batched == kBatchRows) flush_batch(pass);
  } else if (row_class == RowClass::uncodable && pass->rows == ExactRows::all) {
    for (uint32 query = 0; query < pass->queries->count; query++) {
      const float* given = pass->queries->vectors + Size{query} * dims;
      offer(pass, query, exact_distance(pass->metric, given, vector->x, dims), nullptr);
    }
    pass->answers.rows++;
  }
  if (PointerGetDatum(vector) != values[0]) pfree(const_cast<Vector*>(vector));
}

template <class T>
T* allocate(Size count) {
  return static_cast<T*>(
      MemoryContextAllocHuge(CurrentMemoryContext, Max(count, Size{1}) * sizeof(T)));
}

bool tells_recall(Metric metric, const Vector* query) {
  return classify(metric, query) == RowClass::coded &&
         (metric == Metric::l2 || norm_squared(query->x, query->dim) > 0);
}

}  // namespace

void refuse_nulls(FunctionCallInfo fcinfo) {
  for (int i = 0; i < PG_NARGS(); i++) {
    if (!PG_ARGISNULL(i)) continue;
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("%s must not be NULL", i == 0   ? "index"
                                                  : i == 1 ? "queries"
                                                           : "k"),
                    i == 1 ? errhint("array_agg() over no rows is NULL.") : 0));
  }
}

void refuse_row_security(Oid table) {
  if (check_enable_rls(table, InvalidOid, true) != RLS_ENABLED) return;
  ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                  errmsg("row-level security of table \"%s\" applies to you", get_rel_name(table)),
                  errdetail("Exact answers are sought among all rows of the table."),
                  errhint("Ask a role that bypasses row-level security.")));
}

UserQueries read_queries(ArrayType* array, Relation index, const CachedIndex* cached,
                         uint32 least) {
  if (ARR_ELEMTYPE(array) != index->rd_opcintype[0]) {
    ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                    errmsg("queries are of type %s, the index is of type %s",
                           format_type_be_qualified(ARR_ELEMTYPE(array)),
                           format_type_be_qualified(index->rd_opcintype[0])),
                    errhint("Cast them in array_agg().")));
  }
  int16 length;
  bool by_value;
  char alignment;
  get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
  Datum* elements;
  bool* nulls;
  int given;
  deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment, &elements, &nulls,
                    &given);
  UserQueries queries = {};
  queries.dims = cached->model.shape.dims;
  const Size floats = Size{static_cast<uint32>(given)} * queries.dims;
  check_query_memory(2 * floats * sizeof(float));
  queries.vectors = allocate<float>(floats);
  queries.comparable = allocate<float>(floats);
  const Metric metric = cached->model.shape.metric;
  for (int i = 0; i < given; i++) {
    CHECK_FOR_INTERRUPTS();
    if (nulls[i]) {
      ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("query %d is NULL", i + 1),
                      errhint("Leave NULLs out: array_agg(...) FILTER (WHERE ... IS NOT NULL).")));
    }
    const Vector* query = column_vector(cached->element, elements[i]);
    if (query->dim != static_cast<int>(queries.dims)) {
      ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                      errmsg("query %d has %d dimensions, the index has %u", i + 1, query->dim,
                             queries.dims)));
    }
    if (tells_recall(metric, query)) {
      const Size at = Size{queries.count++} * queries.dims;
      memcpy(queries.vectors + at, query->x, sizeof(float) * queries.dims);
      comparable_vector(metric, cached->mean, query->x, queries.dims, queries.comparable + at);
    }
    if (PointerGetDatum(query) != elements[i]) pfree(const_cast<Vector*>(query));
  }
  if (queries.count < least) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("too few usable queries: %u, at least %u needed", queries.count, least),
                    errdetail("Zero vectors and extreme lengths do not count."),
                    errhint("Give queries of your application, some hundred if there are.")));
  }
  return queries;
}

Size exact_memory(uint32 queries, uint32 dims, uint32 depth, ExactRows rows) {
  const Size vector = dims * sizeof(float);
  const Size answer = sizeof(ExactAnswer) + (rows == ExactRows::coded ? vector : 0);
  const Size batch = kBatchRows * (2 * vector + queries * sizeof(float));
  return queries * (2 * vector + sizeof(uint32) + 2 * sizeof(float) + depth * answer) + batch;
}

void check_query_memory(Size bytes) {
  constexpr Size kMegabyte = 1024 * 1024;
  const Size budget = static_cast<Size>(maintenance_work_mem) * 1024;
  if (bytes <= budget) return;
  ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                  errmsg("memory required is %zu MB, maintenance_work_mem is %zu MB",
                         (bytes + kMegabyte - 1) / kMegabyte, budget / kMegabyte),
                  errdetail("The queries and their exact answers are kept in memory."),
                  errhint("Increase maintenance_work_mem, or give fewer queries.")));
}

ExactAnswers find_exact(Relation heap, Relation index, const CachedIndex* cached, Snapshot snapshot,
                        const UserQueries& queries, uint32 depth, ExactRows rows) {
  Pass pass = {};
  pass.metric = cached->model.shape.metric;
  pass.element = cached->element;
  pass.dims = queries.dims;
  pass.mean = cached->mean;
  pass.queries = &queries;
  pass.rows = rows;
  const Size count = queries.count;
  pass.answers.depth = depth;
  pass.answers.found = allocate<uint32>(count);
  pass.answers.answers = allocate<ExactAnswer>(count * depth);
  if (rows == ExactRows::coded) pass.answers.vectors = allocate<float>(count * depth * pass.dims);
  pass.query_norms = allocate<float>(count);
  pass.floors = allocate<float>(count);
  for (uint32 query = 0; query < queries.count; query++) {
    pass.answers.found[query] = 0;
    pass.query_norms[query] =
        std::sqrt(norm_squared(queries.comparable + Size{query} * pass.dims, pass.dims));
    pass.floors[query] = -get_float4_infinity();
  }
  pass.batch = allocate<float>(Size{kBatchRows} * pass.dims);
  pass.comparable = allocate<float>(Size{kBatchRows} * pass.dims);
  pass.products = allocate<float>(kBatchRows * count);

  // As a concurrent build scans, with an MVCC snapshot: it finds predicate and expression itself.
  IndexInfo* info = BuildIndexInfo(index);
  info->ii_Concurrent = true;
  info->ii_Unique = false;
  TableScanDesc scan = table_beginscan_strat(heap, snapshot, 0, nullptr, true, false);
  // The scan itself was begun without synchronisation; asserted with a scan of the caller's: true.
  table_index_build_scan(heap, index, info, true, false, take_row, &pass, scan);
  flush_batch(&pass);

  for (Size query = 0; query < count; query++) {
    ExactAnswer* first = pass.answers.answers + query * depth;
    std::sort_heap(first, first + pass.answers.found[query], Nearer{});
  }
  pfree(pass.batch);
  pfree(pass.comparable);
  pfree(pass.products);
  pfree(pass.query_norms);
  pfree(pass.floors);
  return pass.answers;
}

}  // namespace avq
