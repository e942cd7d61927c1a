#pragma once
// Memory of one search. Most searches need a hundred kilobytes or two, in pieces that PostgreSQL's
// allocator fetches from the system and gives back one by one, page faults included, for every
// query. So each backend keeps one piece, which serves one search at a time; what does not fit, and
// searches within a search, are served by the context.
#include "pg.h"

namespace avq {

struct SearchMemory {
  MemoryContext context;
  char* arena;  // null: another search has it
  Size used;
};

// Memory for a search that ends when `context` is reset or deleted.
SearchMemory begin_memory(MemoryContext context);

// At least MAXALIGNed, not initialised. Errors: out of memory.
void* allocate(SearchMemory* memory, Size bytes);
void release(SearchMemory* memory, void* piece);

}  // namespace avq
