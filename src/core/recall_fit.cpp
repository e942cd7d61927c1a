#include "core/recall_fit.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/codec.h"
#include "core/kernels.h"
#include "core/router.h"

namespace avq {
namespace {

constexpr double kLeastMisses = 4;        // expected, for a share of them to be read off
constexpr double kLeastFirstMisses = 20;  // likewise, of the first answers of the user's queries

// Answers that are looked at: a query's first ten, and every fourth of the others, which stands for
// its neighbours. Of a sample's queries, codes are looked at for every third: encoding is most of a
// fit's time.
constexpr size_t kDense = 10, kSparse = 4, kCodedQueries = 200;

// What became of one answer.
struct Outcome {
  uint32_t query;
  uint32_t row;
  uint32_t lists[2];   // the second one: of SOAR, or the first again
  uint32_t rank;       // of the better one in the query's routes
  float score;         // true
  float weight;        // for the probes
  float estimates[2];  // by its code in either list; of coded queries
  float widths[2];     // of the error bound for z = 1; likewise
};

// The answers of all queries that are looked at.
struct Outcomes {
  std::vector<Outcome> all;    // by query, then place
  std::vector<size_t> places;  // among a query's answers
  size_t coded_step;           // every so many queries have their codes looked at

  size_t depth() const noexcept { return places.size(); }
  size_t queries() const noexcept { return all.size() / places.size(); }
  // How many of a query's are among its best `depth`.
  size_t within(size_t depth) const noexcept {
    return static_cast<size_t>(std::lower_bound(places.begin(), places.end(), depth) -
                               places.begin());
  }
  bool coded(const Outcome& outcome) const noexcept { return outcome.query % coded_step == 0; }
};

// A row that answers many of a sample's queries counts for less than all of these: which rows those
// are is chance, and whether real queries meet them is not known. The users' own do.
float weight_in_sample(float answers) noexcept {
  constexpr float kMost = 6;  // answers that it counts for: else one row misrouted decides
  return std::min(1 / std::sqrt(answers), kMost / answers);
}

// Rows on their way through both of their lists: taken in batches, since assignment is a product
// of matrices, then looked at one by one.
class RowCoder {
 public:
  explicit RowCoder(const Model& model)
      : model_(model),
        padded_(model.shape.padded_dims()),
        batch_(std::clamp<size_t>((size_t{1} << 17) / padded_, 1, 64)),
        prepared_(batch_ * padded_),
        decoded_(padded_),
        encode_scratch_(encode_scratch_floats(model.shape)),
        spill_scratch_(kSpillScratchFloats),
        first_lists_(batch_),
        second_lists_(batch_),
        codes_(model.shape.subspaces) {}

  // Most rows of a batch.
  size_t batch() const noexcept { return batch_; }

  void take(const Answers& answers, const uint32_t* rows, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      prepare(model_.shape, answers.vectors + size_t{rows[i]} * model_.shape.dims,
              &prepared_[i * padded_]);
    }
    assign_lists(model_, prepared_.data(), count, first_lists_.data());
    second_lists_ = first_lists_;
    if (model_.shape.soar_lambda > 0 && model_.shape.lists > 1) {
      spill_lists(model_, prepared_.data(), count, first_lists_.data(), second_lists_.data(),
                  spill_scratch_.data());
    }
  }

  void look_at(size_t i) noexcept {
    row_ = &prepared_[i * padded_];
    norm_ = exact_norm(row_, padded_);
    lists[0] = first_lists_[i];
    lists[1] = second_lists_[i];
  }

  double true_score(const float* query) const noexcept {
    const double product = dot(query, row_, padded_);
    return model_.shape.metric == Metric::l2 ? product - norm_ * norm_ / 2 : product;
  }

  // The code of the row in its list number `which`, for estimate().
  void encode_in(int which) {
    list_ = lists[which];
    encoded_ = encode(model_, row_, list_, codes_.data(), encode_scratch_.data());
    decode(model_, codes_.data(), decoded_.data());
  }

