#include "core/calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/codec.h"
#include "core/kernels.h"

namespace avq {
namespace {

// Score of a row from its inner product with the query.
float score_of(const Sample& sample, size_t row, float product) noexcept {
  const float norm = sample.norms[row];
  switch (sample.metric) {
    case Metric::cosine:
      return norm > 0 ? product / norm : 0;
    case Metric::l2:
      return product - norm * norm / 2;
    case Metric::inner_product:
      break;
  }
  return product;
}

struct Candidate {
  float score;
  uint32_t row;
};

// Ties go to the lower row number.
bool better(const Candidate& a, const Candidate& b) noexcept {
  return a.score > b.score || (a.score == b.score && a.row < b.row);
}

}  // namespace

ExactTop exact_top(const Sample& sample, size_t pool, const float* queries, size_t count,
                   const uint32_t* own_rows, size_t depth) {
  constexpr size_t kBatch = 128;
  pool = std::min(pool, sample.rows);
  ExactTop top;
  top.queries = count;
  top.depth = std::min(depth, own_rows != nullptr ? pool - 1 : pool);
  if (top.depth == 0) return top;
  // Heaps with the worst kept candidate in front.
  std::vector<std::vector<Candidate>> best(count);
  std::vector<float> gathered(kBatch * sample.dims), products(kBatch);
  std::vector<uint32_t> numbers(kBatch);
  for (size_t first = 0; first < pool; first += kBatch) {
    const size_t part = std::min(kBatch, pool - first);
    for (size_t i = 0; i < part; ++i) {
      numbers[i] = static_cast<uint32_t>(sample.spread(first + i, pool));
      std::copy_n(sample.at(numbers[i]), sample.dims, &gathered[i * sample.dims]);
    }
    for (size_t q = 0; q < count; ++q) {
      if (q % 16 == 0) check_stop(sample.stop);
      dot_rows(queries + q * sample.dims, gathered.data(), part, sample.dims, products.data());
      auto& heap = best[q];
      for (size_t i = 0; i < part; ++i) {
        if (own_rows != nullptr && own_rows[q] == numbers[i]) continue;
        const Candidate candidate = {score_of(sample, numbers[i], products[i]), numbers[i]};
        if (heap.size() < top.depth) {
          heap.push_back(candidate);
          std::push_heap(heap.begin(), heap.end(), better);
        } else if (better(candidate, heap.front())) {
          std::pop_heap(heap.begin(), heap.end(), better);
          heap.back() = candidate;
          std::push_heap(heap.begin(), heap.end(), better);
        }
      }
    }
  }
  for (auto& heap : best) {
    // A query whose own row lies outside the pool has one candidate more than the others need.
    std::sort(heap.begin(), heap.end(), better);
    for (const Candidate& candidate : heap) {
      top.rows.push_back(candidate.row);
      top.scores.push_back(candidate.score);
    }
  }
  return top;
}

std::vector<RoutingCost> routing_cost(const RoutingLists& lists, float route_sigma,
                                      const float* queries, const ExactTop& top, size_t depth,
                                      const std::vector<double>& targets, StopFlag stop) {
  depth = std::min(depth, top.depth);
  std::vector<RoutingCost> costs(targets.size());
  if (lists.count <= 1 || depth == 0) return costs;
  std::vector<float> routes(lists.count), products(lists.cells);
  std::vector<uint32_t> order(lists.count), rank(lists.count);
  std::vector<size_t> found(lists.count);    // best rows by the rank of their list
  std::vector<double> scanned(lists.count);  // codes up to a rank, summed over queries
  double total_rows = 0;
  for (size_t l = 0; l < lists.count; ++l) total_rows += lists.sizes[l];
  for (size_t q = 0; q < top.queries; ++q) {
    check_stop(stop);
    const float* query = queries + q * lists.dims;
    const auto optimism = static_cast<float>(route_sigma * exact_norm(query, lists.dims));
    dot_rows(query, lists.centres, lists.cells, lists.dims, products.data());
    for (size_t l = 0; l < lists.count; ++l) {
      const size_t cell = lists.cell_of != nullptr ? lists.cell_of[l] : l;
      routes[l] = products[cell] + optimism * lists.sigma[l];
      if (lists.metric == Metric::l2) routes[l] -= lists.bias[cell];
    }
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return routes[a] > routes[b] || (routes[a] == routes[b] && a < b);
    });
    double sum = 0;
    for (size_t i = 0; i < lists.count; ++i) {
      rank[order[i]] = static_cast<uint32_t>(i);
      scanned[i] += sum += lists.sizes[order[i]];
    }
    for (size_t i = 0; i < depth; ++i) {
      const uint32_t row = top.rows[q * top.depth + i];
      uint32_t at = rank[lists.list_of[row]];
      if (lists.spill_of != nullptr) at = std::min(at, rank[lists.spill_of[row]]);
      ++found[at];
    }
  }
  for (size_t t = 0; t < targets.size(); ++t) {
    const double wanted = targets[t] * static_cast<double>(top.queries * depth);
    size_t sum = 0;
    for (size_t i = 0; i < lists.count; ++i) {
      sum += found[i];
      if (static_cast<double>(sum) < wanted) continue;
      costs[t].lists = static_cast<double>(i + 1) / static_cast<double>(lists.count);
      costs[t].rows = scanned[i] / (total_rows * static_cast<double>(top.queries));
      break;
    }
  }
  return costs;
}

