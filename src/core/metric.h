#pragma once
// What is maximised. Everywhere in core a *score* is better when larger:
//   inner_product  <q, x>
//   cosine         <q/|q|, x/|x|>
//   l2             <q, x> - |x|^2 / 2      ( = (|q|^2 - |q - x|^2) / 2 )
#include <cstdint>

namespace avq {

// On disk: never renumber.
enum class Metric : uint8_t { inner_product = 1, cosine = 2, l2 = 3 };

}  // namespace avq