  void estimate(const float* query, double query_norm, float* estimate, float* width) const {
    const float* centroid = model_.centroid(list_);
    *estimate =
        dot(query, centroid, padded_) + encoded_.scale * dot(query, decoded_.data(), padded_);
    double span = query_norm;
    if (model_.shape.metric == Metric::l2) {
      *estimate -= encoded_.offset;
      span = std::sqrt(l2_squared(query, centroid, padded_));
    }
    *width = static_cast<float>(encoded_.scale * span * model_.shape.error_scale /
                                std::sqrt(double(model_.shape.dims)));
  }

  uint32_t lists[2];

 private:
  const Model& model_;
  size_t padded_, batch_;
  std::vector<float> prepared_, decoded_, encode_scratch_, spill_scratch_;
  std::vector<uint32_t> first_lists_, second_lists_;
  std::vector<uint8_t> codes_;
  const float* row_ = nullptr;
  double norm_ = 0;
  uint32_t list_ = 0;
  EncodedRow encoded_ = {};
};

Outcomes score_answers(const Model& model, const Answers& answers, FittedOn source,
                       const std::vector<float>& queries, StopFlag stop) {
  const size_t padded = model.shape.padded_dims();
  Outcomes result;
  for (size_t place = 0; place < answers.depth; ++place) {
    if (place < kDense || place % kSparse == 0) result.places.push_back(place);
  }
  result.coded_step =
      source == FittedOn::sample ? std::max<size_t>(1, answers.count / kCodedQueries) : 1;
  result.all.resize(answers.count * result.depth());
  std::vector<Outcome>& outcomes = result.all;
  std::vector<uint32_t> order(outcomes.size());  // by row: each is encoded once
  std::iota(order.begin(), order.end(), 0u);
  for (size_t i = 0; i < outcomes.size(); ++i) {
    outcomes[i].query = static_cast<uint32_t>(i / result.depth());
    outcomes[i].row =
        answers.rows[outcomes[i].query * answers.depth + result.places[i % result.depth()]];
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return outcomes[a].row < outcomes[b].row || (outcomes[a].row == outcomes[b].row && a < b);
  });
  std::vector<double> norms(answers.count);
  for (size_t q = 0; q < answers.count; ++q) norms[q] = exact_norm(&queries[q * padded], padded);
  std::vector<uint32_t> rows;  // each once
  for (const uint32_t i : order) {
    if (rows.empty() || rows.back() != outcomes[i].row) rows.push_back(outcomes[i].row);
  }
  RowCoder coder(model);
  size_t first = 0;
  for (size_t number = 0; number < rows.size(); ++number) {
    check_stop(stop);
    const size_t place = number % coder.batch();
    if (place == 0) {
      coder.take(answers, &rows[number], std::min(coder.batch(), rows.size() - number));
    }
    coder.look_at(place);
    size_t end = first;
    while (end < order.size() && outcomes[order[end]].row == rows[number]) ++end;
    const float weight =
        source == FittedOn::sample ? weight_in_sample(static_cast<float>(end - first)) : 1;
    bool coded = false;
    for (size_t i = first; i < end; ++i) {
      outcomes[order[i]].weight = weight;
      Outcome& outcome = outcomes[order[i]];
      outcome.score = static_cast<float>(coder.true_score(&queries[outcome.query * padded]));
      std::copy_n(coder.lists, 2, outcome.lists);
      coded |= result.coded(outcome);
    }
    const int lists = coder.lists[0] == coder.lists[1] ? 1 : 2;
    for (int which = 0; coded && which < lists; ++which) {
      coder.encode_in(which);
      for (size_t i = first; i < end; ++i) {
        Outcome& outcome = outcomes[order[i]];
        if (!result.coded(outcome)) continue;
        coder.estimate(&queries[outcome.query * padded], norms[outcome.query],
                       &outcome.estimates[which], &outcome.widths[which]);
      }
    }
    first = end;
  }
  return result;
}

