#include "core/kmeans.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <span>
#include <unordered_set>

#include "core/assignment.h"
#include "core/grouping.h"
#include "core/kernels.h"
#include "core/lanes.h"
#include "core/model.h"
#include "core/random.h"

namespace avq {
namespace {

// Share of the sample that each iteration looks at: where centres still move far, few rows tell
// the direction. The sum is what training costs. By inner product a few long rows weigh most, and
// their cells need every one of them.
constexpr float kShares[] = {0.1f, 0.1f, 0.15f, 0.2f, 0.3f, 0.4f, 0.5f, 0.7f};
constexpr float kWeightedShares[] = {0.3f, 0.3f, 0.5f, 0.7f, 0.7f, 0.7f, 0.7f, 0.7f};

std::span<const float> shares_for(Metric metric) noexcept {
  if (metric == Metric::inner_product) return kWeightedShares;
  return kShares;
}

constexpr int kCodewordIterations = 8;
constexpr size_t kLeastRowsPerList = 16;  // below that no iteration goes unless the sample does

uint64_t hash_row(const Sample& sample, size_t row) {
  const float* values = sample.at(row);
  const double weight = sample.weight(row);
  uint64_t hash = 0;
  for (size_t i = 0; i < sample.dims; ++i) {
    const float value = static_cast<float>(values[i] * weight) + 0.0f;  // -0 is 0
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    hash = mix64(hash ^ bits);
  }
  return hash;
}

void put_centre(const Sample& sample, size_t row, float* centre) {
  const double weight = sample.weight(row);
  for (size_t i = 0; i < sample.dims; ++i) {
    centre[i] = static_cast<float>(sample.at(row)[i] * weight);
  }
}

// Rows in random order, important ones sooner: by exponential variates over the weights (Efraimidis
// and Spirakis, 2006).
std::vector<uint32_t> random_order(const Sample& sample, Random& random) {
  std::vector<uint32_t> order(sample.rows);
  std::iota(order.begin(), order.end(), 0u);
  std::vector<float> arrival(sample.rows);
  for (size_t row = 0; row < sample.rows; ++row) {
    arrival[row] = static_cast<float>(-std::log(1 - random.uniform()) / sample.importance(row));
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return arrival[a] < arrival[b] || (arrival[a] == arrival[b] && a < b);
  });
  return order;
}

// Random distinct rows.
std::vector<float> first_centres(const Sample& sample, uint32_t lists, Random& random) {
  const std::vector<uint32_t> order = random_order(sample, random);
  std::unordered_set<uint64_t> seen;
  std::vector<float> centres;
  centres.reserve(static_cast<size_t>(lists) * sample.dims);
  for (size_t i = 0; i < sample.rows && seen.size() < lists; ++i) {
    if (i % 256 == 0) check_stop(sample.stop);
    const size_t row = order[i];
    if (sample.metric == Metric::cosine && !(sample.norms[row] > 0)) continue;
    if (!seen.insert(hash_row(sample, row)).second) continue;
    centres.resize(centres.size() + sample.dims);
    put_centre(sample, row, centres.data() + centres.size() - sample.dims);
  }
  if (centres.empty()) centres.resize(sample.dims);  // nothing but zero rows
  return centres;
}

class Lloyd {
 public:
  Lloyd(const Sample& sample, std::vector<float> centres, uint64_t seed, uint32_t groups)
      : sample_(sample),
        centres_(std::move(centres)),
        count_(centres_.size() / sample.dims),
        seed_(seed),
        groups_(groups),
        random_(seed, RandomUse::reseed),
        sums_(centres_.size()),
        weights_(count_),
        sizes_(count_) {}

