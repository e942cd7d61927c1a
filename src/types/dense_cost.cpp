// What a distance costs, for the planner: the SUPPORT function of the distance functions.
//
// A vector of more than some 500 dimensions lies out of line, in the table's TOAST relation, whose
// pages the planner's cost of a sequential scan leaves out: by itself it takes reading 5,000
// vectors of 16,000 dimensions, 320 MB, for reading the 40 pages of pointers to them. So a distance
// costs what fetching its arguments does, in the units of a sequential scan, as if they lay in the
// table.
//
// Constants measured with bench/run.py ("exact scan" in docs/performance.md); an operator of
// cpu_operator_cost stands for about 0.1 us.
#include "types/dense.h"
#include "types/entry.h"

extern "C" {
#include "access/heaptoast.h"
#include "catalog/pg_attribute.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/pathnode.h"
#include "parser/parsetree.h"
}

namespace avq {
namespace {

constexpr double kOperatorsPerCall = 1;
constexpr double kOperatorsPerDim = 0.005;
// The look-up of a value's chunks, and each chunk.
constexpr double kOperatorsPerFetch = 10;
constexpr double kOperatorsPerChunk = 5;

// The column below casts that do not change the value; null if the expression is something else.
const Var* column_below(Node* expression) {
  for (;;) {
    if (IsA(expression, RelabelType)) {
      expression = reinterpret_cast<Node*>(castNode(RelabelType, expression)->arg);
    } else if (exprIsLengthCoercion(expression, nullptr) && IsA(expression, FuncExpr)) {
      expression = static_cast<Node*>(linitial(castNode(FuncExpr, expression)->args));
    } else {
      return IsA(expression, Var) ? castNode(Var, expression) : nullptr;
    }
  }
}

// The table that a column belongs to: InvalidOid where it is of a subquery, a function and so on.
Oid table_of(PlannerInfo* root, const Var* column) {
  if (root == nullptr || column->varlevelsup != 0 || IS_SPECIAL_VARNO(column->varno) ||
      column->varattno <= 0) {
    return InvalidOid;
  }
  const RangeTblEntry* entry = planner_rt_fetch(column->varno, root);
  return entry->rtekind == RTE_RELATION ? entry->relid : InvalidOid;
}

char storage_of(Oid table, AttrNumber number) {
  HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(table), Int16GetDatum(number));
  if (!HeapTupleIsValid(tuple)) return TYPSTORAGE_EXTERNAL;
  const char storage = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attstorage;
  ReleaseSysCache(tuple);
  return storage;
}

// Bytes of a column's value that do not lie in the table's own tuples, of `bytes` in all. ANALYZE
// notes the width as stored: that of the pointer to a value out of line.
double bytes_out_of_line(PlannerInfo* root, const Var* column, double bytes) {
  const Oid table = table_of(root, column);
  if (OidIsValid(table)) {
    const int32 stored = get_attavgwidth(table, column->varattno);
    if (stored > 0) return Max(bytes - stored, 0);
    const char storage = storage_of(table, column->varattno);
    if (storage == TYPSTORAGE_PLAIN || storage == TYPSTORAGE_MAIN) return 0;
  }
  return bytes > TOAST_TUPLE_THRESHOLD ? bytes : 0;
}

// What it costs to have an argument at hand, of `bytes`.
Cost fetching_cost(PlannerInfo* root, Node* argument, double bytes) {
  const Var* column = column_below(argument);
  if (column == nullptr) return 0;  // computed once, or by whatever is charged for it
  const double outside = bytes_out_of_line(root, column, bytes);
  if (outside < 1) return 0;
  const double chunks = std::ceil(outside / TOAST_MAX_CHUNK_SIZE);
  const double operators = kOperatorsPerFetch + chunks * kOperatorsPerChunk;
  return outside / BLCKSZ * seq_page_cost + operators * cpu_operator_cost;
}

// Dimensions that an argument's type states, a domain's too; below 1 if it states none.
int32 dims_of(Node* argument) {
  const Var* column = column_below(argument);
  int32 typmod = exprTypmod(argument);
  if (typmod < 1 && column != nullptr) {
    typmod = column->vartypmod;
    getBaseTypeAndTypmod(column->vartype, &typmod);
  }
  return typmod;
}

template <class V>
void estimate(SupportRequestCost* request, Node* left, Node* right) {
  const int32 left_dims = dims_of(left), right_dims = dims_of(right);
  const int32 dims = left_dims > 0 ? left_dims : right_dims;  // both sides have the same
  const double operators = kOperatorsPerCall + kOperatorsPerDim * Max(dims, 0);
  request->startup = 0;
  request->per_tuple = operators * cpu_operator_cost;
  if (dims < 1) return;
  const double bytes = static_cast<double>(dense_size<V>(dims));
  request->per_tuple +=
      fetching_cost(request->root, left, bytes) + fetching_cost(request->root, right, bytes);
}

// The arguments of the call, where the planner tells them.
List* arguments_of(Node* call) {
  if (call == nullptr) return NIL;
  if (IsA(call, OpExpr)) return castNode(OpExpr, call)->args;
  if (IsA(call, FuncExpr)) return castNode(FuncExpr, call)->args;
  return NIL;
}

template <class V>
Datum distance_support(FunctionCallInfo fcinfo) {
  Node* node = reinterpret_cast<Node*>(PG_GETARG_POINTER(0));
  if (!IsA(node, SupportRequestCost)) PG_RETURN_POINTER(nullptr);
  SupportRequestCost* request = reinterpret_cast<SupportRequestCost*>(node);
  List* arguments = arguments_of(request->node);
  if (list_length(arguments) != 2) PG_RETURN_POINTER(nullptr);  // procost decides
  estimate<V>(request, static_cast<Node*>(linitial(arguments)),
              static_cast<Node*>(lsecond(arguments)));
  PG_RETURN_POINTER(request);
}

}  // namespace

AVQ_DENSE_FUNCTION(distance_support, distance_support)

}  // namespace avq