void rank_answers(const Model& model, const std::vector<float>& queries, Outcomes& result,
                  StopFlag stop) {
  std::vector<Outcome>& outcomes = result.all;
  const size_t depth = result.depth();
  const uint32_t lists = model.shape.lists;
  const size_t padded = model.shape.padded_dims();
  Router router(model);
  std::vector<float> routes(lists);
  std::vector<uint32_t> order(lists), rank(lists);
  for (size_t first = 0; first < outcomes.size(); first += depth) {
    check_stop(stop);
    router.route(&queries[outcomes[first].query * padded], routes.data());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
      return routes[a] > routes[b] || (routes[a] == routes[b] && a < b);
    });
    for (uint32_t i = 0; i < lists; ++i) rank[order[i]] = i;
    router.delay(rank.data());
    for (size_t i = first; i < first + depth; ++i) {
      Outcome& outcome = outcomes[i];
      outcome.rank = std::min(rank[outcome.lists[0]], rank[outcome.lists[1]]);
      // The list that is probed first decides; when both are, the better bound does, but fewer
      // scans get there.
      if (rank[outcome.lists[1]] < rank[outcome.lists[0]]) {
        outcome.estimates[0] = outcome.estimates[1];
        outcome.widths[0] = outcome.widths[1];
      }
    }
  }
}

// Probes at which the share of missed answers, plus its standard error, falls to each loss.
void fit_probes(const Outcomes& result, size_t used, uint32_t lists, float* probes) {
  const std::vector<Outcome>& outcomes = result.all;
  const size_t queries = result.queries(), depth = result.depth(), within = result.within(used);
  const size_t dense = std::min(within, kDense);
  std::vector<uint32_t> order;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    if (i % depth < within) order.push_back(static_cast<uint32_t>(i));
  }
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return outcomes[a].rank < outcomes[b].rank || (outcomes[a].rank == outcomes[b].rank && a < b);
  });
  std::vector<double> missed(queries);
  // What an answer counts: the later ones for all that they stand for. The mean over queries is 1.
  const double sparse =
      within > dense ? static_cast<double>(used - dense) / static_cast<double>(within - dense) : 0;
  const auto weight = [&](uint32_t i) {
    return outcomes[i].weight * (i % depth < dense ? 1 : sparse);
  };
  double total = 0;
  for (const uint32_t i : order) total += weight(i);
  const double count = static_cast<double>(queries), unit = count / total;
  for (const uint32_t i : order) missed[outcomes[i].query] += weight(i) * unit;
  double sum = count, squares = 0;
  for (const double share : missed) squares += share * share;
  uint32_t loss = 0;
  for (size_t i = 0; i < order.size() && loss < kLosses;) {
    const uint32_t rank = outcomes[order[i]].rank;
    for (; i < order.size() && outcomes[order[i]].rank == rank; ++i) {
      double& share = missed[outcomes[order[i]].query];
      const double step = weight(order[i]) * unit;
      squares -= share * share;
      share -= step;
      squares += share * share;
      sum -= step;
    }
    const double mean = std::max(sum / count, 0.0);
    const double variance = std::max(squares / count - mean * mean, 0.0);
    const double bound = mean + std::sqrt(variance / count);
    for (; loss < kLosses && bound <= kFitLosses[loss]; ++loss) {
      probes[loss] = static_cast<float>(rank + 1);
    }
  }
  for (; loss < kLosses; ++loss) probes[loss] = static_cast<float>(lists);
}

// z at which the share of answers that are not rescored falls to each loss.
void fit_widths(const Outcomes& result, size_t used, float* widths) {
  const std::vector<Outcome>& outcomes = result.all;
  const size_t depth = result.depth(), within = result.within(used);
  std::vector<float> needed;
  for (size_t first = 0; first < outcomes.size(); first += depth) {
    if (!result.coded(outcomes[first])) continue;
    const float last = outcomes[first + within - 1].score;
    const size_t step = within > kDense ? kSparse : 1;
    for (size_t i = first; i < first + within; i += i < first + kDense ? step : 1) {
      const float gap = last - outcomes[i].estimates[0];
      needed.push_back(gap <= 0 ? 0 : outcomes[i].widths[0] > 0 ? gap / outcomes[i].widths[0] : 0);
    }
  }
  std::sort(needed.begin(), needed.end());
  for (uint32_t loss = 0; loss < kLosses; ++loss) {
    const double misses = kFitLosses[loss] * static_cast<double>(needed.size());
    if (misses < kLeastMisses) break;
    const float width = needed[needed.size() - 1 - static_cast<size_t>(misses)];
    widths[loss] = std::max(widths[loss], width);
  }
}

}  // namespace

