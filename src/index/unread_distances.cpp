// What ORDER BY sorts by is a column of the plan even if nobody reads it: the executor would
// compute the distance of every row that an index scan returns already in order, and fetch its
// vector out of line for that. Where only a LIMIT lies between the scan and the end of its query, a
// NULL does.
#include "index/unread_distances.h"

#include "index/am.h"

extern "C" {
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/planner.h"
}

namespace avq {

namespace {

planner_hook_type next_hook = nullptr;

bool is_avq_index(Oid index) {
  HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index));
  if (!HeapTupleIsValid(tuple)) return false;  // hypothetical, of another module
  const Oid am = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relam;
  ReleaseSysCache(tuple);
  const IndexAmRoutine* routine = GetIndexAmRoutineByAmId(am, true);
  return routine != nullptr && routine->ambeginscan == avq_begin_scan;
}

void drop_unread(IndexScan* scan) {
  if (scan->indexorderbyorig == NIL || !is_avq_index(scan->indexid)) return;
  ListCell* cell;
  foreach (cell, scan->scan.plan.targetlist) {
    TargetEntry* entry = static_cast<TargetEntry*>(lfirst(cell));
    if (!entry->resjunk || !list_member(scan->indexorderbyorig, entry->expr)) continue;
    entry->expr = reinterpret_cast<Expr*>(
        makeNullConst(exprType(reinterpret_cast<Node*>(entry->expr)), -1, InvalidOid));
  }
}

// Whether rows of the node leave their query as they are: then nobody reads what they were sorted
// by. A LIMIT is always the last step of its query; WITH TIES compares what it was sorted by.
enum class Last : bool { no, yes };

void visit(Plan* plan, Last last);

void visit_all(List* plans) {
  ListCell* cell;
  foreach (cell, plans) visit(static_cast<Plan*>(lfirst(cell)), Last::no);
}

void visit(Plan* plan, Last last) {
  if (plan == nullptr) return;
  check_stack_depth();
  Last below = Last::no;
  if (IsA(plan, IndexScan)) {
    if (last == Last::yes) drop_unread(reinterpret_cast<IndexScan*>(plan));
  } else if (IsA(plan, Limit)) {
    const bool counts = reinterpret_cast<Limit*>(plan)->limitOption == LIMIT_OPTION_COUNT;
    below = counts ? Last::yes : Last::no;
  } else if (IsA(plan, SubqueryScan)) {
    visit(reinterpret_cast<SubqueryScan*>(plan)->subplan, Last::yes);
  } else if (IsA(plan, Append)) {
    visit_all(reinterpret_cast<Append*>(plan)->appendplans);
  } else if (IsA(plan, MergeAppend)) {
    visit_all(reinterpret_cast<MergeAppend*>(plan)->mergeplans);
  }
  visit(plan->lefttree, below);
  visit(plan->righttree, Last::no);
}

PlannedStmt* plan_query(Query* query, const char* source, int options, ParamListInfo parameters) {
  PlannedStmt* planned = next_hook != nullptr
                             ? next_hook(query, source, options, parameters)
                             : standard_planner(query, source, options, parameters);
  visit(planned->planTree, Last::yes);
  ListCell* cell;
  foreach (cell, planned->subplans) visit(static_cast<Plan*>(lfirst(cell)), Last::yes);
  return planned;
}

}  // namespace

void skip_unread_distances() {
  next_hook = planner_hook;
  planner_hook = plan_query;
}

}  // namespace avq
