// Training as the index build uses it: valid models from any sample, sensible choices, and codes
// that find the right rows.
#include "core/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/codec.h"
#include "core/fit.h"
#include "core/kernels.h"
#include "synthetic.h"

namespace avq {
namespace {

constexpr Metric kMetrics[] = {Metric::inner_product, Metric::cosine, Metric::l2};

TrainingOptions make_options(Metric metric, uint32_t dims, uint32_t lists) {
  TrainingOptions options;
  options.metric = metric;
  options.dims = dims;
  options.lists = lists;
  options.seed = 3;
  return options;
}

void expect_valid(const TrainedModel& model, const TrainingOptions& options) {
  const ModelShape& shape = model.shape;
  EXPECT_EQ(shape.dims, options.dims);
  EXPECT_GE(shape.lists, 1u);
  EXPECT_GE(shape.padded_dims(), shape.dims);
  EXPECT_LT(shape.padded_dims(), shape.dims + shape.dims_per_subspace);
  EXPECT_EQ(model.floats.size(), Model::float_count(shape));
  for (const float value : model.floats) ASSERT_TRUE(std::isfinite(value));
  EXPECT_TRUE(std::isfinite(shape.error_scale) && shape.error_scale > 0) << shape.error_scale;
  EXPECT_GE(shape.eta, 1);
  EXPECT_GE(shape.eta_scale, 1);
  const Model view = model.view();
  for (uint32_t l = 0; l < shape.lists; ++l) {
    EXPECT_GE(view.list_sigma[l], 0);
    if (shape.metric == Metric::cosine) {
      EXPECT_EQ(view.assign_bias[l], 0);
    }
  }
}

// Every row must also have a finite code, and every query finite tables.
void expect_usable(const TrainedModel& model, const std::vector<float>& rows) {
  const ModelShape& shape = model.shape;
  std::vector<float> prepared(shape.padded_dims()), scratch(encode_scratch_floats(shape));
  std::vector<uint8_t> codes(shape.subspaces), lut(shape.subspaces * kCodewords);
  for (size_t i = 0; i < rows.size() / shape.dims; ++i) {
    prepare(shape, &rows[i * shape.dims], prepared.data());
    uint32_t list;
    assign_lists(model.view(), prepared.data(), 1, &list);
    ASSERT_LT(list, shape.lists);
    const EncodedRow row =
        encode(model.view(), prepared.data(), list, codes.data(), scratch.data());
    EXPECT_TRUE(std::isfinite(row.scale) && row.scale >= 0 && std::isfinite(row.offset));
    const QueryTables tables = build_tables(model.view(), prepared.data(), 2, lut.data());
    EXPECT_TRUE(std::isfinite(tables.step) && std::isfinite(tables.base));
  }
}

TEST(Train, DegenerateSamplesGiveValidModels) {
  for (const Metric metric : kMetrics) {
    for (const uint32_t dims : {1u, 2u, 5u, 40u}) {
      for (const bool row_scale : {true, false}) {
        TrainingOptions options = make_options(metric, dims, 30);
        options.row_scale = row_scale;
        const auto check = [&](const char* what, const std::vector<float>& rows) {
          SCOPED_TRACE(std::string(what) + ", " + std::to_string(dims) + " dims, metric " +
                       std::to_string(static_cast<int>(metric)));
          const TrainedModel model = train(options, rows.data(), rows.size() / dims, nullptr);
          expect_valid(model, options);
          expect_usable(model, rows);
          EXPECT_LE(model.shape.lists, rows.size() / dims);
        };
        check("one row", gaussian_rows(1, dims, 1));
        check("five rows", gaussian_rows(5, dims, 1));
        check("identical rows", std::vector<float>(400 * dims, 0.7f));
        if (metric != Metric::cosine) check("zero rows", std::vector<float>(400 * dims));
        auto outlier = gaussian_rows(500, dims, 1);
        for (size_t j = 0; j < dims; ++j) outlier[7 * dims + j] *= 20;
        check("one row 20 times longer", outlier);
        auto extreme = gaussian_rows(300, dims, 1);
        for (size_t i = 0; i < extreme.size(); ++i) extreme[i] *= i / dims == 3 ? 1e15f : 1e-15f;
        check("rows 30 orders of magnitude apart", extreme);
      }
    }
  }
}

TEST(Train, IdenticalRowsAreOneList) {
  const std::vector<float> rows(1000 * 8, 0.5f);
  for (const Metric metric : kMetrics) {
    EXPECT_EQ(train(make_options(metric, 8, 50), rows.data(), 1000, nullptr).shape.lists, 1u);
  }
}

TEST(Train, SixteenThousandDimensionsAndEveryCodeWidth) {
  const auto wide = gaussian_rows(30, 16000, 1);
  TrainingOptions options = make_options(Metric::inner_product, 16000, 4);
  const TrainedModel model = train(options, wide.data(), 30, nullptr);
  expect_valid(model, options);
  expect_usable(model, wide);
  const auto rows = clustered_rows(600, 10, 10, 0.5f, 0.3f, 1);
  for (const uint32_t width : {1u, 2u, 3u, 4u, 7u, 10u, 64u}) {
    options = make_options(Metric::inner_product, 10, 8);
    options.dims_per_subspace = width;
    expect_valid(train(options, rows.data(), 600, nullptr), options);
    options.row_scale = false;
    expect_valid(train(options, rows.data(), 600, nullptr), options);
  }
}

TEST(Train, SameSeedSameModel) {
  const auto rows = clustered_rows(3000, 20, 30, 0.5f, 0.5f, 1);
  for (const Metric metric : kMetrics) {
    TrainingOptions options = make_options(metric, 20, 25);
    const TrainedModel first = train(options, rows.data(), 3000, nullptr);
    const TrainedModel again = train(options, rows.data(), 3000, nullptr);
    EXPECT_EQ(std::memcmp(&first.shape, &again.shape, sizeof(ModelShape)), 0);
    EXPECT_EQ(first.floats, again.floats);
    options.seed = 4;
    EXPECT_NE(train(options, rows.data(), 3000, nullptr).floats, first.floats);
  }
}

TEST(Train, StopsWhenAsked) {
  static int calls_left;
  const auto rows = clustered_rows(3000, 20, 30, 0.5f, 0.5f, 1);
  const TrainingOptions options = make_options(Metric::inner_product, 20, 25);
  int stopped = 0;
  for (const int calls : {0, 3, 30, 300}) {
    calls_left = calls;
    try {
      train(options, rows.data(), 3000, []() noexcept { return calls_left-- <= 0; });
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::canceled);
      ++stopped;
    }
  }
  EXPECT_EQ(stopped, 4) << "training polls less than 300 times";
}

TEST(Train, RejectsWhatNoSampleCanMend) {
  const std::vector<float> rows(10);
  TrainingOptions options = make_options(Metric::l2, 0, 1);
  EXPECT_THROW(train(options, rows.data(), 1, nullptr), Error);
  options.dims = kMaxDims + 1;
  EXPECT_THROW(train(options, rows.data(), 1, nullptr), Error);
  options.dims = 10;
  EXPECT_THROW(train(options, rows.data(), 0, nullptr), Error);
}

TEST(Train, OptionsReachTheModel) {
  const auto rows = clustered_rows(2000, 24, 20, 0.5f, 0.3f, 1);
  TrainingOptions options = make_options(Metric::inner_product, 24, 8);
  options.eta = 3.5f;
  options.rotate = 1;
  options.dims_per_subspace = 4;
  options.soar_lambda = 1.25f;
  ModelShape shape = train(options, rows.data(), 2000, nullptr).shape;
  EXPECT_EQ(shape.eta, 3.5f);
  EXPECT_EQ(shape.rotated, 1);
  EXPECT_EQ(shape.subspaces, 6u);
  EXPECT_EQ(shape.soar_lambda, 1.25f);
  EXPECT_EQ(shape.row_scale, 1);
  EXPECT_EQ(shape.lists, 8u);
  options.anisotropic_threshold = 0.2f;
  options.row_scale = false;
  options.rotate = 0;
  shape = train(options, rows.data(), 2000, nullptr).shape;
  EXPECT_EQ(shape.eta, eta_from_threshold(0.2f, 24));
  EXPECT_EQ(shape.rotated, 0);
  EXPECT_EQ(shape.row_scale, 0);
}

TEST(Train, RotatesWhereVariancesAreUnequal) {
  const auto even = clustered_rows(3000, 32, 30, 0.5f, 0, 1);
  auto uneven = even;
  for (size_t i = 0; i < uneven.size(); ++i) {
    uneven[i] *= std::exp(-0.1f * static_cast<float>(i % 32));
  }
  const TrainingOptions options = make_options(Metric::cosine, 32, 20);
  EXPECT_EQ(train(options, even.data(), 3000, nullptr).shape.rotated, 0);
  EXPECT_EQ(train(options, uneven.data(), 3000, nullptr).shape.rotated, 1);
}

TEST(Train, SpillsOnlyWhereTheSampleSaysSo) {
  // Rows far from every centroid, whose answers any list may hold, against tight clusters, where
  // the first list has them all.
  const auto tight = clustered_rows(6000, 20, 60, 0.1f, 0, 1);
  TrainingOptions options = make_options(Metric::cosine, 20, 60);
  options.soar_lambda = -1;
  EXPECT_EQ(train(options, tight.data(), 6000, nullptr).shape.soar_lambda, 0);
  options.soar_lambda = 0;
  EXPECT_EQ(train(options, tight.data(), 6000, nullptr).shape.soar_lambda, 0);
}

TEST(Train, MemoryBoundCoversTheModelAndGrowsWithTheSample) {
  TrainingOptions options = make_options(Metric::inner_product, 100, 1000);
  const size_t small = training_memory(options, 100000), large = training_memory(options, 200000);
  EXPECT_GT(large, small);
  EXPECT_GT(small, 1000u * 100 * 4);
  // Much less than a second copy of the sample.
  EXPECT_LT(large, 200000u * 100 * 4);
}

TEST(AutoWidth, RisesWithDimensions) {
  EXPECT_EQ(auto_dims_per_subspace(1), 2u);
  EXPECT_EQ(auto_dims_per_subspace(128), 2u);
  EXPECT_EQ(auto_dims_per_subspace(384), 4u);
  uint32_t last = 2;
  for (uint32_t dims = 1; dims <= kMaxDims; ++dims) {
    EXPECT_GE(auto_dims_per_subspace(dims), last);
    last = auto_dims_per_subspace(dims);
  }
  EXPECT_EQ(last, 8u);
}

// Share of the exact best 10 among the 30 best estimates, over all rows.
double code_recall(const TrainedModel& model, const std::vector<float>& rows,
                   const std::vector<float>& queries) {
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims(), count = rows.size() / shape.dims;
  std::vector<float> prepared(count * padded), rebuilt(count * padded), offsets(count);
  std::vector<float> decoded(padded), scratch(encode_scratch_floats(shape)), query(padded);
  std::vector<uint8_t> codes(shape.subspaces);
  for (size_t i = 0; i < count; ++i) {
    float* row = &prepared[i * padded];
    prepare(shape, &rows[i * shape.dims], row);
    uint32_t list;
    assign_lists(model.view(), row, 1, &list);
    const EncodedRow encoded = encode(model.view(), row, list, codes.data(), scratch.data());
    decode(model.view(), codes.data(), decoded.data());
    for (size_t j = 0; j < padded; ++j) {
      rebuilt[i * padded + j] =
          model.view().centroids[list * padded + j] + encoded.scale * decoded[j];
    }
    offsets[i] = encoded.offset;
  }
  double found = 0, wanted = 0;
  for (size_t q = 0; q < queries.size() / shape.dims; ++q) {
    prepare(shape, &queries[q * shape.dims], query.data());
    std::vector<float> exact(count), estimate(count);
    for (size_t i = 0; i < count; ++i) {
      const float* row = &prepared[i * padded];
      exact[i] = dot(query.data(), row, padded);
      if (shape.metric == Metric::l2) exact[i] -= norm_squared(row, padded) / 2;
      estimate[i] = dot(query.data(), &rebuilt[i * padded], padded) - offsets[i];
    }
    std::vector<float> sorted = exact;
    std::nth_element(sorted.begin(), sorted.begin() + 9, sorted.end(), std::greater<>());
    const float tenth = sorted[9];
    sorted = estimate;
    std::nth_element(sorted.begin(), sorted.begin() + 29, sorted.end(), std::greater<>());
    for (size_t i = 0; i < count; ++i) {
      if (exact[i] < tenth) continue;
      wanted += 1;
      found += estimate[i] >= sorted[29];
    }
  }
  return found / wanted;
}

TEST(Recall, OfCodesHoldsItsFloorForEveryMetric) {
  const auto rows = clustered_rows(5000, 48, 100, 0.7f, 0.3f, 1);
  const auto queries = clustered_rows(60, 48, 100, 0.7f, 0.3f, 1);
  for (const Metric metric : kMetrics) {
    const TrainedModel model = train(make_options(metric, 48, 40), rows.data(), 5000, nullptr);
    EXPECT_GT(code_recall(model, rows, queries), 0.97) << static_cast<int>(metric);
  }
}

TEST(Recall, ScalePerRowBeatsPlainCodesWhereNormsVary) {
  const auto rows = clustered_rows(5000, 48, 100, 0.7f, 0.6f, 1);
  const auto queries = gaussian_rows(60, 48, 9);
  TrainingOptions options = make_options(Metric::inner_product, 48, 40);
  const double scaled = code_recall(train(options, rows.data(), 5000, nullptr), rows, queries);
  options.row_scale = false;
  options.eta = 1;
  const double plain = code_recall(train(options, rows.data(), 5000, nullptr), rows, queries);
  EXPECT_GT(scaled, plain);
  EXPECT_GT(scaled, 0.95);
}

TEST(Untrained, WorksForAnyRows) {
  const auto rows = clustered_rows(3000, 48, 50, 0.7f, 0.3f, 1);
  const auto queries = clustered_rows(40, 48, 50, 0.7f, 0.3f, 1);
  for (const Metric metric : kMetrics) {
    const TrainingOptions options = make_options(metric, 48, 100);
    const TrainedModel model = untrained(options);
    expect_valid(model, options);
    EXPECT_EQ(model.shape.lists, 1u);
    EXPECT_EQ(model.shape.trained, 0);
    EXPECT_EQ(model.shape.rotated, 1);
    for (size_t j = 0; j < 48; ++j) EXPECT_EQ(model.view().centroids[j], 0);
    expect_usable(model, rows);
    EXPECT_GT(code_recall(model, rows, queries), 0.85) << static_cast<int>(metric);
    EXPECT_EQ(untrained(options).floats, model.floats);
  }
}

}  // namespace
}  // namespace avq
