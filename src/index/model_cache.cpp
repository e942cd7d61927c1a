#include "index/model_cache.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace avq {

struct CachedReference {
  CachedIndex* cached;  // null once released
  MemoryContextCallback callback;
};

namespace {

CachedIndex* entries = nullptr;

void mark_stale(Datum, Oid relation) {
  for (CachedIndex* entry = entries; entry != nullptr; entry = entry->next) {
    if (!OidIsValid(relation) || entry->index == relation) entry->stale = true;
  }
}

// Whether what is cached of one is right for the other: calibration replaces the recall model only.
bool same_contents(const MetaPage& a, const MetaPage& b) {
  constexpr Size kAfter = offsetof(MetaPage, model_start);
  return memcmp(&a, &b, offsetof(MetaPage, recall)) == 0 &&
         memcmp(&a.model_start, &b.model_start, offsetof(MetaPage, crc) - kAfter) == 0;
}

bool matches(const CachedIndex* entry, Relation index, const MetaPage& meta) {
  return entry->index == RelationGetRelid(index) &&
         entry->file_number == relation_file_number(index) && same_contents(entry->meta, meta);
}

// Frees what an invalidation has marked and nobody uses, but for the entry that matches.
void sweep(Relation index, const MetaPage& meta) {
  for (CachedIndex** link = &entries; *link != nullptr;) {
    CachedIndex* entry = *link;
    const bool outdated = entry->index == RelationGetRelid(index) && !matches(entry, index, meta);
    if ((entry->stale || outdated) && entry->references == 0 && !matches(entry, index, meta)) {
      *link = entry->next;
      MemoryContextDelete(entry->context);
    } else {
      link = &entry->next;
    }
  }
}

// Reads the directory: heads, which never change within a generation, and row counts, which do.
void load_directory(IndexFile& file, CachedIndex* entry) {
  const uint32 lists = total_lists(entry->meta);
  entry->coded_rows = 0;
  for (uint32 first = 0; first < lists; first += kEntriesPerPage) {
    CHECK_FOR_INTERRUPTS();
    Buffer buffer = read_page(file, entry_place(entry->meta, first).block, PageKind::directory,
                              BUFFER_LOCK_SHARE);
    const ListEntry* stored = reinterpret_cast<const ListEntry*>(payload(BufferGetPage(buffer)));
    for (uint32 i = 0; i < kEntriesPerPage && first + i < lists; i++) {
      entry->heads[first + i] = stored[i].head;
      if (first + i >= entry->meta.shape.lists) continue;
      entry->coded_rows += stored[i].live;
    }
    UnlockReleaseBuffer(buffer);
  }
}

void load_model(IndexFile& file, CachedIndex* entry) {
  const MetaPage& meta = entry->meta;
  const Size size = stored_floats(meta.shape) * sizeof(float);
  float* floats = static_cast<float*>(MemoryContextAllocHuge(entry->context, size));
  read_chain(file, meta.model_start, PageKind::model, floats, size);
  pg_crc32c crc;
  INIT_CRC32C(crc);
  COMP_CRC32C(crc, floats, size);
  FIN_CRC32C(crc);
  if (crc != meta.model_crc) {
    report_damage(file.relation, meta.model_start, "the model's checksum does not match");
  }
  entry->model = Model::over(meta.shape, floats);
  entry->routing = make_routing_table(
      entry->model, MemoryContextAllocHuge(entry->context, routing_table_bytes(meta.shape)));
  entry->mean = meta.shape.metric == Metric::l2 ? floats + Model::float_count(meta.shape) : nullptr;
}

RecentBuffers* make_recent(const IndexFile& file) {
  // Room for some growth; blocks beyond it are looked up as usual. An index far larger than memory
  // has few pages to remember.
  const BlockNumber blocks = static_cast<BlockNumber>(
      Min(uint64{file.blocks} + file.blocks / 4 + 64, uint64{static_cast<uint32>(NBuffers)} * 4));
  RecentBuffers* recent = static_cast<RecentBuffers*>(palloc(sizeof(RecentBuffers)));
  recent->blocks = blocks;
  recent->uses = 0;
  recent->buffers = static_cast<Buffer*>(MemoryContextAllocExtended(
      CurrentMemoryContext, sizeof(Buffer) * Size{blocks}, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
  return recent;
}

CachedIndex* load(IndexFile& file, const MetaPage& meta) {
  static bool callback_registered = false;
  if (!callback_registered) {
    CacheRegisterRelcacheCallback(mark_stale, static_cast<Datum>(0));
    callback_registered = true;
  }
  // Under the current context until it is whole, so that an error in between frees it.
  MemoryContext context =
      AllocSetContextCreate(CurrentMemoryContext, "avq model", ALLOCSET_SMALL_SIZES);
  MemoryContext caller = MemoryContextSwitchTo(context);
  CachedIndex* entry = static_cast<CachedIndex*>(palloc0(sizeof(CachedIndex)));
  entry->index = RelationGetRelid(file.relation);
  entry->file_number = relation_file_number(file.relation);
  entry->context = context;
  entry->element = index_element(file.relation);
  entry->meta = meta;
  entry->geometry = list_geometry(meta);
  load_model(file, entry);
  const Size lists = total_lists(meta);
  entry->heads = static_cast<BlockNumber*>(palloc(sizeof(BlockNumber) * lists));
  load_directory(file, entry);
  entry->recent = make_recent(file);
  MemoryContextSwitchTo(caller);

  MemoryContextSetParent(context, CacheMemoryContext);
  entry->next = entries;
  entries = entry;
  return entry;
}

}  // namespace

CachedIndex* acquire_cached(IndexFile& file) {
  MetaPage meta;
  read_meta(file, &meta);
  sweep(file.relation, meta);
  for (CachedIndex* entry = entries; entry != nullptr; entry = entry->next) {
    if (!matches(entry, file.relation, meta)) continue;
    entry->meta = meta;                             // copy tails and recall model
    if (entry->stale) load_directory(file, entry);  // VACUUM, most likely: new counts
    entry->stale = false;
    return entry;
  }
  return load(file, meta);
}

CachedReference* refer_to_cached(CachedIndex* cached, MemoryContext context) {
  CachedReference* reference =
      static_cast<CachedReference*>(MemoryContextAlloc(context, sizeof(CachedReference)));
  reference->cached = cached;
  reference->callback.func = [](void* argument) {
    release_cached(static_cast<CachedReference*>(argument));
  };
  reference->callback.arg = reference;
  MemoryContextRegisterResetCallback(context, &reference->callback);
  cached->references++;
  return reference;
}

void release_cached(CachedReference* reference) {
  if (reference->cached == nullptr) return;
  reference->cached->references--;
  reference->cached = nullptr;
}

}  // namespace avq
