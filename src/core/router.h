#pragma once
// A routing table with memory of its own, for callers that have no other.
#include <algorithm>
#include <vector>

#include "core/routing.h"

namespace avq {

class Router {
 public:
  // The model must outlive the router. Throws std::bad_alloc.
  explicit Router(const Model& model)
      : model_(model),
        memory_(routing_table_bytes(model.shape) / sizeof(float) + 1),
        table_(make_routing_table(model_, memory_.data())),
        query_(table_.stride),
        scores_(routed_numbers(model.shape)),
        products_(routed_numbers(model.shape)),
        order_(routed_numbers(model.shape)) {}

  // Scores of all lists (Routes::scores), one number a list.
  void route(const float* prepared, float* routes) noexcept {
    begin(prepared);
    widen_routes(model_, table_, model_.shape.lists, &routes_);
    std::copy_n(scores_.begin(), model_.shape.lists, routes);
  }

  // After route(): ranks of the lists by their scores become those in which a scan opens them,
  // which knows the lists of a far group only when it wants many.
  void delay(uint32_t* rank) const noexcept {
    const uint32_t* groups = routes_.order + model_.shape.lists;
    uint32_t known = 0;
    for (uint32_t i = 0; i < model_.shape.groups; ++i) {
      const uint32_t begin = model_.groups.begin(groups[i]), end = model_.groups.end(groups[i]);
      // It is opened when one list more than those before it must be known.
      const uint32_t wanted = wanted_for(model_.shape, known + 1);
      for (uint32_t l = begin; l < end && wanted > 0; ++l) rank[l] = std::max(rank[l], wanted - 1);
      known += end - begin;
    }
  }

  // <q, c> of a list for the query last routed.
  float list_score(const float* prepared, uint32_t list) const noexcept {
    return avq::list_score(model_, table_, routes_, prepared, list);
  }

  // For callers that want some of the lists: what is known, and more.
  const Routes& begin(const float* prepared) noexcept {
    routes_ = {query_.data(), scores_.data(), products_.data(), order_.data(), 0, 0, 0, 0};
    begin_routes(model_, table_, prepared, &routes_);
    return routes_;
  }
  const Routes& widen(uint32_t count) noexcept {
    widen_routes(model_, table_, count, &routes_);
    return routes_;
  }

 private:
  Model model_;
  std::vector<float> memory_;
  RoutingTable table_;
  std::vector<int16_t> query_;
  std::vector<float> scores_, products_;
  std::vector<uint32_t> order_;
  Routes routes_ = {};
};

}  // namespace avq
