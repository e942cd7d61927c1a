#include "library_index.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "core/bfloat16.h"
#include "core/kernels.h"
#include "core/stopwatch.h"

namespace avq::bench {

namespace {

constexpr size_t kLine = 64;
constexpr size_t kBatch = 256;

// What copies hold and are compared with.
void comparable(const ModelShape& shape, const float* in, float* out) {
  const double norm = shape.metric == Metric::cosine ? exact_norm(in, shape.dims) : 1;
  for (uint32_t i = 0; i < shape.dims; ++i) {
    out[i] = norm > 0 ? static_cast<float>(in[i] / norm) : 0;
  }
}

std::vector<float> draw(const float* rows, size_t count, size_t dims, size_t wanted) {
  std::vector<uint32_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::mt19937 generator(1);
  std::shuffle(numbers.begin(), numbers.end(), generator);
  numbers.resize(std::min(wanted, count));
  std::vector<float> sample(numbers.size() * dims);
  for (size_t i = 0; i < numbers.size(); ++i) {
    std::copy_n(rows + numbers[i] * dims, dims, sample.data() + i * dims);
  }
  return sample;
}

}  // namespace

LibraryIndex::LibraryIndex(const TrainingOptions& options, const float* rows, size_t count,
                           size_t sample) {
  Stopwatch watch;
  const std::vector<float> drawn = draw(rows, count, options.dims, sample);
  trained_ = train(options, drawn.data(), drawn.size() / options.dims, nullptr);
  model_ = trained_.view();
  train_seconds = watch.lap();
  const ModelShape& shape = model_.shape;
  comparable_.resize(shape.dims);
  prepared_.resize(shape.padded_dims());
  router_.emplace(model_);
  routes_.resize(shape.lists);
  order_.resize(shape.lists);
  order_scratch_.resize(shape.lists);
  scratch_.resize(encode_scratch_floats(shape));
  lut_.resize(size_t{shape.subspaces} * kCodewords);
  codes_.resize(shape.subspaces);
  seen_.resize(count);
  encode_rows(rows, count);
  encode_seconds = watch.lap();
}

void LibraryIndex::fill_slot(size_t slot, const float* prepared, uint32_t list) {
  const EncodedRow encoded = encode(model_, prepared, list, codes_.data(), scratch_.data());
  uint8_t* codes = block(slot / kBlockRows);
  const size_t place = slot % kBlockRows;
  pack_codes(codes, 0, codes_.size(), static_cast<uint32_t>(place), codes_.data());
  const uint16_t scale = float_to_bfloat16(encoded.scale);
  std::memcpy(codes + codes_.size() * kCodeRowBytes + 2 * place, &scale, sizeof(scale));
}

void LibraryIndex::encode_rows(const float* rows, size_t count) {
  const ModelShape& shape = model_.shape;
  const size_t padded = shape.padded_dims();
  std::vector<float> prepared(kBatch * padded), spill_scratch(kSpillScratchFloats);
  std::vector<uint32_t> lists(count), seconds(spilled() ? count : 0);
  const auto prepare_batch = [&](size_t at) {
    const size_t size = std::min(kBatch, count - at);
    for (size_t i = 0; i < size; ++i) {
      prepare(shape, rows + (at + i) * shape.dims, prepared.data() + i * padded);
    }
    return size;
  };
  sizes_.assign(shape.lists, 0);
  for (size_t at = 0; at < count; at += kBatch) {
    const size_t size = prepare_batch(at);
    assign_lists(model_, prepared.data(), size, lists.data() + at);
    for (size_t i = at; i < at + size; ++i) sizes_[lists[i]]++;
    if (!spilled()) continue;
    spill_lists(model_, prepared.data(), size, lists.data() + at, seconds.data() + at,
                spill_scratch.data());
    for (size_t i = at; i < at + size; ++i) sizes_[seconds[i]] += seconds[i] != lists[i];
  }
  begin_.assign(shape.lists + 1, 0);
  for (uint32_t list = 0; list < shape.lists; ++list) {
    begin_[list + 1] = begin_[list] + (sizes_[list] + kBlockRows - 1) / kBlockRows;
  }
  const size_t used = shape.subspaces * kCodeRowBytes + kBlockRows * sizeof(uint16_t);
  stride_ = (used + kLine - 1) / kLine * kLine;
  blocks_.assign(begin_.back() * stride_ + kLine, 0);
  first_block_ = blocks_.data() + (kLine - reinterpret_cast<uintptr_t>(blocks_.data()) % kLine);
  slots_.resize(begin_.back() * kBlockRows);
  copy_bytes_ = copy_bytes(Rerank::half, shape.dims);
  copies_.resize(count * copy_bytes_);

  // Copies in the order of lists, then of rows, as the server's build writes them.
  std::vector<uint32_t> copy_of(count), filled(shape.lists, 0), firsts(shape.lists + 1, 0);
  for (const uint32_t list : lists) firsts[list + 1]++;
  std::partial_sum(firsts.begin(), firsts.end(), firsts.begin());
  for (size_t row = 0; row < count; ++row) copy_of[row] = firsts[lists[row]]++;
  for (size_t at = 0; at < count; at += kBatch) {
    const size_t size = prepare_batch(at);
    for (size_t i = 0; i < size; ++i) {
      const size_t row = at + i;
      comparable(shape, rows + row * shape.dims, comparable_.data());
      make_copy(Rerank::half, comparable_.data(), shape.dims,
                copies_.data() + size_t{copy_of[row]} * copy_bytes_);
      const auto put = [&](uint32_t list) {
        const size_t slot = begin_[list] * kBlockRows + filled[list]++;
        slots_[slot] = {static_cast<uint32_t>(row), copy_of[row]};
        fill_slot(slot, prepared.data() + i * padded, list);
      };
      put(lists[row]);
      if (spilled() && seconds[row] != lists[row]) put(seconds[row]);
    }
  }
}

// The best lists to the front of order_: the very best first, so that the threshold is high from
// the start, the others as they lie in memory.
void LibraryIndex::choose_lists(uint32_t probes) {
  constexpr uint32_t kBestFirst = 4;
  std::iota(order_.begin(), order_.end(), 0);
  select_best(routes_.data(), order_.data(), lists(), probes, order_scratch_.data());
  const auto middle = order_.begin() + std::min(kBestFirst, probes);
  std::partial_sort(order_.begin(), middle, order_.begin() + probes,
                    [this](uint32_t a, uint32_t b) { return routes_[a] > routes_[b]; });
  std::sort(middle, order_.begin() + probes);
}

void LibraryIndex::scan_lists(uint32_t probes, uint32_t keep) {
  room_.resize(2 * size_t{keep});
  Collector collector(room_.data(), keep);
  const size_t subspaces = model_.shape.subspaces;
  ScanParams params;
  params.lut = lut_.data();
  params.step = tables_.step;
  params.base = tables_.base;
  for (uint32_t i = 0; i < probes; ++i) {
    const uint32_t list = order_[i];
    params.list_score = router_->list_score(prepared_.data(), list);
    // The processor follows a list by itself, but cannot know where the next one begins.
    if (i + 1 < probes) {
      const uint8_t* next = block(begin_[order_[i + 1]]);
      for (size_t line = 0; line < stride_; line += kLine) __builtin_prefetch(next + line);
    }
    size_t slot = begin_[list] * kBlockRows;
    for (uint32_t left = sizes_[list]; left > 0; slot += kBlockRows) {
      const uint8_t* codes = block(slot / kBlockRows);
      const auto* scales = reinterpret_cast<const uint16_t*>(codes + subspaces * kCodeRowBytes);
      params.threshold = collector.threshold();
      float keys[kBlockRows];
      uint32_t mask = score_block(codes, subspaces, scales, nullptr, params, keys);
      const auto rows = std::min<uint32_t>(left, kBlockRows);
      if (rows < kBlockRows) mask &= (1u << rows) - 1;
      for (; mask != 0; mask &= mask - 1) {
        const size_t found = slot + static_cast<size_t>(__builtin_ctz(mask));
        const Place place = {keys[found - slot], found};
        if (collector.wants(place)) collector.add({place.score, slots_[found].copy, found});
      }
      left -= rows;
      parts.blocks++;
    }
  }
  candidates_ = room_.data();
  candidate_count_ = collector.count();
}

void LibraryIndex::rescore(uint32_t limit, uint32_t depth, const float* query,
                           std::vector<uint32_t>& answer) {
  Stopwatch watch;
  const uint32_t wanted = std::min(depth, candidate_count_);
  if (wanted < candidate_count_) {
    std::nth_element(
        candidates_, candidates_ + wanted, candidates_ + candidate_count_,
        [](const CodedRow& a, const CodedRow& b) { return before(place_of(a), place_of(b)); });
  }
  parts.selection += watch.lap();
  constexpr uint32_t kAhead = 8;
  const auto prefetch = [this](const CodedRow& row) {
    const char* copy = copies_.data() + size_t{row.copy} * copy_bytes_;
    for (size_t at = 0; at < copy_bytes_; at += kLine) __builtin_prefetch(copy + at);
  };
  for (uint32_t i = 0; i < std::min(kAhead, wanted); ++i) prefetch(candidates_[i]);
  rescored_.clear();
  stamp_++;
  for (uint32_t i = 0; i < wanted; ++i) {
    if (i + kAhead < wanted) prefetch(candidates_[i + kAhead]);
    const uint32_t row = slots_[candidates_[i].place].row;
    if (seen_[row] == stamp_) continue;  // its second code
    seen_[row] = stamp_;
    const char* copy = copies_.data() + size_t{candidates_[i].copy} * copy_bytes_;
    rescored_.emplace_back(-copy_dot(Rerank::half, query, copy, model_.shape.dims), row);
  }
  const size_t found = std::min<size_t>(limit, rescored_.size());
  std::partial_sort(rescored_.begin(), rescored_.begin() + static_cast<long>(found),
                    rescored_.end());
  answer.resize(found);
  for (size_t i = 0; i < found; ++i) answer[i] = rescored_[i].second;
  parts.rescoring += watch.lap();
}

void LibraryIndex::search(const float* query, uint32_t limit, const Effort& effort,
                          std::vector<uint32_t>& answer) {
  Stopwatch watch;
  const uint32_t probes = std::min(effort.probes, lists());
  prepare(model_.shape, query, prepared_.data());
  comparable(model_.shape, query, comparable_.data());
  router_->route(prepared_.data(), routes_.data());
  choose_lists(probes);
  parts.routing += watch.lap();
  tables_ = build_tables(model_, prepared_.data(), effort.width, lut_.data());
  parts.tables += watch.lap();
  scan_lists(probes, std::max<uint32_t>(effort.depth, 64));
  parts.scan += watch.lap();
  rescore(limit, effort.depth, comparable_.data(), answer);
}

}  // namespace avq::bench
