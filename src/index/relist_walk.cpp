// The old lists: a sample of their rows, then passes that hand on the rows that are new.
#include <algorithm>

#include "core/bfloat16.h"
#include "core/codec.h"
#include "index/build.h"
#include "index/relist.h"
#include "index/row_sample.h"

namespace avq {

namespace {

constexpr uint32 kBatchRows = 256;
constexpr uint32 kLeastChunk = 4096;

void pause(const Relist* relist) {
  if (relist->hurried) {
    CHECK_FOR_INTERRUPTS();
  } else {
    vacuum_delay(false);
  }
}

// Calls visit(extent, block, const BlockView&) for the blocks of an old list from a place on. The
// bits of `used` are read no later than what they vouch for.
template <class Visit>
void walk_old_list(Relist* relist, uint32 list, BlockNumber extent, uint32 block, Visit&& visit) {
  walk_blocks(
      relist->old_file, list, layout_of(relist->old_geometry, relist->old_meta, list), extent,
      block, relist->carry, [relist] { pause(relist); }, visit);
}

void read_comparable(Relist* relist, uint32 copy, float* out) {
  const MetaPage& meta = relist->old_meta;
  read_copy(
      relist->old_file, relist->old_geometry.copies, copy, relist->record,
      [&](const char* record) { read_copy_floats(meta.rerank, record, meta.shape.dims, out); });
}

int64 checked_tid(Relist* relist, ItemPointer tid) {
  if (!ItemPointerIsValid(tid)) {
    report_damage(relist->index, kMetaBlock, kSlotWithoutRow);
  }
  return tid_to_int64(tid);
}

void remember_used(Relist* relist, uint32 used) {
  SeenBits* seen = &relist->seen;
  if (seen->count == seen->room) {
    seen->room *= 2;
    seen->bits = static_cast<uint32*>(repalloc_huge(seen->bits, sizeof(*seen->bits) * seen->room));
  }
  seen->bits[seen->count++] = used;
}

NewRow row_at(int64 tid) {
  NewRow row = {};
  ItemPointerSet(&row.tid, static_cast<BlockNumber>(tid >> 16),
                 static_cast<OffsetNumber>(tid & 0xffff));
  return row;
}

// One slot for the new lists, sorted or at once. `prepared`: null for a dead one.
void hand_on(Relist* relist, uint32 list, const RowReference& reference, SlotUse use,
             const float* prepared) {
  EncodedRow encoded = {};
  if (use != SlotUse::dead) {
    encoded = encode(relist->model, prepared, list, relist->codes, relist->scratch);
  }
  if (relist->rows == nullptr) {
    NewRow row = row_at(reference.tid);
    row.codes = relist->codes;
    row.scale = float_to_bfloat16(encoded.scale);
    row.offset = encoded.offset;
    row.borrowed_copy = reference.copy;
    row.owns_copy = use == SlotUse::row;
    row.spilled = use == SlotUse::second_code;
    store_row(relist->file, &relist->meta, relist->geometry, list, row);
    return;
  }
  const SlotPayload payload = {encoded.offset, float_to_bfloat16(encoded.scale), use, 0,
                               reference.copy};
  memcpy(VARDATA(relist->payload), &payload, sizeof(payload));
  memcpy(VARDATA(relist->payload) + sizeof(payload), relist->codes, relist->model.shape.subspaces);
  // Dead slots come last, so that they fill blocks which scans pass over.
  constexpr int64 kLast = int64{1} << 62;
  put_row(relist->rows, relist->slot, list,
          use == SlotUse::dead ? kLast | reference.copy : reference.tid, relist->payload);
  SlotCounts* counts = &relist->counts[list];
  (use == SlotUse::row           ? counts->rows
   : use == SlotUse::second_code ? counts->second_codes
                                 : counts->dead)++;
}

void flush_batch(Relist* relist, const RowReference* batch, uint32 count) {
  const ModelShape& shape = relist->model.shape;
  const Size padded = shape.padded_dims();
  const bool spilling = shape.soar_lambda > 0 && shape.lists > 1;
  for (uint32 i = 0; i < count; i++) {
    pause(relist);
    read_comparable(relist, batch[i].copy, relist->comparable);
    prepare(shape, relist->comparable, relist->prepared + i * padded);
  }
  uint32 lists[kBatchRows];
  assign_lists(relist->model, relist->prepared, count, lists);
  uint32 seconds[kBatchRows];
  if (spilling) {
    spill_lists(relist->model, relist->prepared, count, lists, seconds, relist->spill_scratch);
  }
  for (uint32 i = 0; i < count; i++) {
    const float* prepared = relist->prepared + i * padded;
    if (batch[i].dead) {
      hand_on(relist, lists[i], batch[i], SlotUse::dead, nullptr);
      continue;
    }
    hand_on(relist, lists[i], batch[i], SlotUse::row, prepared);
    relist->rows_passed++;
    if (spilling && seconds[i] != lists[i]) {
      hand_on(relist, seconds[i], batch[i], SlotUse::second_code, prepared);
    }
  }
}

// Copies are read as they lie, not as the lists have them.
void flush_chunk(Relist* relist) {
  std::sort(relist->chunk, relist->chunk + relist->chunk_count,
            [](const RowReference& a, const RowReference& b) { return a.copy < b.copy; });
  for (uint32 i = 0; i < relist->chunk_count; i += kBatchRows) {
    flush_batch(relist, relist->chunk + i, Min(kBatchRows, relist->chunk_count - i));
  }
  relist->chunk_count = 0;
}

void add_coded(Relist* relist, const RowReference& reference) {
  if (relist->chunk_count == relist->chunk_room) flush_chunk(relist);
  relist->chunk[relist->chunk_count++] = reference;
}

void add_special(Relist* relist, uint32 which, int64 tid) {
  const uint32 list = special_list(relist->meta, which);
  relist->rows_passed++;
  if (relist->rows == nullptr) {
    store_row(relist->file, &relist->meta, relist->geometry, list, row_at(tid));
    return;
  }
  memset(VARDATA(relist->payload), 0, sizeof(SlotPayload));
  put_row(relist->rows, relist->slot, list, tid, relist->payload);
  relist->counts[list].rows++;
}

void pass_block(Relist* relist, uint32 list, uint32 seen_before, bool first_pass,
                const BlockView& block) {
  const BlockHeader* header = block.header();
  const ItemPointerData* tids = block.tids();
  for (uint32 fresh = header->used & ~seen_before & ~header->spilled; fresh != 0;
       fresh &= fresh - 1) {
    const int slot = __builtin_ctz(fresh);
    ItemPointerData tid = tids[slot];
    const int64 number = checked_tid(relist, &tid);
    if (list < relist->old_meta.shape.lists) {
      add_coded(relist, {block.copy(slot), false, number});
    } else {
      add_special(relist, list - relist->old_meta.shape.lists, number);
    }
  }
  if (!first_pass) return;
  for (uint32 dead = header->owns & ~header->used; dead != 0; dead &= dead - 1) {
    add_coded(relist, {block.copy(__builtin_ctz(dead)), true, 0});
  }
}

void pass_list(Relist* relist, uint32 list, bool first_pass) {
  ListEntry entry;
  read_entry(relist->old_file, relist->old_meta, list, &entry);
  const ListMark before = first_pass ? ListMark{entry.head, 0, 0, 0} : relist->marks[list];
  // The next pass begins at the first block with a slot that an insert may take meanwhile; those of
  // dead rows that own a copy are in our hands, and nothing else is freed. `open` may lie far
  // before.
  ListMark after = {before.extent, before.block, 0, relist->seen.count};
  bool marked = false;
  uint32 number = 0;
  walk_old_list(relist, list, before.extent, before.block,
                [&](BlockNumber extent, uint32 block, const BlockView& view) {
                  const uint32 seen_before =
                      number < before.blocks ? relist->seen_before.bits[before.first + number] : 0;
                  number++;
                  const BlockHeader* header = view.header();
                  if (!marked) {
                    marked = ~(header->used | header->owns) != 0;
                    after.extent = extent;
                    after.block = marked ? block : block + 1;  // or behind the last one
                  }
                  if (marked) {
                    remember_used(relist, header->used);
                    after.blocks++;
                  }
                  pass_block(relist, list, seen_before, first_pass, view);
                });
  relist->marks[list] = after;
}

}  // namespace

float* sample_copies(Relist* relist, Size wanted, BlockNumber pages, Size* sampled) {
  RowSample chosen;
  begin_row_sample(&chosen, relist->old_meta.shape.seed, wanted, pages);
  uint32* copies =
      static_cast<uint32*>(MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint32) * wanted));
  for (uint32 list = 0; list < relist->old_meta.shape.lists; list++) {
    ListEntry entry;
    read_entry(relist->old_file, relist->old_meta, list, &entry);
    walk_old_list(relist, list, entry.head, 0, [&](BlockNumber, uint32, const BlockView& block) {
      const BlockHeader* header = block.header();
      for (uint32 rows = header->used & ~header->spilled; rows != 0; rows &= rows - 1) {
        const int slot = __builtin_ctz(rows);
        ItemPointerData pointer = block.tids()[slot];
        const uint64 tid = static_cast<uint64>(checked_tid(relist, &pointer));
        if (wants_row(&chosen, tid)) copies[take_row(&chosen, tid)] = block.copy(slot);
      }
    });
  }
  order_row_sample(&chosen);
  // Copies are read as they lie.
  uint64* order = static_cast<uint64*>(
      MemoryContextAllocHuge(CurrentMemoryContext, sizeof(uint64) * Max(chosen.count, Size{1})));
  for (Size i = 0; i < chosen.count; i++) order[i] = uint64{copies[chosen.rows[i].place]} << 32 | i;
  std::sort(order, order + chosen.count);
  const Size dims = relist->old_meta.shape.dims;
  float* sample = static_cast<float*>(MemoryContextAllocHuge(
      CurrentMemoryContext, sizeof(float) * dims * Max(chosen.count, Size{1})));
  for (Size i = 0; i < chosen.count; i++) {
    pause(relist);
    read_comparable(relist, static_cast<uint32>(order[i] >> 32),
                    sample + static_cast<uint32>(order[i]) * dims);
  }
  *sampled = chosen.count;
  pfree(order);
  pfree(copies);
  end_row_sample(&chosen);
  return sample;
}