CodeError measure_error(const Model& model, const Sample& sample, const float* queries,
                        const ExactTop& top, const uint32_t* list_of) {
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims();
  std::vector<float> query(padded), row(padded), decoded(padded);
  std::vector<float> scratch(encode_scratch_floats(shape));
  std::vector<uint8_t> codes(shape.subspaces);
  double squares = 0, norms = 0, count = 0;
  constexpr size_t kSparse = 4;  // every fourth answer tells enough, and encoding them takes time
  for (size_t q = 0; q < top.queries; ++q) {
    prepare(shape, queries + q * shape.dims, query.data());
    const double query_norm = exact_norm(query.data(), padded);
    if (!(query_norm > 0)) continue;
    check_stop(sample.stop);
    for (size_t i = 0; i < top.depth; i += kSparse) {
      const uint32_t number = top.rows[q * top.depth + i];
      if (shape.metric == Metric::cosine && !(sample.norms[number] > 0)) continue;
      prepare(shape, sample.at(number), row.data());
      const EncodedRow encoded =
          encode(model, row.data(), list_of[number], codes.data(), scratch.data());
      if (!(encoded.scale > 0)) continue;
      decode(model, codes.data(), decoded.data());
      // The error of the score without cancellation: <q, r - s d> (l2: <q - c, r - s d>).
      const float* centroid = model.centroids + static_cast<size_t>(list_of[number]) * padded;
      double error = 0, norm = 0, span = 0;  // span: of what the residual's error is multiplied by
      for (size_t j = 0; j < padded; ++j) {
        const double from = shape.metric == Metric::l2 ? static_cast<double>(query[j]) - centroid[j]
                                                       : static_cast<double>(query[j]);
        const double residual = static_cast<double>(row[j]) - centroid[j];
        span += from * from;
        const double missing = residual - static_cast<double>(encoded.scale) * decoded[j];
        error += from * missing;
        norm += missing * missing;
      }
      const double relative = error / (encoded.scale * std::sqrt(span));
      if (!std::isfinite(relative)) continue;
      squares += relative * relative;
      norms += norm / (static_cast<double>(encoded.scale) * encoded.scale);
      count += 1;
    }
  }
  if (!(count > 0)) return {0, 0};
  return {static_cast<float>(std::sqrt(squares / count * shape.dims)),
          static_cast<float>(std::sqrt(norms / count))};
}

}  // namespace avq
