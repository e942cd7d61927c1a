// From a target recall to work: more recall never means less work, the ends mean what they say, and
// what was fitted on some queries holds for others.
#include "core/recall_model.h"
#include "core/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/codec.h"
#include "core/kernels.h"
#include "core/recall_fit.h"
#include "core/trainer.h"
#include "synthetic.h"

namespace avq {
namespace {

constexpr double kTargets[] = {0.5, 0.6, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 1.0};

RecallModel some_model() {
  RecallModel model = rule_of_thumb(1000, 1e5);
  model.source = FittedOn::queries;
  for (uint32_t d = 0; d < kDepths; ++d) {
    for (uint32_t i = 0; i < kLosses; ++i) model.probes[d][i] = 2.0f * (d + 1) * (i + 1) * (i + 1);
  }
  return model;
}

TEST(RecallModel, ReadsWhatWasFittedAndInterpolates) {
  const RecallModel model = some_model();
  for (uint32_t i = 0; i < kLosses; ++i) {
    EXPECT_NEAR(at_loss(model.widths, kFitLosses[i]), model.widths[i], 1e-6);
  }
  const double between = at_loss(model.widths, 0.14);
  EXPECT_GT(between, model.widths[2]);
  EXPECT_LT(between, model.widths[3]);
  EXPECT_EQ(at_loss(model.widths, 0.9), model.widths[0]);
  EXPECT_GT(at_loss(model.widths, 1e-5), model.widths[kLosses - 1]);
}

TEST(RecallModel, IsExactAtTheDepthsThatWereFitted) {
  const RecallModel model = some_model();
  // Losses that at_loss need not interpolate; the first row leaves nothing to the codes.
  EXPECT_EQ(probes_for(model, 1 - kFitLosses[3], 1000, 1e5, 1), model.probes[0][3]);
  const double target = 1 - kFitLosses[3] / (1 - kCodeShare);
  for (uint32_t d = 1; d < kDepths; ++d) {
    EXPECT_EQ(probes_for(model, target, 1000, 1e5, kFitDepths[d]), model.probes[d][3]) << d;
  }
  EXPECT_GT(probes_for(model, target, 1000, 1e5, 11), model.probes[1][3]);
  EXPECT_GT(probes_for(model, target, 1000, 1e5, 101), model.probes[2][3]);
}

TEST(RecallModel, WorkGrowsWithTargetAndDepthAndStaysWithinTheLists) {
  const RecallModel model = some_model();
  float width = -1;
  for (const double target : kTargets) {
    EXPECT_GE(bound_width(model, target), width) << target;
    width = bound_width(model, target);
  }
  for (const uint32_t lists : {1u, 2u, 7u, 1000u}) {
    for (const uint64_t row : {1ul, 2ul, 10ul, 11ul, 100ul, 1000ul, 1000000000ul}) {
      uint32_t last = 1;
      for (const double target : kTargets) {
        const uint32_t probes = probes_for(model, target, lists, 1e5, row);
        EXPECT_GE(probes, last) << target << " " << row;
        EXPECT_LE(probes, lists);
        EXPECT_LE(probes, probes_for(model, target, lists, 1e5, row * 10)) << target << " " << row;
        last = probes;
      }
      EXPECT_EQ(last, lists);  // a target of one
    }
  }
}

TEST(RecallModel, RowsAddedSinceMakeTheSameAnswersADeeperCut) {
  const RecallModel model = some_model();
  EXPECT_EQ(probes_for(model, 0.95, 1000, 1e6, 10), probes_for(model, 0.95, 1000, 1e5, 1));
  EXPECT_LT(probes_for(model, 0.95, 1000, 1e6, 10), probes_for(model, 0.95, 1000, 1e5, 10));
  EXPECT_GT(probes_for(model, 0.95, 1000, 1e4, 10), probes_for(model, 0.95, 1000, 1e5, 10));
}

TEST(RecallModel, AsksForSomeRowsUnlessItKnowsTheQueries) {
  RecallModel model = some_model();
  model.rows = 8192;
  EXPECT_LT(probes_for(model, 0.8, 100, 8192, 1), 50u);
  model.source = FittedOn::sample;
  EXPECT_EQ(probes_for(model, 0.8, 100, 8192, 1), 50u);
  EXPECT_EQ(probes_for(model, 0.8, 100, 4000, 1), 100u);
}

TEST(RecallModel, ASampleIsNotReadAboveItsFirstTen) {
  RecallModel model = some_model();
  model.source = FittedOn::sample;
  const uint32_t ten = probes_for(model, 0.95, 1000, 1e5, 10);
  EXPECT_EQ(probes_for(model, 0.95, 1000, 1e5, 1), ten);
  EXPECT_EQ(probes_for(model, 0.95, 1000, 1e7, 10), ten);
  EXPECT_GT(probes_for(model, 0.95, 1000, 1e6, 1000), ten);
}

TEST(RecallModel, OneScanOpensListsInFewPasses) {
  const RecallModel model = some_model();
  uint32_t changes = 0, last = probes_for(model, 0.9, 1000, 1e5, 1);
  for (uint64_t row = 2; row <= 1000; row++) {
    const uint32_t probes = probes_for(model, 0.9, 1000, 1e5, row);
    changes += probes != last;
    last = probes;
  }
  EXPECT_LE(changes, 8u);
}

TEST(RecallModel, WithoutAFitEverythingIsProbed) {
  const RecallModel model = rule_of_thumb(50, 1000);
  EXPECT_EQ(probes_for(model, 0.5, 50, 1000, 1), 50u);
  EXPECT_GT(bound_width(model, 0.95), 1);
}

TEST(RecallModel, BudgetsGrowWithTargetAndDepth) {
  for (const uint64_t row : {1ul, 10ul, 1000ul}) {
    uint64_t last = 0;
    for (const double target : kTargets) {
      const uint64_t budget = rescore_budget(target, row);
      EXPECT_GE(budget, last) << target;
      EXPECT_GE(budget, row) << target;
      EXPECT_GE(rescore_budget(target, row * 2), budget) << target;
      last = budget;
    }
  }
  EXPECT_EQ(rescore_budget(1, 1), UINT64_MAX);
}

// Exact answers of queries among rows by inner product.
std::vector<uint32_t> exact_answers(const std::vector<float>& rows,
                                    const std::vector<float>& queries, size_t dims, size_t depth) {
  std::vector<uint32_t> answers;
  std::vector<uint32_t> order(rows.size() / dims);
  for (size_t q = 0; q < queries.size() / dims; ++q) {
    std::vector<float> scores(order.size());
    dot_rows(&queries[q * dims], rows.data(), order.size(), dims, scores.data());
    std::iota(order.begin(), order.end(), 0u);
    std::partial_sort(order.begin(), order.begin() + static_cast<long>(depth), order.end(),
                      [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
    answers.insert(answers.end(), order.begin(), order.begin() + static_cast<long>(depth));
  }
  return answers;
}

// Share of the answers that lie in the `probes` best lists of their query.
double share_in_lists(const Model& model, const std::vector<float>& rows,
                      const std::vector<float>& queries, const std::vector<uint32_t>& answers,
                      size_t stored, size_t depth, uint32_t probes) {
  const size_t padded = model.shape.padded_dims(), dims = model.shape.dims;
  std::vector<float> prepared(padded), routes(model.shape.lists);
  Router router(model);
  std::vector<float> scratch(kSpillScratchFloats);
  double found = 0;
  const size_t count = queries.size() / dims;
  for (size_t q = 0; q < count; ++q) {
    prepare(model.shape, &queries[q * dims], prepared.data());
    router.route(prepared.data(), routes.data());
    for (size_t i = 0; i < depth; ++i) {
      std::vector<float> row(padded);
      uint32_t list, second;
      prepare(model.shape, &rows[answers[q * stored + i] * dims], row.data());
      assign_lists(model, row.data(), 1, &list);
      second = list;
      if (model.shape.soar_lambda > 0) {
        spill_lists(model, row.data(), 1, &list, &second, scratch.data());
      }
      const float best = std::max(routes[list], routes[second]);
      const auto better =
          std::count_if(routes.begin(), routes.end(), [best](float route) { return route > best; });
      found += better < static_cast<long>(probes);
    }
  }
  return found / static_cast<double>(count * depth);
}

TEST(FitRecall, HoldsForQueriesThatItHasNotSeen) {
  constexpr size_t kRows = 20000, kDims = 24, kQueries = 150, kDepth = 100;
  const auto all = clustered_rows(kRows + 2 * kQueries, kDims, 400, 0.8f, 0, 3);
  const std::vector<float> rows(all.begin(), all.begin() + kRows * kDims);
  const std::vector<float> seen(all.begin() + kRows * kDims,
                                all.begin() + (kRows + kQueries) * kDims);
  const std::vector<float> unseen(all.begin() + (kRows + kQueries) * kDims, all.end());
  for (const float soar : {0.0f, 1.0f}) {
    TrainingOptions options;
    options.dims = kDims;
    options.lists = 200;
    options.soar_lambda = soar;
    const TrainedModel trained = train(options, rows.data(), kRows, nullptr);
    const std::vector<uint32_t> fitted_on = exact_answers(rows, seen, kDims, kDepth);
    const std::vector<uint32_t> truth = exact_answers(rows, unseen, kDims, kDepth);
    const Answers answers = {seen.data(), kQueries, kDepth, fitted_on.data(), rows.data(), kRows};
    const RecallModel model = fit_recall(trained.view(), answers, FittedOn::queries, nullptr);
    EXPECT_EQ(model.source, FittedOn::queries);
    EXPECT_EQ(model.queries, kQueries);
    for (const double target : {0.8, 0.9, 0.95, 0.99}) {
      for (const uint64_t k : {1ul, 10ul, 100ul}) {
        const uint32_t probes = probes_for(model, target, trained.shape.lists, kRows, k);
        const double recall =
            share_in_lists(trained.view(), rows, unseen, truth, kDepth, k, probes);
        // Of so few first answers the share has a standard error of 0.018 at 0.95.
        EXPECT_GE(recall, target - (k == 1 ? 0.04 : 0.02)) << target << " " << k;
        if (probes > 1 && k > 1 && target < 0.99) {  // and little more than is needed
          EXPECT_LT(share_in_lists(trained.view(), rows, unseen, truth, kDepth, k, probes / 2),
                    target + 0.02)
              << target << " " << k << " " << probes;
        }
      }
    }
    EXPECT_GT(bound_width(model, 0.95), 0.5);
    EXPECT_LT(bound_width(model, 0.95), 6);
  }
}

struct SmallIndex {
  std::vector<float> rows, queries;
  TrainedModel trained;
};
SmallIndex small_index(size_t rows, size_t queries, size_t dims, uint32_t lists) {
  const auto all = clustered_rows(rows + queries, dims, 40, 0.8f, 0, 5);
  const auto end = all.begin() + static_cast<long>(rows * dims);
  TrainingOptions options;
  options.dims = static_cast<uint32_t>(dims);
  options.lists = lists;
  return {{all.begin(), end}, {end, all.end()}, train(options, all.data(), rows, nullptr)};
}

TEST(FitRecall, BoundsFromASampleAllowForQueriesUnlikeItsRows) {
  constexpr size_t kRows = 3000, kDims = 16, kQueries = 60, kDepth = 20;
  const SmallIndex index = small_index(kRows, kQueries, kDims, 30);
  const auto &rows = index.rows, &queries = index.queries;
  const TrainedModel& trained = index.trained;
  const std::vector<uint32_t> top = exact_answers(rows, queries, kDims, kDepth);
  Answers answers = {queries.data(), kQueries, kDepth, top.data(), rows.data(), kRows};
  const RecallModel usual = rule_of_thumb(30, kRows);
  const RecallModel known = fit_recall(trained.view(), answers, FittedOn::queries, nullptr);
  for (const double strangeness : {1.0, 1.4}) {
    answers.strangeness = strangeness;
    const RecallModel sample = fit_recall(trained.view(), answers, FittedOn::sample, nullptr);
    for (uint32_t i = 0; i < kLosses; ++i) {
      EXPECT_GE(sample.widths[i], usual.widths[i] * strangeness * 0.999) << i;
      EXPECT_GE(sample.widths[i], sample.widths[i > 0 ? i - 1 : 0]) << i;
    }
    const RecallModel again = fit_recall(trained.view(), answers, FittedOn::queries, nullptr);
    EXPECT_TRUE(std::equal(again.widths, again.widths + kLosses, known.widths));
  }
}

TEST(FitRecall, OneRowThatAnswersEveryQueryOfASampleDoesNotDecide) {
  constexpr size_t kRows = 4000, kDims = 16, kQueries = 100, kDepth = 10;
  const SmallIndex index = small_index(kRows, kQueries, kDims, 40);
  const auto &rows = index.rows, &queries = index.queries;
  const TrainedModel& trained = index.trained;
  std::vector<uint32_t> top = exact_answers(rows, queries, kDims, kDepth);
  const auto fit = [&](FittedOn source) {
    const Answers answers = {queries.data(), kQueries, kDepth, top.data(), rows.data(), kRows};
    return fit_recall(trained.view(), answers, source, nullptr).probes[1][3];  // loss 0.1
  };
  const float before = fit(FittedOn::sample);
  for (size_t q = 0; q < kQueries; ++q) top[q * kDepth + kDepth - 1] = 0;
  // Half of the queries find it in the last of their lists: a tenth of all answers.
  EXPECT_LT(fit(FittedOn::sample), fit(FittedOn::queries));
  EXPECT_LE(fit(FittedOn::sample), before + 3);
}

TEST(FitRecall, NeedsSomeQueries) {
  const auto rows = clustered_rows(500, 8, 20, 0.5f, 0, 3);
  TrainingOptions options;
  options.dims = 8;
  options.lists = 10;
  const TrainedModel trained = train(options, rows.data(), 500, nullptr);
  const std::vector<float> queries(rows.begin(), rows.begin() + 5 * 8);
  const std::vector<uint32_t> top = exact_answers(rows, queries, 8, 10);
  const Answers answers = {queries.data(), 5, 10, top.data(), rows.data(), 500};
  EXPECT_EQ(fit_recall(trained.view(), answers, FittedOn::queries, nullptr).source,
            FittedOn::nothing);
}

}  // namespace
}  // namespace avq
