#include "core/routing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/codec.h"

namespace avq {
namespace {

constexpr float kLargestByte = 127;

float largest_of(const float* values, size_t count) noexcept {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(values[i]));
  return largest;
}

// `in` in units of the result, rounded; the numbers behind it up to `stride` are zero.
template <class Number>
float quantise(const float* in, size_t count, float most, size_t stride, Number* out) noexcept {
  const float largest = largest_of(in, count);
  const float units = largest > 0 ? most / largest : 0;
  // A subnormal `largest` has no finite reciprocal: such a vector is as good as zero.
  const float factor = std::isfinite(units) ? units : 0;
  for (size_t i = 0; i < count; ++i) out[i] = static_cast<Number>(std::lrintf(in[i] * factor));
  std::fill(out + count, out + stride, Number{0});
  return factor > 0 ? largest / most : 0;
}

// Whether step * code is the centroid, but for the rounding of a product of floats.
bool holds_exactly(const float* centroid, float step, const int8_t* codes, size_t count) noexcept {
  constexpr float kRounding = 0x1p-22f;
  for (size_t i = 0; i < count; ++i) {
    const float held = step * static_cast<float>(codes[i]);
    if (!(std::fabs(held - centroid[i]) <= kRounding * std::fabs(held))) return false;
  }
  return true;
}

// Puts the cells (or groups) of the query's direction before all others, the best of them first.
class Alike {
 public:
  void offer(float cosine, uint32_t cell) noexcept {
    if (cosine <= best_[kCount - 1]) return;
    uint32_t at = kCount - 1;
    for (; at > 0 && cosine > best_[at - 1]; --at) {
      best_[at] = best_[at - 1];
      cells_[at] = cells_[at - 1];
    }
    best_[at] = cosine;
    cells_[at] = cell;
  }
  // Raises the scores of the best among so many cells, or of lists in their stead, above `largest`:
  // lists_of(cell, offered) is the first and the number of them.
  template <class ListsOf>
  void raise(float largest, uint32_t cells, float* scores, ListsOf&& lists_of) const noexcept {
    for (uint32_t i = std::min(kCount, cells); i > 0; --i) {
      const auto [first, count] = lists_of(cells_[i - 1], best_[i - 1]);
      for (uint32_t l = first + count; l-- > first;) {
        largest = std::nextafter(largest, std::numeric_limits<float>::max());
        scores[l] = largest;
      }
    }
  }

