#pragma once
// A routing table with memory of its own, for callers that have no other.
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
        scratch_(table_.stride) {}

  // routes: one number a list.
  void route(const float* prepared, float* routes) noexcept {
    avq::route(model_, table_, prepared, scratch_.data(), routes);
  }

 private:
  Model model_;
  std::vector<float> memory_;
  RoutingTable table_;
  std::vector<int16_t> scratch_;
};

}  // namespace avq
