#include "storage/slots.h"

#include "core/codec.h"
#include "storage/spare_copies.h"

namespace avq {

ListGeometry list_geometry(const MetaPage& meta) {
  return {coded_block_layout(meta), special_block_layout(),
          copy_layout(meta.rerank, meta.shape.dims)};
}

void fill_slot(char* block, const BlockLayout& layout, uint32 slot, const NewRow& row,
               uint32 copy_address) {
  BlockHeader* header = reinterpret_cast<BlockHeader*>(block);
  if (layout.subspaces > 0) {
    memcpy(block + layout.scales + slot * sizeof(uint16), &row.scale, sizeof(uint16));
    if (layout.offsets != 0) {
      memcpy(block + layout.offsets + slot * sizeof(float), &row.offset, sizeof(float));
    }
    memcpy(block + layout.copies + slot * sizeof(uint32), &copy_address, sizeof(uint32));
    pack_codes(reinterpret_cast<uint8*>(block + layout.codes), 0, layout.subspaces, slot,
               row.codes);
  }
  memcpy(block + layout.tids + slot * sizeof(ItemPointerData), &row.tid, sizeof(ItemPointerData));
  header->used |= 1u << slot;
  if (row.copy_record != nullptr || row.owns_copy) header->owns |= 1u << slot;
  if (row.spilled) header->spilled |= 1u << slot;
}

namespace {

// Writes the parts of a slot that lie on the main page (with `main`, its image) or on the others
// (main == nullptr). Nibbles of other rows in the same bytes are kept.
class SlotWriter {
 public:
  SlotWriter(WalEdit& edit, const SlotClaim& claim, Page main)
      : edit_(edit), claim_(claim), main_(main) {}

  void bytes(uint32 offset, const void* data, uint32 length) {
    const char* from = static_cast<const char*>(data);
    uint64 start = claim_.start + offset;
    while (length > 0) {
      const uint32 take = Min(length, static_cast<uint32>(kPayload - start % kPayload));
      char* to = place(start);
      if (to != nullptr) memcpy(to, from, take);
      from += take;
      start += take;
      length -= take;
    }
  }

  void codes(const BlockLayout& layout, const uint8* codes) {
    for (uint32 first = 0; first < layout.subspaces;) {
      const uint64 start = claim_.start + layout.codes + uint64{first} * kCodeRowBytes;
      const uint32 room = static_cast<uint32>((kPayload - start % kPayload) / kCodeRowBytes);
      const uint32 count = Min(room, layout.subspaces - first);
      char* to = place(start);
      if (to != nullptr) {
        pack_codes(reinterpret_cast<uint8*>(to), first, count, claim_.slot, codes);
      }
      first += count;
    }
  }

 private:
  // The byte of the extent in this pass's image, or null if it belongs to the other pass.
  char* place(uint64 start) {
    const uint64 index = start / kPayload;
    const bool on_main = index == claim_.start / kPayload;
    if (on_main != (main_ != nullptr)) return nullptr;
    Page page = on_main
                    ? main_
                    : edit_.page(claim_.extent + static_cast<BlockNumber>(index), PageKind::codes);
    return payload(page) + start % kPayload;
  }