 private:
  static constexpr uint32_t kCount = 3;
  static constexpr float kNone = -std::numeric_limits<float>::infinity();
  uint32_t cells_[kCount] = {};
  float best_[kCount] = {kNone, kNone, kNone};
};

// Cells, or groups, as routing sees them.
struct Targets {
  const float* steps;
  const float* relatives;
  const int8_t* codes;
  const float* bias;
  const float* sigma;  // null: not asked for
};

Targets cells_of(const Model& model, const RoutingTable& table) noexcept {
  const bool whole = model.shape.cells == model.shape.lists;
  return {table.steps, table.relatives, table.codes, model.assign_bias,
          whole ? model.list_sigma : nullptr};
}

Targets groups_of(const Model& model, const RoutingTable& table) noexcept {
  const uint32_t cells = model.shape.cells;
  return {table.steps + cells, table.relatives + cells, table.codes + size_t{cells} * table.stride,
          model.groups.bias, model.group_sigma};
}

// products and scores of targets begin .. end - 1; returns the largest, and offers them where
// `alike` is not null.
float score_targets(const ModelShape& shape, const Targets& targets, uint32_t stride,
                    const Routes& routes, uint32_t begin, uint32_t end, Alike* alike,
                    float* products, float* scores) noexcept {
  dot_rows_int8(routes.query, targets.codes + size_t{begin} * stride, end - begin, stride,
                products + begin);
  const float bias = shape.metric == Metric::l2 ? 1.0f : 0.0f;
  float largest = -std::numeric_limits<float>::infinity();
  for (uint32_t i = begin; i < end; ++i) {
    const float product = routes.query_step * targets.steps[i] * products[i];
    products[i] = product;
    scores[i] = product - bias * targets.bias[i];
    if (targets.sigma != nullptr) scores[i] += routes.optimism * targets.sigma[i];
    largest = std::max(largest, scores[i]);
    if (alike != nullptr) alike->offer(product * targets.relatives[i], i);
  }
  return largest;
}

// Scores of all lists that cells were split into; returns the largest. By inner product, so without
// a bias.
float score_split_lists(const Model& model, const Routes& routes) noexcept {
  float largest = -std::numeric_limits<float>::infinity();
  for (uint32_t l = 0; l < model.shape.lists; ++l) {
    const float score = routes.products[model.cell(l)] + routes.optimism * model.list_sigma[l];
    routes.scores[l] = score;
    largest = std::max(largest, score);
  }
  return largest;
}

struct ListRange {
  uint32_t first, count;
};

ListRange whole(uint32_t cell, float) noexcept { return {cell, 1}; }

// Of a cell's lists the one of a row in the query's direction that is as long as the cell's rows
// usually are, and the next longer one. cosine: of the query and the cell, times |q|.
ListRange lists_alike(const Model& model, const RoutingTable& table, double query_norm,
                      uint32_t cell, float cosine) noexcept {
  const double length = table.relatives[cell] > 0 ? 1 / table.relatives[cell] : 0;
  const double turned = query_norm > 0 ? 1 - 2 * cosine / query_norm : 1;
  const double square = 2.0 * model.assign_bias[cell] + length * length * turned;
  const uint32_t list = list_by_square(model, cell, static_cast<float>(square));
  const bool longer = list > 0 && model.cell(list - 1) == cell;
  return longer ? ListRange{list - 1, 2} : ListRange{list, 1};
}

// Whoever wants some lists chooses among so many times as many, and among this part of all at
// least (docs/design.md, "Groups of lists").
constexpr uint32_t kKnownPerWanted = 32;
constexpr uint32_t kLeastKnown = 8;

uint32_t least_known(const ModelShape& shape) noexcept {
  return (shape.lists + kLeastKnown - 1) / kLeastKnown;
}

// Groups by falling score, at the end of `order`.
void order_groups(const Model& model, const RoutingTable& table, Alike* alike,
                  Routes* routes) noexcept {
  const uint32_t lists = model.shape.lists, groups = model.shape.groups;
  float* scores = routes->scores + lists;
  const float largest =
      score_targets(model.shape, groups_of(model, table), table.stride, *routes, 0, groups, alike,
                    routes->products + model.shape.cells, scores);
  if (alike != nullptr) alike->raise(largest, groups, scores, whole);
  uint32_t* order = routes->order + lists;
  for (uint32_t g = 0; g < groups; ++g) order[g] = g;
  std::sort(order, order + groups, [scores](uint32_t a, uint32_t b) {
    return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
  });
}

// Opens groups until so many lists are known; returns the largest score among the new ones.
float open_groups(const Model& model, const RoutingTable& table, uint32_t wanted, Alike* alike,
                  Routes* routes) noexcept {
  const Targets lists = cells_of(model, table);
  const uint32_t* order = routes->order + model.shape.lists;
  float largest = -std::numeric_limits<float>::infinity();
  while (routes->known < wanted) {
    const uint32_t group = order[routes->groups_open++];
    const uint32_t begin = model.groups.begin(group), end = model.groups.end(group);
    largest = std::max(largest, score_targets(model.shape, lists, table.stride, *routes, begin, end,
                                              alike, routes->products, routes->scores));
    for (uint32_t l = begin; l < end; ++l) routes->order[routes->known++] = l;
  }
  return largest;
}

}  // namespace

uint32_t routing_stride(const ModelShape& shape) noexcept {
  constexpr uint32_t kUnit = static_cast<uint32_t>(kRoutingStride);
  return (shape.padded_dims() + kUnit - 1) / kUnit * kUnit;
}

size_t routing_table_bytes(const ModelShape& shape) noexcept {
  const size_t targets = size_t{shape.cells} + shape.groups;
  return targets * (2 * sizeof(float) + routing_stride(shape)) + shape.cells;
}