  void iterate(size_t rows) {
    choose_rows(rows);
    const Grouping groups =
        group_lists(sample_.metric, centres_, sample_.dims, groups_, seed_, sample_.stop);
    const std::vector<float> bias =
        centre_bias(sample_.metric, centres_.data(), count_, sample_.dims);
    nearest_.resize(rows);
    scores_.resize(rows);
    assign_nearest(sample_, chosen_.empty() ? nullptr : chosen_.data(), rows,
                   {centres_.data(), count_, bias.data(), groups.view()}, nearest_.data(),
                   scores_.data());
    std::fill(sums_.begin(), sums_.end(), 0.0f);
    std::fill(weights_.begin(), weights_.end(), 0.0);
    std::fill(sizes_.begin(), sizes_.end(), 0u);
    for (size_t i = 0; i < rows; ++i) {
      if (i % 1024 == 0) check_stop(sample_.stop);
      const size_t row = row_of(i);
      const double weight = sample_.importance(row);
      axpy(static_cast<float>(weight * sample_.weight(row)), sample_.at(row),
           &sums_[nearest_[i] * sample_.dims], sample_.dims);
      weights_[nearest_[i]] += weight;
      ++sizes_[nearest_[i]];
    }
    move_centres();
    reseed_empty(rows);
  }

  std::vector<float> take() { return std::move(centres_); }

 private:
  size_t row_of(size_t i) const { return chosen_.empty() ? i : chosen_[i]; }

  void choose_rows(size_t rows) {
    chosen_.clear();
    if (rows == sample_.rows) return;
    chosen_.resize(rows);
    const double step = static_cast<double>(sample_.rows) / static_cast<double>(rows);
    for (size_t i = 0; i < rows; ++i) {
      const double at = (static_cast<double>(i) + random_.uniform()) * step;
      chosen_[i] = static_cast<uint32_t>(std::min(static_cast<size_t>(at), sample_.rows - 1));
    }
  }

  void move_centres() {
    for (size_t c = 0; c < count_; ++c) {
      if (sizes_[c] == 0) continue;
      const float* sum = &sums_[c * sample_.dims];
      double divisor = weights_[c];
      if (sample_.metric == Metric::cosine) divisor = exact_norm(sum, sample_.dims);
      if (!(divisor > 0) || !std::isfinite(divisor)) continue;  // opposite rows cancel: stay
      for (size_t i = 0; i < sample_.dims; ++i) {
        centres_[c * sample_.dims + i] = static_cast<float>(sum[i] / divisor);
      }
    }
  }

  // Centres without rows move onto rows drawn with a chance in proportion to their squared error,
  // so that identical rows draw none.
  void reseed_empty(size_t rows) {
    const size_t empty = static_cast<size_t>(std::count(sizes_.begin(), sizes_.end(), 0u));
    if (empty == 0) return;
    std::vector<double> until(rows);
    double total = 0;
    for (size_t i = 0; i < rows; ++i) {
      const double norm = sample_.norms[row_of(i)];
      const double error = sample_.metric == Metric::cosine ? (norm > 0 ? 1 - scores_[i] / norm : 0)
                                                            : norm * norm - 2.0 * scores_[i];
      // Below float's noise a row counts as being its centre.
      const double noise = 1e-5 * (sample_.metric == Metric::cosine ? 1 : norm * norm);
      if (error > noise && std::isfinite(error)) total += error;
      until[i] = total;
    }
    if (!(total > 0)) return;
    for (size_t c = 0; c < count_; ++c) {
      if (sizes_[c] != 0) continue;
      const double at = random_.uniform() * total;
      const size_t i =
          static_cast<size_t>(std::upper_bound(until.begin(), until.end(), at) - until.begin());
      put_centre(sample_, row_of(std::min(i, rows - 1)), &centres_[c * sample_.dims]);
    }
  }

  const Sample& sample_;
  std::vector<float> centres_;
  size_t count_;
  uint64_t seed_;
  uint32_t groups_;
  Random random_;
  std::vector<float> sums_;
  std::vector<double> weights_;
  std::vector<uint32_t> sizes_;
  std::vector<uint32_t> chosen_;  // empty: all rows
  std::vector<uint32_t> nearest_;
  std::vector<float> scores_;
};

}  // namespace

// Rows of an iteration that wants this share.
static size_t rows_of_share(float share, size_t rows, size_t lists) noexcept {
  const size_t least = std::min(rows, lists * kLeastRowsPerList);
  return std::max(static_cast<size_t>(static_cast<double>(rows) * share), least);
}

