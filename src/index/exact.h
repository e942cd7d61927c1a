#pragma once
// Exact answers to a user's queries, from one pass over the table: what avq_calibrate fits the
// recall model to, and what avq_recall measures against.
//
// Invariants: an answer's distance is the operator's own value, to the bit. Rows are those that the
// index holds and the snapshot sees; rows without a distance are no answers.
// Errors: bad queries, too little memory (below). Locks: the caller's, on the table and the index.
#include "index/column.h"
#include "index/model_cache.h"

namespace avq {

// For functions that take an index and queries: errors at a NULL argument, since NULL instead of a
// result would look like success to whoever selects no queries by mistake.
void refuse_nulls(FunctionCallInfo fcinfo);

// Errors where row-level security would hide rows from the caller.
void refuse_row_security(Oid table);

struct UserQueries {
  uint32 count;
  uint32 dims;
  float* vectors;     // count x dims, as given
  float* comparable;  // count x dims (comparable_vector)
};

// Takes the elements of an array of the column's type. Left out are those that say nothing of the
// index's recall: zero vectors, but under L2, and extreme norms. Errors: a NULL element
// (ERRCODE_NULL_VALUE_NOT_ALLOWED), another type, other dimensions than the index's, fewer than
// `least` queries left (ERRCODE_INVALID_PARAMETER_VALUE).
UserQueries read_queries(ArrayType* array, Relation index, const CachedIndex* cached, uint32 least);

struct alignas(8) ExactAnswer {  // as large on 32 bits, whose doubles need not be aligned
  double distance;
  uint32 place;  // of its vector among those of its query
};

struct ExactAnswers {
  uint32 depth;          // room for each query
  int64 rows;            // among which they were sought
  uint32* found;         // per query: min(depth, rows), but for rows at no distance
  ExactAnswer* answers;  // count x depth, nearest first
  float* vectors;        // count x depth x dims, comparable; null if not asked for
};

enum class ExactRows {
  all,    // all rows that have a distance
  coded,  // those that have a code, whose vectors are kept
};

// Memory of the pass for so many queries, them included.
Size exact_memory(uint32 queries, uint32 dims, uint32 depth, ExactRows rows);

// Errors if more than maintenance_work_mem is needed (ERRCODE_PROGRAM_LIMIT_EXCEEDED).
void check_query_memory(Size bytes);

// The `depth` nearest rows for every query. Runs functions of the index's expression and predicate.
ExactAnswers find_exact(Relation heap, Relation index, const CachedIndex* cached, Snapshot snapshot,
                        const UserQueries& queries, uint32 depth, ExactRows rows);

}  // namespace avq
