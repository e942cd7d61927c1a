#include "core/grouping.h"

#include <algorithm>
#include <numeric>

#include "core/assignment.h"
#include "core/kmeans.h"
#include "core/sample.h"

namespace avq {

Grouping group_lists(Metric metric, std::vector<float>& centres, size_t dims, uint32_t groups,
                     uint64_t seed, StopFlag stop) {
  Grouping made;
  if (groups == 0) return made;
  const size_t lists = centres.size() / dims;
  // Those of inner product by distance too, as rows are assigned; what long ones would weigh more
  // the many short ones would be fewer groups, and larger.
  const Metric by = metric == Metric::cosine ? metric : Metric::l2;
  const Sample sample(by, centres.data(), lists, dims, stop);
  std::vector<float> nearest_to = train_centres(sample, groups, seed);
  const size_t count = nearest_to.size() / dims;
  std::vector<float> bias = centre_bias(by, nearest_to.data(), count, dims);
  std::vector<uint32_t> group_of(lists);
  std::vector<float> scores(lists);
  assign_nearest(sample, nullptr, lists, {nearest_to.data(), count, bias.data()}, group_of.data(),
                 scores.data());

  std::vector<uint32_t> order(lists);
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return group_of[a] < group_of[b]; });
  std::vector<float> ordered(centres.size());
  for (size_t i = 0; i < lists; ++i) {
    std::copy_n(&centres[order[i] * dims], dims, &ordered[i * dims]);
    if (i + 1 < lists && group_of[order[i]] == group_of[order[i + 1]]) continue;
    const size_t group = group_of[order[i]];
    made.centres.insert(made.centres.end(), &nearest_to[group * dims],
                        &nearest_to[group * dims] + dims);
    made.bias.push_back(bias[group]);
    made.ends.push_back(static_cast<float>(i + 1));
  }
  made.count = made.ends.size();
  centres = std::move(ordered);
  return made;
}

void drop_lists(Grouping& groups, size_t dims, const uint32_t* sizes) {
  size_t kept = 0;
  uint32_t lists = 0, list = 0;
  for (size_t g = 0; g < groups.count; ++g) {
    const uint32_t before = lists;
    for (; list < static_cast<uint32_t>(groups.ends[g]); ++list) lists += sizes[list] != 0;
    if (lists == before) continue;
    std::copy_n(&groups.centres[g * dims], dims, &groups.centres[kept * dims]);
    groups.bias[kept] = groups.bias[g];
    groups.ends[kept] = static_cast<float>(lists);
    ++kept;
  }
  groups.count = kept;
  groups.centres.resize(kept * dims);
  groups.bias.resize(kept);
  groups.ends.resize(kept);
}

}  // namespace avq