std::vector<float> train_centres(const Sample& sample, uint32_t lists, uint64_t seed,
                                 uint32_t groups) {
  Random random(seed, RandomUse::lists);
  std::vector<float> centres = first_centres(sample, std::max(lists, 1u), random);
  const size_t count = centres.size() / sample.dims;
  Lloyd lloyd(sample, std::move(centres), seed, groups);
  if (count == 1) {
    lloyd.iterate(sample.rows);
    return lloyd.take();
  }
  for (const float share : shares_for(sample.metric))
    lloyd.iterate(rows_of_share(share, sample.rows, count));
  return lloyd.take();
}

double centres_work(Metric metric, size_t rows, size_t dims, size_t lists, size_t groups) noexcept {
  size_t seen = 0;
  for (const float share : shares_for(metric)) seen += rows_of_share(share, rows, lists);
  return static_cast<double>(seen) * static_cast<double>(dims * centres_met(lists, groups));
}

namespace {

// k-means++ (Arthur and Vassilvitskii, SODA 2007) over few enough points to cost nothing.
void first_codewords(const float* points, size_t count, size_t width, Random& random,
                     float* codewords) {
  constexpr size_t kPoints = 1024;
  const size_t drawn = std::min(count, kPoints);
  std::vector<const float*> pool(drawn);
  for (auto& point : pool) point = points + random.below(count) * width;
  std::vector<double> distance(drawn, INFINITY), until(drawn);
  const float* chosen = pool[0];
  for (size_t k = 0; k < kCodewords; ++k) {
    double total = 0;
    for (size_t i = 0; i < drawn; ++i) {
      double square = 0;
      for (size_t j = 0; j < width; ++j) {
        const double difference = static_cast<double>(pool[i][j]) - chosen[j];
        square += difference * difference;
      }
      distance[i] = std::min(distance[i], square);
      until[i] = total += distance[i];
    }
    for (size_t j = 0; j < width; ++j) codewords[j * kCodewords + k] = chosen[j];
    const double at = random.uniform() * total;
    const auto next = std::upper_bound(until.begin(), until.end(), at) - until.begin();
    chosen = pool[std::min(static_cast<size_t>(next), drawn - 1)];
  }
}

uint32_t nearest_codeword(const float* point, const float* codewords, size_t width) {
  Floats4 square[4] = {};
  for (size_t j = 0; j < width; ++j) {
    const Floats4 value = fill4(point[j]);
    for (size_t part = 0; part < 4; ++part) {
      const Floats4 error = value - load4(codewords + j * kCodewords + 4 * part);
      square[part] += error * error;
    }
  }
  return argmin16(square);
}

}  // namespace

double codewords_work(size_t count, size_t width) noexcept {
  // So much slower are they than those of assignments to lists, measured at two dimensions.
  constexpr double kSlower = 20;
  return kSlower * kCodewordIterations * static_cast<double>(kCodewords * count * width);
}

void train_codewords(const float* points, size_t count, size_t width, uint64_t seed,
                     float* codewords, StopFlag stop) {
  Random random(seed, RandomUse::codebooks);
  first_codewords(points, count, width, random, codewords);
  std::vector<double> sums(width * kCodewords);
  for (int iteration = 0; iteration < kCodewordIterations; ++iteration) {
    check_stop(stop);
    std::fill(sums.begin(), sums.end(), 0.0);
    size_t sizes[kCodewords] = {};
    for (size_t i = 0; i < count; ++i) {
      const float* point = points + i * width;
      const uint32_t k = nearest_codeword(point, codewords, width);
      ++sizes[k];
      for (size_t j = 0; j < width; ++j) sums[j * kCodewords + k] += point[j];
    }
    for (size_t k = 0; k < kCodewords; ++k) {
      const float* lost = points + random.below(count) * width;
      for (size_t j = 0; j < width; ++j) {
        codewords[j * kCodewords + k] =
            sizes[k] != 0
                ? static_cast<float>(sums[j * kCodewords + k] / static_cast<double>(sizes[k]))
                : lost[j];
      }
    }
  }
}

}  // namespace avq
