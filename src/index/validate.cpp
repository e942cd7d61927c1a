// amvalidate: does an operator class have what the access method calls?
#include "index/am.h"
#include "index/column.h"

extern "C" {
#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_opfamily.h"
#include "utils/regproc.h"
}

namespace avq {

namespace {

bool complain(const char* opclass, const char* what) {
  ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                 errmsg("avq operator class \"%s\" %s", opclass, what)));
  return false;
}

bool validate_operators(const char* name, CatCList* operators, Oid family, Oid type) {
  bool valid = true, found = false;
  for (int i = 0; i < operators->n_members; i++) {
    Form_pg_amop entry = reinterpret_cast<Form_pg_amop>(GETSTRUCT(&operators->members[i]->tuple));
    if (entry->amopstrategy != kDistanceStrategy) {
      valid = complain(name, "has an operator with an unknown strategy number");
    }
    if (entry->amoppurpose != AMOP_ORDER) {
      valid = complain(name, "has an operator that is not FOR ORDER BY");
    } else if (get_op_rettype(entry->amopopr) != FLOAT8OID ||
               !opfamily_can_sort_type(entry->amopsortfamily, FLOAT8OID)) {
      valid = complain(name, "orders by something that is not a float8");
    }
    if (entry->amoplefttype == type && entry->amoprighttype == type) found = true;
  }
  return found ? valid : complain(name, "lacks its distance operator");
}

bool validate_support(const char* name, CatCList* procs, Oid type) {
  bool valid = true, found = false;
  for (int i = 0; i < procs->n_members; i++) {
    Form_pg_amproc entry = reinterpret_cast<Form_pg_amproc>(GETSTRUCT(&procs->members[i]->tuple));
    if (entry->amprocnum != kSupportProc) {
      valid = complain(name, "has a support function with an unknown number");
    } else if (!check_amproc_signature(entry->amproc, INTERNALOID, true, 1, 1, INTERNALOID)) {
      valid = complain(name, "has a support function of the wrong signature");
    } else if (entry->amproclefttype == type) {
      found = true;
    }
  }
  return found ? valid : complain(name, "lacks its support function");
}

}  // namespace

bool avq_validate(Oid opclass) {
  HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator class %u", opclass);
  Form_pg_opclass form = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(tuple));
  const Oid family = form->opcfamily;
  const Oid type = form->opcintype;
  const char* name = pstrdup(NameStr(form->opcname));
  ReleaseSysCache(tuple);

  CatCList* operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
  CatCList* procs = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(family));
  const bool operators_valid = validate_operators(name, operators, family, type);
  const bool support_valid = validate_support(name, procs, type);
  ReleaseCatCacheList(procs);
  ReleaseCatCacheList(operators);
  return operators_valid && support_valid;
}

}  // namespace avq
