#include "index/search_memory.h"

extern "C" {
#include "utils/memutils.h"
}

namespace avq {

namespace {

constexpr Size kArenaBytes = 256 * 1024;
constexpr Size kAlignment = 64;

char* arena = nullptr;  // from TopMemoryContext, for good
bool taken = false;

void give_back(void*) { taken = false; }

}  // namespace

SearchMemory begin_memory(MemoryContext context) {
  SearchMemory memory = {context, nullptr, 0};
  if (taken) return memory;
  if (arena == nullptr) {
    arena = static_cast<char*>(MemoryContextAlloc(TopMemoryContext, kArenaBytes + kAlignment));
    arena = reinterpret_cast<char*>(TYPEALIGN(kAlignment, arena));
  }
  MemoryContextCallback* callback =
      static_cast<MemoryContextCallback*>(MemoryContextAlloc(context, sizeof(*callback)));
  callback->func = give_back;
  callback->arg = nullptr;
  MemoryContextRegisterResetCallback(context, callback);
  taken = true;
  memory.arena = arena;
  return memory;
}

void* allocate(SearchMemory* memory, Size bytes) {
  const Size wanted = TYPEALIGN(kAlignment, bytes);
  if (memory->arena == nullptr || wanted > kArenaBytes - memory->used || wanted < bytes) {
    return MemoryContextAllocHuge(memory->context, bytes);
  }
  void* piece = memory->arena + memory->used;
  memory->used += wanted;
  return piece;
}

void release(SearchMemory* memory, void* piece) {
  const char* at = static_cast<char*>(piece);
  const bool kept =
      memory->arena != nullptr && at >= memory->arena && at < memory->arena + kArenaBytes;
  if (!kept) pfree(piece);
}

}  // namespace avq