  WalEdit& edit_;
  const SlotClaim& claim_;
  Page main_;
};

void write_slot(WalEdit& edit, const SlotClaim& claim, const BlockLayout& layout, const NewRow& row,
                uint32 copy_address, Page main) {
  SlotWriter writer(edit, claim, main);
  if (layout.subspaces > 0) {
    writer.bytes(layout.scales + claim.slot * sizeof(uint16), &row.scale, sizeof(uint16));
    if (layout.offsets != 0) {
      writer.bytes(layout.offsets + claim.slot * sizeof(float), &row.offset, sizeof(float));
    }
    writer.bytes(layout.copies + claim.slot * sizeof(uint32), &copy_address, sizeof(uint32));
    writer.codes(layout, row.codes);
  }
  writer.bytes(layout.tids + claim.slot * sizeof(ItemPointerData), &row.tid,
               sizeof(ItemPointerData));
  if (main != nullptr) {
    BlockHeader* header = reinterpret_cast<BlockHeader*>(payload(main) + claim.start % kPayload);
    const uint32 bit = 1u << claim.slot;
    header->used |= bit;
    if (row.copy_record != nullptr || row.owns_copy) header->owns |= bit;
    header->spilled = row.spilled ? header->spilled | bit : header->spilled & ~bit;
  }
}

uint32 pages_of_block(const SlotClaim& claim, const BlockLayout& layout) {
  return static_cast<uint32>((claim.start + layout.bytes - 1) / kPayload - claim.start / kPayload +
                             1);
}

// Reserves a record for a row too large for one WAL record: a change of its own.
uint32 reserve_copy_apart(IndexFile& file, MetaPage* meta, const ListGeometry& geometry, int tail) {
  for (;;) {
    const BlockNumber run = meta->copy_tails[tail];
    if (run != 0) {
      WalEdit edit(file, read_page(file, run, PageKind::copies, BUFFER_LOCK_EXCLUSIVE));
      uint32 address;
      if (take_record(edit.main_page(), geometry.copies, run, &address)) {
        edit.finish();
        return address;
      }
      edit.abandon();
    }
    const uint32 spare = take_spare_copy(file, *meta, geometry.coded);
    if (spare != 0) return spare;
    renew_copy_tail(file, geometry.copies, tail, meta);
  }
}

// Writes a reserved record, which no slot points to yet, as a change of its own.
void write_copy_apart(IndexFile& file, const CopyLayout& layout, uint32 address,
                      const char* record) {
  const CopyPlace place = checked_copy_place(file.relation, layout, address);
  const uint64 start = uint64{place.record} * layout.bytes;
  const BlockNumber first = place.run + static_cast<BlockNumber>(start / kPayload);
  WalEdit edit(file, read_page(file, first, PageKind::copies, BUFFER_LOCK_EXCLUSIVE));
  const uint32 head = Min(layout.bytes, static_cast<uint32>(kPayload - start % kPayload));
  uint32 left = layout.bytes - head;
  const char* from = record + head;
  for (BlockNumber block = first + 1; left > 0; block++) {
    const uint32 take = Min(left, static_cast<uint32>(kPayload));
    memcpy(payload(edit.page(block, PageKind::copies)), from, take);
    from += take;
    left -= take;
  }
  memcpy(payload(edit.main_page()) + start % kPayload, record, head);
  edit.finish();
}

}  // namespace

uint32 store_row(IndexFile& file, MetaPage* meta, const ListGeometry& geometry, uint32 list,
                 const NewRow& row) {
  const BlockLayout& layout = layout_of(geometry, *meta, list);
  const bool brings_copy = row.copy_record != nullptr;
  const int tail = copy_tail_choice();
  uint32 reserved = 0;  // a copy record that is this row's; lost if we do not come to the end
  bool written = false;

  for (;;) {
    CHECK_FOR_INTERRUPTS();
    ListEntry entry;
    read_entry(file, *meta, list, &entry);
    SlotClaim claim;
    // While the index is being re-listed, dead slots' copies are in VACUUM's hands.
    const FreeSlots which = brings_copy && reserved == 0 && meta->relisting == 0
                                ? FreeSlots::any
                                : FreeSlots::without_copy;
    if (!claim_slot(file, list, entry, layout, which, &claim)) {
      grow_list(file, *meta, list, entry, layout, !row.spilled);
      continue;
    }
    WalEdit edit(file, claim.buffer);
    uint32 address = row.borrowed_copy;
    if (reserved != 0) {
      address = reserved;
    } else if (brings_copy && claim.owned_copy != 0) {
      address = claim.owned_copy;
    } else if (brings_copy) {
      const uint32 pages = pages_of_block(claim, layout);
      if (pages > 3) {
        edit.abandon();
        reserved = reserve_copy_apart(file, meta, geometry, tail);
        write_copy_apart(file, geometry.copies, reserved, row.copy_record);
        written = true;
        continue;
      }
      // Code pages are locked before copy pages, always.
      const BlockNumber header_page = BufferGetBlockNumber(claim.buffer);
      for (uint32 i = 1; i < pages; i++) edit.page(header_page + i, PageKind::codes);
      const BlockNumber run = meta->copy_tails[tail];
      if (run == 0 || !reserve_copy(edit, geometry.copies, run, &address)) {
        edit.abandon();
        reserved = take_spare_copy(file, *meta, geometry.coded);
        if (reserved == 0) renew_copy_tail(file, geometry.copies, tail, meta);
        continue;
      }
    }
    write_slot(edit, claim, layout, row, address, nullptr);
    if (brings_copy && !written) write_copy(edit, geometry.copies, address, row.copy_record);
    write_slot(edit, claim, layout, row, address, edit.main_page());
    const BlockNumber page = BufferGetBlockNumber(claim.buffer);
    edit.finish();

    const BlockNumber hint_page =
        entry.open + static_cast<BlockNumber>(uint64{entry.open_block} * layout.bytes / kPayload);
    // A second code passes over dead slots that own a copy: they stay in reach of rows that bring
    // one.
    if (!row.spilled && page != hint_page) {
      advance_open(file, *meta, list, entry, claim.extent, claim.block);
    }
    return address;
  }
}

}  // namespace avq
