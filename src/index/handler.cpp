// avq_handler: what PostgreSQL may ask of the access method; operator classes' support functions.
#include "index/am.h"
#include "index/column.h"
#include "index/options.h"

using namespace avq;

extern "C" {
PG_FUNCTION_INFO_V1(avq_handler);
PG_FUNCTION_INFO_V1(avq_vector_ip_support);
PG_FUNCTION_INFO_V1(avq_vector_cosine_support);
PG_FUNCTION_INFO_V1(avq_vector_l2_support);
PG_FUNCTION_INFO_V1(avq_halfvec_ip_support);
PG_FUNCTION_INFO_V1(avq_halfvec_cosine_support);
PG_FUNCTION_INFO_V1(avq_halfvec_l2_support);
}

const char* avq::build_phase_name(int64 phase) {
  switch (phase) {
    case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
      return "initializing";
    case kPhaseSampling:
      return "sampling rows";
    case kPhaseTraining:
      return "training lists and codebooks";
    case kPhaseEncoding:
      return "assigning and encoding rows";
    case kPhaseSorting:
      return "sorting by list";
    case kPhaseWriting:
      return "writing pages";
  }
  return nullptr;
}

Datum avq_handler(PG_FUNCTION_ARGS) {
  IndexAmRoutine* am = makeNode(IndexAmRoutine);
  am->amstrategies = 0;
  am->amsupport = kSupportProc;
  am->amoptsprocnum = 0;
  am->amcanorder = false;
  am->amcanorderbyop = true;
  am->amcanbackward = false;
  am->amcanunique = false;
  am->amcanmulticol = false;
  am->amoptionalkey = true;
  am->amsearcharray = false;
  am->amsearchnulls = false;
  am->amstorage = false;
  am->amclusterable = false;
  am->ampredlocks = false;
  am->amcanparallel = false;
  allow_parallel_build(am);
  am->amcaninclude = false;
  am->amusemaintenanceworkmem = true;
  am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
  am->amkeytype = InvalidOid;

  am->ambuild = avq_build;
  am->ambuildempty = avq_build_empty;
  am->aminsert = avq_insert;
  am->ambulkdelete = avq_bulk_delete;
  am->amvacuumcleanup = avq_vacuum_cleanup;
  am->amcostestimate = avq_cost_estimate;
  am->amoptions = parse_index_options;
  am->ambuildphasename = [](int64 phase) -> char* {
    return const_cast<char*>(build_phase_name(phase));
  };
  am->amvalidate = avq_validate;
  am->ambeginscan = avq_begin_scan;
  am->amrescan = avq_rescan;
  am->amgettuple = avq_get_tuple;
  am->amendscan = avq_end_scan;
  PG_RETURN_POINTER(am);
}

#define AVQ_SUPPORT(name, metric, element)                    \
  Datum name(PG_FUNCTION_ARGS) {                              \
    static const OpclassSupport kSupport = {metric, element}; \
    PG_RETURN_POINTER(&kSupport);                             \
  }

AVQ_SUPPORT(avq_vector_ip_support, Metric::inner_product, Element::float4)
AVQ_SUPPORT(avq_vector_cosine_support, Metric::cosine, Element::float4)
AVQ_SUPPORT(avq_vector_l2_support, Metric::l2, Element::float4)
AVQ_SUPPORT(avq_halfvec_ip_support, Metric::inner_product, Element::half)
AVQ_SUPPORT(avq_halfvec_cosine_support, Metric::cosine, Element::half)
AVQ_SUPPORT(avq_halfvec_l2_support, Metric::l2, Element::half)
