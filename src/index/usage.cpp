#include "index/usage.h"

extern "C" {
#include "common/hashfn.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
}

namespace avq {
namespace {

constexpr uint32 kMostIndexes = 2048;

struct Entry {
  pg_atomic_uint64 key;  // database and index; 0: free
  pg_atomic_uint64 counters[kUsageCounters];
};

struct Usage {
  Entry entries[kMostIndexes];
};

Usage* usage = nullptr;

void init_usage(void* memory) {
  for (Entry& entry : static_cast<Usage*>(memory)->entries) {
    pg_atomic_init_u64(&entry.key, 0);
    for (pg_atomic_uint64& counter : entry.counters) pg_atomic_init_u64(&counter, 0);
  }
}

#if AVQ_DSM_REGISTRY

void attach_usage() {
  if (usage != nullptr) return;
  bool found;
  usage = static_cast<Usage*>(GetNamedDSMSegment("avq_usage", sizeof(Usage), init_usage, &found));
}

#else

shmem_request_hook_type next_request = nullptr;
shmem_startup_hook_type next_startup = nullptr;

void request_memory() {
  if (next_request != nullptr) next_request();
  RequestAddinShmemSpace(sizeof(Usage));
}

void start_memory() {
  if (next_startup != nullptr) next_startup();
  bool found;
  usage = static_cast<Usage*>(ShmemInitStruct("avq_usage", sizeof(Usage), &found));
  if (!found) init_usage(usage);
}

void attach_usage() {}

#endif

// The entry of an index, made where `make`; null where there is none, or no room.
Entry* entry_of(Oid index, bool make) {
  attach_usage();
  if (usage == nullptr) return nullptr;
  const uint64 key = uint64{MyDatabaseId} << 32 | index;
  const uint32 first = murmurhash32(index ^ MyDatabaseId) % kMostIndexes;
  for (uint32 i = 0; i < kMostIndexes; i++) {
    Entry* entry = &usage->entries[(first + i) % kMostIndexes];
    uint64 found = pg_atomic_read_u64(&entry->key);
    if (found == 0 && make && pg_atomic_compare_exchange_u64(&entry->key, &found, key)) {
      return entry;
    }
    if (found == key) return entry;
    if (found == 0) return nullptr;
  }
  return nullptr;
}

}  // namespace

void request_usage_memory() {
#if !AVQ_DSM_REGISTRY
  if (!process_shared_preload_libraries_in_progress) return;
  next_request = shmem_request_hook;
  shmem_request_hook = request_memory;
  next_startup = shmem_startup_hook;
  shmem_startup_hook = start_memory;
#endif
}

void count_usage(Oid index, const ScanCounters& counters) {
  Entry* entry = entry_of(index, true);
  if (entry == nullptr) return;
  const int64 counts[kUsageCounters] = {1, counters.lists_probed, counters.blocks_scored,
                                        counters.rows_reranked, counters.heap_fetches};
  for (int i = 0; i < kUsageCounters; i++) {
    pg_atomic_fetch_add_u64(&entry->counters[i], counts[i]);
  }
}

bool read_usage(Oid index, uint64 counts[kUsageCounters]) {
  Entry* entry = entry_of(index, false);
  for (int i = 0; i < kUsageCounters; i++) {
    counts[i] = entry == nullptr ? 0 : pg_atomic_read_u64(&entry->counters[i]);
  }
  return usage != nullptr;
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