RecallModel rule_of_thumb(uint32_t lists, double rows) noexcept {
  constexpr float kWidths[kLosses] = {0.5, 0.7, 0.8, 1, 1.3, 1.5, 1.8, 2, 2.6, 3, 3.6, 4};
  RecallModel model = {};
  model.rows = static_cast<float>(rows);
  for (uint32_t loss = 0; loss < kLosses; ++loss) {
    for (auto& probes : model.probes) probes[loss] = static_cast<float>(lists);
    model.widths[loss] = kWidths[loss];
  }
  return model;
}

namespace {

// `usual`: of the rule of thumb's widths, what none may fall below.
RecallModel fit_outcomes(const Outcomes& outcomes, size_t answers_depth, uint32_t lists,
                         double pool, FittedOn source, float usual) {
  RecallModel fitted = rule_of_thumb(lists, pool);
  fitted.source = source;
  fitted.queries = static_cast<uint32_t>(outcomes.queries());
  for (float& width : fitted.widths) width *= usual;
  for (int d = kDepths - 1; d >= 0; --d) {
    const size_t used = std::min<size_t>(kFitDepths[d], answers_depth);
    fit_probes(outcomes, used, lists, fitted.probes[d]);
    fit_widths(outcomes, used, fitted.widths);
    // What few queries cannot tell of the rarest misses, the deeper answers do.
    const double least = d == 0 && source == FittedOn::queries ? kLeastFirstMisses : kLeastMisses;
    for (uint32_t loss = 1; d + 1 < static_cast<int>(kDepths) && loss < kLosses; ++loss) {
      if (kFitLosses[loss] * static_cast<double>(outcomes.queries() * used) >= least) continue;
      const float* deeper = fitted.probes[d + 1];
      fitted.probes[d][loss] = fitted.probes[d][loss - 1] * deeper[loss] / deeper[loss - 1];
    }
  }
  // Losses too rare to be seen widen the bound as those of a Gaussian error would.
  constexpr float kWiden = 0.3f;
  for (uint32_t loss = 1; loss < kLosses; ++loss) {
    if (fitted.widths[loss] <= 0 && fitted.widths[loss - 1] > 0) {
      fitted.widths[loss] = fitted.widths[loss - 1] + kWiden;
    }
    fitted.widths[loss] = std::max(fitted.widths[loss], fitted.widths[loss - 1]);
  }
  return fitted;
}

}  // namespace

RecallModel fit_recall(const Model& model, const Answers& answers, FittedOn source, StopFlag stop) {
  if (answers.count < kLeastQueries || answers.depth == 0) {
    return rule_of_thumb(model.shape.lists, answers.pool);
  }
  const size_t padded = model.shape.padded_dims();
  std::vector<float> queries(answers.count * padded);
  for (size_t q = 0; q < answers.count; ++q) {
    prepare(model.shape, answers.queries + q * model.shape.dims, &queries[q * padded]);
  }
  Outcomes outcomes = score_answers(model, answers, source, queries, stop);
  rank_answers(model, queries, outcomes, stop);

  // Rows know little of the errors that queries from elsewhere meet: not below what is usual,
  // scaled up where the codes favour the directions of rows.
  const auto usual = static_cast<float>(source == FittedOn::sample ? answers.strangeness : 0);
  return fit_outcomes(outcomes, answers.depth, model.shape.lists, answers.pool, source, usual);
}

}  // namespace avq
