#include "index/row_sample.h"

#include <algorithm>

extern "C" {
#include "common/hashfn.h"
#include "utils/sampling.h"
}

namespace avq {

namespace {

bool lesser_key(const SampledRow& a, const SampledRow& b) {
  return a.key < b.key || (a.key == b.key && a.tid < b.tid);
}

SampledRow row_of(const RowSample* sample, uint64 tid) {
  const unsigned char* bytes = reinterpret_cast<const unsigned char*>(&tid);
  return {DatumGetUInt64(hash_any_extended(bytes, sizeof(tid), sample->seed)), tid, 0};
}

}  // namespace

void begin_row_sample(RowSample* sample, uint64 seed, Size capacity, BlockNumber pages) {
  *sample = {seed, capacity, 0, nullptr, pages, nullptr};
  sample->rows = static_cast<SampledRow*>(
      MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SampledRow) * capacity));
  if (pages <= capacity) return;
  sample->chosen = static_cast<uint8*>(MemoryContextAllocZero(CurrentMemoryContext, pages / 8 + 1));
  BlockSamplerData sampler;
  BlockSampler_Init(&sampler, pages, static_cast<int>(Min(capacity, Size{INT_MAX})),
                    static_cast<uint32>(seed));
  while (BlockSampler_HasMore(&sampler)) {
    const BlockNumber page = BlockSampler_Next(&sampler);
    sample->chosen[page / 8] |= 1 << page % 8;
  }
}

void end_row_sample(RowSample* sample) {
  pfree(sample->rows);
  if (sample->chosen != nullptr) pfree(sample->chosen);
}

bool wants_page(const RowSample* sample, BlockNumber page) {
  if (page >= sample->pages) return false;
  return sample->chosen == nullptr || (sample->chosen[page / 8] & 1 << page % 8) != 0;
}

bool wants_row(const RowSample* sample, uint64 tid) {
  if (!wants_page(sample, static_cast<BlockNumber>(tid >> 16))) return false;
  return sample->count < sample->capacity || lesser_key(row_of(sample, tid), sample->rows[0]);
}

Size take_row(RowSample* sample, uint64 tid) {
  SampledRow row = row_of(sample, tid);
  SampledRow* rows = sample->rows;
  if (sample->count < sample->capacity) {
    row.place = sample->count;
    rows[sample->count++] = row;
    if (sample->count == sample->capacity) std::make_heap(rows, rows + sample->count, lesser_key);
    return row.place;
  }
  std::pop_heap(rows, rows + sample->count, lesser_key);
  row.place = rows[sample->count - 1].place;
  rows[sample->count - 1] = row;
  std::push_heap(rows, rows + sample->count, lesser_key);
  return row.place;
}

void order_row_sample(RowSample* sample) {
  std::sort(sample->rows, sample->rows + sample->count,
            [](const SampledRow& a, const SampledRow& b) { return a.tid < b.tid; });
}

}  // namespace avq