void begin_passes(Relist* relist, double rows) {
  const ModelShape& shape = relist->model.shape;
  relist->marks = static_cast<ListMark*>(MemoryContextAllocHuge(
      CurrentMemoryContext, sizeof(ListMark) * total_lists(relist->old_meta)));
  for (SeenBits* seen : {&relist->seen, &relist->seen_before}) {
    seen->room = 1024;
    seen->bits = static_cast<uint32*>(palloc(sizeof(uint32) * seen->room));
  }
  const Size most = relist->budget / 4 / sizeof(RowReference);
  const double wanted = Min(Max(rows, double(kLeastChunk)), double(PG_INT32_MAX));
  relist->chunk_room = static_cast<uint32>(Max(Min(double(most), wanted), double(kLeastChunk)));
  relist->chunk = static_cast<RowReference*>(MemoryContextAllocHuge(
      CurrentMemoryContext, sizeof(RowReference) * Size{relist->chunk_room}));
  relist->comparable = static_cast<float*>(palloc(sizeof(float) * shape.dims));
  relist->prepared = static_cast<float*>(MemoryContextAllocHuge(
      CurrentMemoryContext, sizeof(float) * kBatchRows * shape.padded_dims()));
  relist->scratch = static_cast<float*>(palloc(sizeof(float) * encode_scratch_floats(shape)));
  relist->spill_scratch = static_cast<float*>(palloc(sizeof(float) * kSpillScratchFloats));
  relist->codes = static_cast<uint8*>(palloc0(shape.subspaces));
  const Size payload = VARHDRSZ + sizeof(SlotPayload) + shape.subspaces;
  relist->payload = static_cast<bytea*>(palloc0(payload));
  SET_VARSIZE(relist->payload, payload);
  relist->slot = MakeSingleTupleTableSlot(row_descriptor(), &TTSOpsVirtual);
}

void pass_lists(Relist* relist) {
  std::swap(relist->seen, relist->seen_before);
  relist->seen.count = 0;
  relist->rows_passed = 0;
  const bool first_pass = relist->rows != nullptr;
  for (uint32 list = 0; list < total_lists(relist->old_meta); list++) {
    pass_list(relist, list, first_pass);
  }
  flush_chunk(relist);
}

}  // namespace avq