RoutingTable make_routing_table(const Model& model, void* memory) noexcept {
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims();
  const uint32_t stride = routing_stride(shape);
  float* steps = static_cast<float*>(memory);
  const size_t targets = size_t{shape.cells} + shape.groups;
  float* relatives = steps + targets;
  int8_t* codes = reinterpret_cast<int8_t*>(relatives + targets);
  size_t at = 0;
  // variance(i): of a coordinate of the rows' residuals.
  const auto add = [&](const float* centroids, const float* bias, uint32_t count, auto&& variance) {
    for (uint32_t i = 0; i < count; ++i, ++at) {
      steps[at] =
          quantise(centroids + i * padded, padded, kLargestByte, stride, codes + at * stride);
      const float square = 2 * bias[i] + static_cast<float>(shape.dims) * variance(i);
      relatives[at] = shape.metric != Metric::inner_product ? 1
                      : square > 0                          ? 1 / std::sqrt(square)
                                                            : 0;
    }
  };
  uint32_t list = 0;
  add(model.centroids, model.assign_bias, shape.cells, [&](uint32_t cell) {
    // The lists of a cell have about as many rows each.
    float sum = 0;
    const uint32_t first = list;
    for (; list < shape.lists && model.cell(list) == cell; ++list) {
      sum += model.list_sigma[list] * model.list_sigma[list];
    }
    return list > first ? sum / static_cast<float>(list - first) : 0;
  });
  add(model.groups.centres, model.groups.bias, shape.groups,
      [&](uint32_t group) { return model.group_sigma[group] * model.group_sigma[group]; });
  uint8_t* exact = reinterpret_cast<uint8_t*>(codes + at * stride);
  for (size_t c = 0; c < shape.cells; ++c) {
    exact[c] = holds_exactly(model.centroids + c * padded, steps[c], codes + c * stride, padded);
  }
  return {steps, relatives, codes, stride, exact};
}

void begin_routes(const Model& model, const RoutingTable& table, const float* prepared,
                  Routes* routes) noexcept {
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims();
  // As fine as 32-bit sums allow.
  const auto most = static_cast<float>(
      std::min<size_t>(std::numeric_limits<int16_t>::max(),
                       std::numeric_limits<int32_t>::max() / (size_t{127} * table.stride)));
  routes->query_step = quantise(prepared, padded, most, table.stride, routes->query);
  const double query_norm = exact_norm(prepared, padded);
  routes->optimism = static_cast<float>(shape.route_sigma * query_norm);
  routes->known = routes->groups_open = 0;
  const bool directions = shape.metric == Metric::inner_product;
  Alike alike, alike_groups;
  float largest;
  if (shape.groups == 0) {
    largest = score_targets(shape, cells_of(model, table), table.stride, *routes, 0, shape.cells,
                            directions ? &alike : nullptr, routes->products, routes->scores);
    if (shape.cells != shape.lists) largest = score_split_lists(model, *routes);
    for (uint32_t l = 0; l < shape.lists; ++l) routes->order[l] = l;
    routes->known = shape.lists;
  } else {
    order_groups(model, table, directions ? &alike_groups : nullptr, routes);
    largest = open_groups(model, table, least_known(shape), directions ? &alike : nullptr, routes);
  }
  if (!directions) return;
  const uint32_t cells = std::min(routes->known, shape.cells);
  if (shape.cells == shape.lists) {
    alike.raise(largest, cells, routes->scores, whole);
  } else {
    alike.raise(largest, cells, routes->scores, [&](uint32_t cell, float cosine) {
      return lists_alike(model, table, query_norm, cell, cosine);
    });
  }
}

bool widen_routes(const Model& model, const RoutingTable& table, uint32_t count,
                  Routes* routes) noexcept {
  const uint32_t known = routes->known, lists = model.shape.lists;
  open_groups(model, table, count < lists / kKnownPerWanted ? count * kKnownPerWanted : lists,
              nullptr, routes);
  return routes->known > known;
}

uint32_t wanted_for(const ModelShape& shape, uint32_t known) noexcept {
  return known <= least_known(shape) ? 0 : (known + kKnownPerWanted - 1) / kKnownPerWanted;
}

float list_score(const Model& model, const RoutingTable& table, const Routes& routes,
                 const float* prepared, uint32_t list) noexcept {
  const uint32_t cell = model.cell(list);
  if (table.exact[cell] != 0) return routes.products[cell];
  return dot(prepared, model.centroid(list), model.shape.padded_dims());
}

void round_centroid(float* centroid, size_t count, double most) {
  std::vector<int8_t> codes(count);
  const float step = quantise(centroid, count, kLargestByte, count, codes.data());
  std::vector<float> rounded(codes.begin(), codes.end());
  const double length = exact_norm(rounded.data(), count);
  const double unit = length > 0 ? exact_norm(centroid, count) / length : step;
  double square = 0;
  for (size_t i = 0; i < count; ++i) {
    rounded[i] = static_cast<float>(unit * rounded[i]);
    const double change = double{rounded[i]} - centroid[i];
    square += change * change;
  }
  if (square <= most) std::copy(rounded.begin(), rounded.end(), centroid);
}

}  // namespace avq
