#include "index/usage.h"

extern "C" {
#include "access/parallel.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
}

namespace avq {
namespace {

constexpr uint32 kPlaces = 8192;
constexpr uint32 kMostProbes = 64;  // places where an entry may be

struct Entry {
  pg_atomic_uint64 key;  // database and index; 0: free
  pg_atomic_uint64 counters[kUsageCounters];
};

struct Usage {
  Entry entries[kPlaces];
};

Usage* usage = nullptr;

void init_usage(void* memory) {
  for (Entry& entry : static_cast<Usage*>(memory)->entries) {
    pg_atomic_init_u64(&entry.key, 0);
    for (pg_atomic_uint64& counter : entry.counters) pg_atomic_init_u64(&counter, 0);
  }
}

shmem_request_hook_type next_request = nullptr;
shmem_startup_hook_type next_startup = nullptr;

void request_memory() {
  if (next_request != nullptr) next_request();
  RequestAddinShmemSpace(sizeof(Usage));
}

void start_memory() {
  if (next_startup != nullptr) next_startup();
  bool found;
  LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
  usage = static_cast<Usage*>(ShmemInitStruct("avq_usage", sizeof(Usage), &found));
  if (!found) init_usage(usage);
  LWLockRelease(AddinShmemInitLock);
}

// The entry of an index, made where `make`; null where there is none. *full: there is no room for
// it.
Entry* entry_of(Oid index, bool make, bool* full) {
  *full = false;
  const uint64 key = uint64{MyDatabaseId} << 32 | index;
  const uint32 first = murmurhash32(index ^ MyDatabaseId) % kPlaces;
  for (uint32 i = 0; i < kMostProbes; i++) {
    Entry* entry = &usage->entries[(first + i) % kPlaces];
    uint64 found = pg_atomic_read_u64(&entry->key);
    if (found == 0 && make && pg_atomic_compare_exchange_u64(&entry->key, &found, key)) {
      return entry;
    }
    if (found == key) return entry;
    if (found == 0) return nullptr;
  }
  *full = true;
  return nullptr;
}

}  // namespace

void request_usage_memory() {
  if (!process_shared_preload_libraries_in_progress) return;
  next_request = shmem_request_hook;
  shmem_request_hook = request_memory;
  next_startup = shmem_startup_hook;
  shmem_startup_hook = start_memory;
}

// Counting must never make a search fail, so in a subtransaction: the server may be short of
// dynamic shared memory. It is asked once a session. The size in the name keeps libraries of two
// versions apart. A parallel worker, which can begin no subtransaction, counts if its server is
// preloaded.
void attach_usage() {
#if AVQ_DSM_REGISTRY
  static bool tried = false;
  if (usage != nullptr || tried || IsInParallelMode()) return;
  tried = true;
  MemoryContext context = CurrentMemoryContext;
  ResourceOwner owner = CurrentResourceOwner;
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(context);
  PG_TRY();
  {
    char name[64];
    snprintf(name, sizeof(name), "avq_usage_%zu", sizeof(Usage));
    bool found;
    usage = static_cast<Usage*>(GetNamedDSMSegment(name, sizeof(Usage), init_usage, &found));
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    ErrorData* error = CopyErrorData();
    FlushErrorState();
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    if (error->sqlerrcode == ERRCODE_QUERY_CANCELED) {
      tried = false;
      ReThrowError(error);
    }
    ereport(LOG, (errmsg("scans of this session are not counted in pg_stat_avq_indexes"),
                  errdetail_internal("%s", error->message)));
    FreeErrorData(error);
  }
  PG_END_TRY();
#endif
}

void count_usage(Oid index, const ScanCounters& counters) {
  if (usage == nullptr) return;
  bool full;
  Entry* entry = entry_of(index, true, &full);
  if (entry == nullptr) return;
  const int64 counts[kUsageCounters] = {1, counters.lists_probed, counters.blocks_scored,
                                        counters.rows_reranked, counters.heap_fetches};
  for (int i = 0; i < kUsageCounters; i++) {
    pg_atomic_fetch_add_u64(&entry->counters[i], counts[i]);
  }
}

bool read_usage(Oid index, uint64 counts[kUsageCounters]) {
  attach_usage();
  if (usage == nullptr) return false;
  bool full;
  Entry* entry = entry_of(index, false, &full);
  for (int i = 0; i < kUsageCounters; i++) {
    counts[i] = entry == nullptr ? 0 : pg_atomic_read_u64(&entry->counters[i]);
  }
  return !full;
}

void reset_usage() {
  attach_usage();
  if (usage == nullptr) return;
  for (Entry& entry : usage->entries) {
    if (pg_atomic_read_u64(&entry.key) >> 32 != MyDatabaseId) continue;
    for (pg_atomic_uint64& counter : entry.counters) pg_atomic_write_u64(&counter, 0);
  }
}

}  // namespace avq
