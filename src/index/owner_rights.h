#pragma once
// The functions of an index on an expression or with a predicate are the table owner's, and so are
// the rights that they run with, whoever makes them run.
//
// Errors: none; after one elsewhere the end of the (sub)transaction gives the rights back.
#include "compat.h"

namespace avq {

struct OwnerRights {
  Oid caller;
  int security_context;
  int settings_level;
};

inline OwnerRights take_owner_rights(Relation heap) {
  OwnerRights rights;
  GetUserIdAndSecContext(&rights.caller, &rights.security_context);
  SetUserIdAndSecContext(heap->rd_rel->relowner,
                         rights.security_context | SECURITY_RESTRICTED_OPERATION);
  rights.settings_level = NewGUCNestLevel();
  restrict_search_path();
  return rights;
}

inline void return_owner_rights(const OwnerRights& rights) {
  AtEOXact_GUC(false, rights.settings_level);
  SetUserIdAndSecContext(rights.caller, rights.security_context);
}

}  // namespace avq
