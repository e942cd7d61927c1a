// SQL functions that tell what an index is and what the last scan did.
#include "index/am.h"
#include "index/column.h"
#include "index/options.h"
#include "storage/free_pages.h"
#include "index/result_row.h"
#include "storage/slots.h"

extern "C" {
#include "storage/lmgr.h"
#include "utils/acl.h"
}

using namespace avq;

extern "C" {
PG_FUNCTION_INFO_V1(avq_index_info);
PG_FUNCTION_INFO_V1(avq_last_scan);
}

namespace {

bool is_avq_index(Relation index) {
  return index->rd_rel->relkind == RELKIND_INDEX && index->rd_indam != nullptr &&
         index->rd_indam->ambuild == avq_build;
}

bool unlogged_on_standby(Relation index) {
  return index->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress();
}

AclResult may_read(Relation index) {
  return pg_class_aclcheck(index->rd_index->indrelid, GetUserId(), ACL_SELECT);
}

}  // namespace

// Errors: does not exist, not an avq index, another session's temporary table, not valid, no SELECT
// on the table, unlogged on a standby.
Relation avq::open_avq_index(Oid oid, LOCKMODE lock, bool missing_ok) {
  Relation index = try_relation_open(oid, lock);
  if (index == nullptr) {
    if (missing_ok) return nullptr;
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("index with OID %u does not exist", oid)));
  }
  if (!is_avq_index(index)) {
    ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                    errmsg("\"%s\" is not an avq index", RelationGetRelationName(index)),
                    index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX
                        ? errhint("Name the index of a partition.")
                        : 0));
  }
  if (RELATION_IS_OTHER_TEMP(index)) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot access temporary indexes of other sessions")));
  }
  if (!index->rd_index->indisvalid) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("index \"%s\" is not valid", RelationGetRelationName(index))));
  }
  const AclResult allowed = may_read(index);
  if (allowed != ACLCHECK_OK) {
    aclcheck_error(allowed, OBJECT_TABLE, get_rel_name(index->rd_index->indrelid));
  }
  if (unlogged_on_standby(index)) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("cannot access unlogged index \"%s\" during recovery",
                           RelationGetRelationName(index))));
  }
  return index;
}

static Relation try_open_avq_index(Oid oid, LOCKMODE lock) {
  if (!ConditionalLockRelationOid(oid, lock)) return nullptr;
  Relation index = try_relation_open(oid, NoLock);
  if (index == nullptr) {
    UnlockRelationOid(oid, lock);
    return nullptr;
  }
  if (is_avq_index(index) && !RELATION_IS_OTHER_TEMP(index) && index->rd_index->indisvalid &&
      may_read(index) == ACLCHECK_OK && !unlogged_on_standby(index)) {
    return index;
  }
  relation_close(index, lock);
  return nullptr;
}

Relation avq::open_index_to_tell(FunctionCallInfo fcinfo) {
  const Oid oid = PG_GETARG_OID(0);
  const bool nowait = PG_GETARG_BOOL(1);
  return nowait ? try_open_avq_index(oid, AccessShareLock)
                : open_avq_index(oid, AccessShareLock, true);
}

Oid avq::table_of_index(Oid index) {
  const Oid table = IndexGetRelation(index, true);
  if (!OidIsValid(table)) {
    ereport(ERROR,
            (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("relation %u is not an avq index", index)));
  }
  return table;
}

namespace {

const char* metric_name(Metric metric) {
  switch (metric) {
    case Metric::inner_product:
      return "inner product";
    case Metric::cosine:
      return "cosine";
    default:
      return "l2";
  }
}

const char* rerank_name(Rerank rerank) {
  switch (rerank) {
    case Rerank::heap:
      return "heap";
    case Rerank::half:
      return "half";
    case Rerank::int8:
      return "int8";
    default:
      return "float";
  }
}

const char* source_name(FittedOn source) {
  switch (source) {
    case FittedOn::sample:
      return "sample";
    case FittedOn::queries:
      return "queries";
    default:
      return "nothing";
  }
}

}  // namespace

Datum avq_index_info(PG_FUNCTION_ARGS) {
  Relation index = open_index_to_tell(fcinfo);
  if (index == nullptr) PG_RETURN_NULL();
  IndexFile file = open_file(index);
  MetaPage meta;
  read_meta(file, &meta);
  int64 live = 0, dead = 0, code_pages = 0, special = 0, most = 0;
  for (uint32 list = 0; list < total_lists(meta); list++) {
    CHECK_FOR_INTERRUPTS();
    ListEntry entry;
    read_entry(file, meta, list, &entry);
    code_pages += entry.pages;
    live += entry.live;
    dead += entry.dead;
    if (list >= meta.shape.lists) {
      special += entry.live;
    } else {
      most = Max(most, int64{entry.live} + entry.spilled);
    }
  }
  const int64 free = count_free_pages(index);
  const int64 other = 1 + int64{meta.model_pages} + meta.directory_pages + code_pages + free;
  const BlockLayout layout = coded_block_layout(meta);

  RowBuilder row;
  begin_row(&row, fcinfo);
  row.text(metric_name(meta.shape.metric));
  row.int4(meta.shape.dims);
  row.int4(meta.shape.lists);
  row.int4(meta.shape.cells);
  row.int4(meta.shape.groups);
  row.int8(live);
  row.int8(special);
  row.int8(dead);
  row.int8(most);
  row.boolean(meta.shape.trained != 0);
  row.int8(static_cast<int64>(meta.built_rows));
  row.int4(meta.generation);
  row.int4(meta.shape.subspaces);
  row.int4(meta.shape.dims_per_subspace);
  row.real(static_cast<float>(layout.bytes) / kBlockRows);
  row.text(rerank_name(meta.rerank));
  row.int4(copy_layout(meta.rerank, meta.shape.dims).bytes);
  row.boolean(meta.shape.rotated != 0);
  row.boolean(meta.shape.row_scale != 0);
  row.real(meta.shape.eta);
  row.real(meta.shape.soar_lambda);
  row.real(meta.shape.route_sigma);
  row.real(meta.shape.error_scale);
  row.real(scan_target_recall(index));
  row.text(source_name(meta.recall.source));
  row.int4(meta.recall.queries);
  row.int8(file.blocks);
  row.int8(meta.model_pages);
  row.int8(meta.directory_pages);
  row.int8(code_pages);
  row.int8(Max(int64{file.blocks} - other, int64{0}));
  row.int8(free);
  row.int4(meta.version);
  row.int8(static_cast<int64>(meta.shape.seed));
  row.text(kernel_target());
  const Datum result = finish_row(&row);
  index_close(index, AccessShareLock);
  return result;
}

Datum avq_last_scan(PG_FUNCTION_ARGS) {
  RowBuilder row;
  begin_row(&row, fcinfo);
  row.int8(last_scan.lists_probed);
  row.int8(last_scan.blocks_scored);
  row.int8(last_scan.rows_reranked);
  row.int8(last_scan.heap_fetches);
  row.int8(last_scan.code_pages);
  row.int8(last_scan.copy_pages);
  row.int8(last_scan.passes);
  return finish_row(&row);
}
