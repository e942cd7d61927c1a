#pragma once
// The index's own core as a library: everything in memory, one thread, no pages, no locks, no row
// versions. What a server's index is measured against (bench/README.md, "Library").
//
// Invariants: the blocks of a list are contiguous, lists follow each other in order of their
// numbers; copies lie in the order of the rows' first codes.
// Errors: avq::Error, std::bad_alloc.
#include <cstdint>
#include <optional>
#include <vector>

#include "core/codec.h"
#include "core/frontier.h"
#include "core/rerank_copy.h"
#include "core/router.h"
#include "core/trainer.h"

namespace avq::bench {

struct Effort {
  uint32_t probes;
  uint32_t depth;  // rows rescored
  float width;     // z of the bound by which these are chosen
};

struct Parts {  // seconds, summed over queries
  double routing = 0, tables = 0, scan = 0, selection = 0, rescoring = 0;
  uint64_t blocks = 0;
};

class LibraryIndex {
 public:
  // rows: count x options.dims, raw; cosine wants positive norms. Trains on `sample` of them.
  LibraryIndex(const TrainingOptions& options, const float* rows, size_t count, size_t sample);

  // The numbers of the best `limit` rows found, best first.
  void search(const float* query, uint32_t limit, const Effort& effort,
              std::vector<uint32_t>& answer);

  uint32_t lists() const noexcept { return trained_.shape.lists; }
  bool spilled() const noexcept { return trained_.shape.soar_lambda > 0; }
  size_t bytes() const noexcept { return blocks_.size() + copies_.size() + 8 * slots_.size(); }
  double train_seconds = 0, encode_seconds = 0;
  Parts parts;

 private:
  struct Slot {
    uint32_t row;
    uint32_t copy;
  };

  void encode_rows(const float* rows, size_t count);
  uint8_t* block(size_t number) noexcept { return first_block_ + number * stride_; }
  void fill_slot(size_t slot, const float* prepared, uint32_t list);
  void choose_lists(uint32_t probes);
  void scan_lists(uint32_t probes, uint32_t keep);
  void rescore(uint32_t limit, uint32_t depth, const float* query, std::vector<uint32_t>& answer);

  TrainedModel trained_;
  Model model_;
  size_t stride_ = 0;            // of a block, whole cache lines
  std::vector<uint8_t> blocks_;  // codes, then scales
  uint8_t* first_block_ = nullptr;
  std::vector<size_t> begin_;    // of each list and of what follows the last, in blocks
  std::vector<uint32_t> sizes_;  // slots of each list
  std::vector<Slot> slots_;
  std::vector<char> copies_;
  uint32_t copy_bytes_ = 0;

  // Of the query under way.
  std::vector<float> comparable_, prepared_, routes_, scratch_;
  std::optional<Router> router_;
  std::vector<uint8_t> lut_, codes_;
  std::vector<uint32_t> order_, order_scratch_, seen_;
  std::vector<CodedRow> room_;
  std::vector<std::pair<float, uint32_t>> rescored_;
  QueryTables tables_{};
  CodedRow* candidates_ = nullptr;
  uint32_t candidate_count_ = 0, stamp_ = 0;
};

}  // namespace avq::bench
