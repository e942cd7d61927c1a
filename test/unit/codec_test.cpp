// From rows to codes to estimates: what encode, decode, packing, tables and routing promise.
#include "core/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/anisotropic.h"
#include "core/bfloat16.h"
#include "core/kernels.h"
#include "core/routing.h"
#include "core/trainer.h"
#include "synthetic.h"

namespace avq {
namespace {

constexpr size_t kDims = 33;  // odd, so that the last subspace is padded

struct Index {
  TrainedModel model;
  std::vector<float> prepared;
  std::vector<uint32_t> lists;
  std::vector<uint8_t> codes;  // rows x subspaces
  std::vector<EncodedRow> encoded;

  Index(const TrainingOptions& options, const std::vector<float>& rows) {
    const size_t count = rows.size() / options.dims;
    model = train(options, rows.data(), count, nullptr);
    const ModelShape& shape = model.shape;
    const size_t padded = shape.padded_dims();
    prepared.resize(count * padded);
    lists.resize(count);
    codes.resize(count * shape.subspaces);
    std::vector<float> scratch(encode_scratch_floats(shape));
    for (size_t i = 0; i < count; ++i) {
      prepare(shape, &rows[i * options.dims], &prepared[i * padded]);
    }
    assign_lists(model.view(), prepared.data(), count, lists.data());
    for (size_t i = 0; i < count; ++i) {
      encoded.push_back(encode(model.view(), &prepared[i * padded], lists[i],
                               &codes[i * shape.subspaces], scratch.data()));
    }
  }

  float residual(size_t row) const {
    const size_t padded = model.shape.padded_dims();
    return l2_squared(&prepared[row * padded], model.view().centroids + lists[row] * padded,
                      padded);
  }

  // centroid + s * decoded
  std::vector<float> rebuilt(size_t row) const {
    const size_t padded = model.shape.padded_dims();
    std::vector<float> out(padded);
    decode(model.view(), &codes[row * model.shape.subspaces], out.data());
    for (size_t j = 0; j < padded; ++j) {
      out[j] = model.view().centroids[lists[row] * padded + j] + encoded[row].scale * out[j];
    }
    return out;
  }
};

TrainingOptions options_for(Metric metric) {
  TrainingOptions options;
  options.metric = metric;
  options.dims = kDims;
  options.lists = 16;
  options.seed = 5;
  return options;
}

std::vector<float> test_rows(size_t count = 3000) {
  return clustered_rows(count, kDims, 40, 0.6f, 0.4f, 1);
}

constexpr Metric kMetrics[] = {Metric::inner_product, Metric::cosine, Metric::l2};

TEST(Prepare, KeepsProductsAndPadsWithZeros) {
  for (const uint8_t rotated : {0, 1}) {
    ModelShape shape = {};
    shape.dims = kDims;
    shape.dims_per_subspace = 2;
    shape.subspaces = 17;
    shape.metric = Metric::inner_product;
    shape.rotated = rotated;
    const auto rows = gaussian_rows(2, kDims, 1);
    std::vector<float> a(34, 7.0f), b(34, 7.0f);
    prepare(shape, rows.data(), a.data());
    prepare(shape, rows.data() + kDims, b.data());
    EXPECT_EQ(a[33], 0);
    EXPECT_NEAR(dot(a.data(), b.data(), 34), dot(rows.data(), rows.data() + kDims, kDims), 1e-4);
  }
}

TEST(Prepare, CosineNormalisesTinyAndHugeRows) {
  ModelShape shape = {};
  shape.dims = kDims;
  shape.dims_per_subspace = 1;
  shape.subspaces = kDims;
  shape.metric = Metric::cosine;
  shape.rotated = 1;
  const auto row = gaussian_rows(1, kDims, 1);
  std::vector<float> expected(kDims), out(kDims), scaled(kDims);
  prepare(shape, row.data(), expected.data());
  EXPECT_NEAR(norm_squared(expected.data(), kDims), 1, 1e-5);
  for (const float factor : {1e-36f, 1e-20f, 1e20f, 1e37f}) {
    for (size_t j = 0; j < kDims; ++j) scaled[j] = row[j] * factor;
    prepare(shape, scaled.data(), out.data());
    for (size_t j = 0; j < kDims; ++j) EXPECT_NEAR(out[j], expected[j], 2e-5) << factor;
  }
}

TEST(Norm, IsExactBeyondFloatsSquares) {
  for (const float scale : {1e-38f, 1e-25f, 1.0f, 1e25f, 3e37f}) {
    const std::vector<float> vector = {3 * scale, -4 * scale, 0};
    EXPECT_NEAR(exact_norm(vector.data(), 3) / (5.0 * static_cast<double>(scale)), 1, 1e-6);
  }
  const std::vector<float> zero(3);
  EXPECT_EQ(exact_norm(zero.data(), 3), 0);
}

TEST(Encode, CodesAndScaleAreValidAndRounded) {
  for (const Metric metric : kMetrics) {
    const Index index(options_for(metric), test_rows());
    for (size_t i = 0; i < index.encoded.size(); ++i) {
      const float scale = index.encoded[i].scale;
      EXPECT_TRUE(std::isfinite(scale));
      EXPECT_EQ(scale > 0, index.residual(i) > 0);
      EXPECT_EQ(scale, bfloat16_to_float(float_to_bfloat16(scale)));
      if (metric != Metric::l2) {
        EXPECT_EQ(index.encoded[i].offset, 0);
      }
    }
    for (const uint8_t code : index.codes) EXPECT_LT(code, kCodewords);
  }
}

TEST(Encode, ScaleIsNearTheMinimiserOfTheLoss) {
  for (const Metric metric : kMetrics) {
    const Index index(options_for(metric), test_rows());
    const Model model = index.model.view();
    const size_t padded = model.shape.padded_dims();
    std::vector<double> losses(3);  // a little below, at and a little above the scale
    for (size_t i = 0; i < 500; ++i) {
      const float* row = &index.prepared[i * padded];
      std::vector<float> decoded(padded);
      decode(model, &index.codes[i * model.shape.subspaces], decoded.data());
      const float* centroid = model.centroids + index.lists[i] * padded;
      const auto loss = [&](double scale) {
        double square = 0, along = 0, norm = 0;
        for (size_t j = 0; j < padded; ++j) {
          const double residual = static_cast<double>(row[j]) - centroid[j];
          const double direction = metric == Metric::l2 ? residual : row[j];
          const double error = residual - scale * decoded[j];
          square += error * error;
          along += error * direction;
          norm += direction * direction;
        }
        along /= std::sqrt(norm);
        return square + (model.shape.eta_scale - 1) * along * along;
      };
      const double scale = index.encoded[i].scale;
      losses[0] += loss(scale * 0.97);
      losses[1] += loss(scale);
      losses[2] += loss(scale * 1.03);
    }
    EXPECT_LT(losses[1], losses[0]);
    EXPECT_LT(losses[1], losses[2]);
  }
}

TEST(Encode, RebuiltRowsAreClose) {
  for (const Metric metric : kMetrics) {
    const Index index(options_for(metric), test_rows());
    const size_t padded = index.model.shape.padded_dims();
    double error = 0, residual = 0;
    for (size_t i = 0; i < index.lists.size(); ++i) {
      const float* row = &index.prepared[i * padded];
      error += l2_squared(index.rebuilt(i).data(), row, padded);
      residual += l2_squared(&index.model.view().centroids[index.lists[i] * padded], row, padded);
    }
    // 16 codewords over two dimensions leave about .11 of a normal variable's variance; the
    // anisotropic scale spends a little of that.
    EXPECT_LT(error, 0.2 * residual);
    EXPECT_GT(error, 0.02 * residual);
  }
}

TEST(Encode, ZeroResidualGivesScaleZero) {
  for (const bool row_scale : {true, false}) {
    for (const Metric metric : kMetrics) {
      TrainingOptions options = options_for(metric);
      options.row_scale = row_scale;
      const Index index(options, test_rows(600));
      const Model model = index.model.view();
      std::vector<float> scratch(encode_scratch_floats(model.shape));
      std::vector<uint8_t> codes(model.shape.subspaces, 9);
      const float* centroid = model.centroids + 2 * model.shape.padded_dims();
      const EncodedRow encoded = encode(model, centroid, 2, codes.data(), scratch.data());
      EXPECT_EQ(encoded.scale, 0);
      for (const uint8_t code : codes) EXPECT_LT(code, kCodewords);
      if (metric == Metric::l2) {
        EXPECT_NEAR(encoded.offset, norm_squared(centroid, model.shape.padded_dims()) / 2, 1e-4);
      } else {
        EXPECT_EQ(encoded.offset, 0);
      }
    }
  }
}

TEST(Encode, PlainCodesHaveScaleOne) {
  TrainingOptions options = options_for(Metric::inner_product);
  options.row_scale = false;
  const Index index(options, test_rows(600));
  for (size_t i = 0; i < index.encoded.size(); ++i) {
    EXPECT_EQ(index.encoded[i].scale, index.residual(i) > 0 ? 1 : 0);
  }
}

TEST(Pack, RoundTripsInPiecesAndLeavesOtherSlotsAlone) {
  constexpr size_t kSubspaces = 19;
  Random random(1, RandomUse::gaussian);
  std::vector<uint8_t> rows(kBlockRows * kSubspaces), block(kSubspaces * kCodeRowBytes, 0xff);
  for (uint8_t& code : rows) code = static_cast<uint8_t>(random.below(16));
  for (uint32_t slot = 0; slot < kBlockRows; ++slot) {
    const uint8_t* codes = &rows[slot * kSubspaces];
    pack_codes(block.data(), 0, 7, slot, codes);
    pack_codes(block.data() + 7 * kCodeRowBytes, 7, kSubspaces - 7, slot, codes);
  }
  for (uint32_t slot = 0; slot < kBlockRows; ++slot) {
    std::vector<uint8_t> codes(kSubspaces);
    unpack_codes(block.data() + 4 * kCodeRowBytes, 4, kSubspaces - 4, slot, codes.data());
    unpack_codes(block.data(), 0, 4, slot, codes.data());
    EXPECT_TRUE(std::equal(codes.begin(), codes.end(), &rows[slot * kSubspaces])) << slot;
  }
}

// True score of a prepared row, as metric.h defines it.
double true_score(Metric metric, const float* query, const float* row, size_t padded) {
  double product = 0, square = 0;
  for (size_t j = 0; j < padded; ++j) {
    product += static_cast<double>(query[j]) * row[j];
    square += static_cast<double>(row[j]) * row[j];
  }
  return metric == Metric::l2 ? product - square / 2 : product;
}

struct Keys {
  std::vector<double> key, truth, scale;
};

// Keys of all rows for one query through packed blocks and the scan kernel.
Keys scan(const Index& index, const float* raw_query, float z, QueryTables* tables_out = nullptr) {
  const Model model = index.model.view();
  const ModelShape& shape = model.shape;
  const size_t padded = shape.padded_dims();
  std::vector<float> query(padded);
  std::vector<uint8_t> lut(shape.subspaces * kCodewords);
  prepare(shape, raw_query, query.data());
  const QueryTables tables = build_tables(model, query.data(), z, lut.data());
  if (tables_out != nullptr) *tables_out = tables;
  Keys keys;
  for (size_t i = 0; i < index.lists.size(); ++i) {
    std::vector<uint8_t> block(shape.subspaces * kCodeRowBytes);
    pack_codes(block.data(), 0, shape.subspaces, 5, &index.codes[i * shape.subspaces]);
    uint16_t scales[kBlockRows] = {};
    float offsets[kBlockRows] = {}, out[kBlockRows];
    scales[5] = float_to_bfloat16(index.encoded[i].scale);
    offsets[5] = index.encoded[i].offset;
    const ScanParams params = {lut.data(), tables.step, tables.base,
                               dot(query.data(), model.centroids + index.lists[i] * padded, padded),
                               -INFINITY};
    score_block(block.data(), shape.subspaces, scales, offsets, params, out);
    keys.key.push_back(out[5]);
    keys.scale.push_back(index.encoded[i].scale);
    keys.truth.push_back(
        true_score(shape.metric, query.data(), &index.prepared[i * padded], padded));
  }
  return keys;
}

TEST(Tables, EstimatesEqualTheProductWithTheRebuiltRow) {
  const auto rows = test_rows(800);
  const auto queries = gaussian_rows(5, kDims, 77);
  for (const Metric metric : kMetrics) {
    const Index index(options_for(metric), rows);
    const size_t padded = index.model.shape.padded_dims();
    std::vector<float> query(padded);
    for (size_t q = 0; q < 5; ++q) {
      QueryTables tables;
      const Keys keys = scan(index, &queries[q * kDims], 1.5f, &tables);
      prepare(index.model.shape, &queries[q * kDims], query.data());
      for (size_t i = 0; i < keys.key.size(); ++i) {
        double expected = dot(query.data(), index.rebuilt(i).data(), padded);
        if (metric == Metric::l2) expected -= index.encoded[i].offset;
        // Rounding of the table: half a step a subspace at worst, all in one direction.
        const double tolerance =
            keys.scale[i] * tables.step * index.model.shape.subspaces / 2 + 1e-3;
        EXPECT_NEAR(keys.key[i] - keys.scale[i] * tables.optimism, expected, tolerance);
      }
    }
  }
}

// What the scan's stopping rule relies on: with z the key is an upper bound of the true score for
// about the share of rows that a normal error promises, among the rows that matter.
TEST(Tables, KeysBoundTheTrueScoreAsOftenAsTheirWidthPromises) {
  const auto rows = test_rows(4000);
  for (const Metric metric : kMetrics) {
    const Index index(options_for(metric), rows);
    for (const auto& [z, least, most] :
         {std::tuple{0.0f, 0.25, 0.75}, {1.0f, 0.74, 0.93}, {2.0f, 0.95, 1.0}}) {
      double bounded = 0, count = 0;
      for (size_t q = 0; q < 40; ++q) {
        const Keys keys = scan(index, &rows[(q * 97 + 13) * kDims], z);
        std::vector<double> sorted = keys.truth;
        std::nth_element(sorted.begin(), sorted.begin() + 100, sorted.end(), std::greater<>());
        for (size_t i = 0; i < keys.key.size(); ++i) {
          if (keys.truth[i] < sorted[100]) continue;
          bounded += keys.key[i] >= keys.truth[i];
          count += 1;
        }
      }
      EXPECT_GE(bounded / count, least) << "z " << z << " metric " << static_cast<int>(metric);
      EXPECT_LE(bounded / count, most) << "z " << z << " metric " << static_cast<int>(metric);
    }
  }
}

TEST(Tables, ZeroQueryHasStepZero) {
  const Index index(options_for(Metric::inner_product), test_rows(600));
  const std::vector<float> zero(index.model.shape.padded_dims());
  std::vector<uint8_t> lut(index.model.shape.subspaces * kCodewords, 1);
  const QueryTables tables = build_tables(index.model.view(), zero.data(), 2, lut.data());
  EXPECT_EQ(tables.step, 0);
  EXPECT_EQ(tables.base, 0);
  EXPECT_EQ(tables.optimism, 0);
  EXPECT_TRUE(std::all_of(lut.begin(), lut.end(), [](uint8_t entry) { return entry == 0; }));
}

TEST(Tables, UseTheWholeByte) {
  const Index index(options_for(Metric::inner_product), test_rows(600));
  const auto query = gaussian_rows(1, index.model.shape.padded_dims(), 3);
  std::vector<uint8_t> lut(index.model.shape.subspaces * kCodewords);
  build_tables(index.model.view(), query.data(), 0, lut.data());
  EXPECT_EQ(*std::max_element(lut.begin(), lut.end()), 255);
  for (size_t m = 0; m < index.model.shape.subspaces; ++m) {
    EXPECT_EQ(*std::min_element(&lut[m * kCodewords], &lut[m * kCodewords] + kCodewords), 0);
  }
}

TEST(Assign, TakesTheLargestScoreLessBias) {
  for (const Metric metric : kMetrics) {
    const Index index(options_for(metric), test_rows(600));
    const Model model = index.model.view();
    const size_t padded = model.shape.padded_dims();
    for (size_t i = 0; i < 600; ++i) {
      const float* row = &index.prepared[i * padded];
      const auto score = [&](uint32_t l) {
        return dot(row, model.centroids + l * padded, padded) - model.assign_bias[l];
      };
      for (uint32_t l = 0; l < model.shape.lists; ++l) {
        EXPECT_LE(score(l), score(index.lists[i]) + 1e-5);
      }
    }
  }
}

TEST(Spill, MinimisesItsLossAmongTheOtherLists) {
  for (const Metric metric : kMetrics) {
    TrainingOptions options = options_for(metric);
    options.soar_lambda = 1.5f;
    const Index index(options, test_rows(1500));
    const Model model = index.model.view();
    const size_t padded = model.shape.padded_dims();
    ASSERT_GT(model.shape.lists, 4u);
    size_t second_nearest = 0;
    std::vector<uint32_t> seconds(500);
    std::vector<float> scratch(kSpillScratchFloats);
    spill_lists(model, index.prepared.data(), 500, index.lists.data(), seconds.data(),
                scratch.data());
    for (size_t i = 0; i < 500; ++i) {
      const float* row = &index.prepared[i * padded];
      const float* own = model.centroids + index.lists[i] * padded;
      const auto loss = [&](uint32_t l, double lambda) {
        double square = 0, along = 0, residual = 0;
        for (size_t j = 0; j < padded; ++j) {
          const double error = static_cast<double>(row[j]) - model.centroids[l * padded + j];
          const double r = static_cast<double>(row[j]) - own[j];
          square += error * error;
          along += error * r;
          residual += r * r;
        }
        return square + lambda * along * along / residual;
      };
      const uint32_t chosen = seconds[i];
      ASSERT_NE(chosen, index.lists[i]);
      bool nearest = true;
      for (uint32_t l = 0; l < model.shape.lists; ++l) {
        if (l == index.lists[i]) continue;
        EXPECT_GE(loss(l, 1.5), loss(chosen, 1.5) * (1 - 1e-4));
        nearest = nearest && loss(l, 0) >= loss(chosen, 0);
      }
      second_nearest += nearest;
    }
    EXPECT_LT(second_nearest, 500u);  // the penalty decides at least once
  }
}

TEST(Spill, LeavesRowsNearTheirCentroidInOneList) {
  for (const Metric metric : kMetrics) {
    TrainingOptions options = options_for(metric);
    options.soar_lambda = 1;
    const Index index(options, test_rows(700));
    Model model = index.model.view();
    const size_t padded = model.shape.padded_dims();
    std::vector<uint32_t> every(700), some(700);
    std::vector<float> scratch(kSpillScratchFloats), squares(700);
    for (size_t i = 0; i < 700; ++i) {
      squares[i] = l2_squared(&index.prepared[i * padded],
                              model.centroids + index.lists[i] * padded, padded);
    }
    std::vector<float> sorted = squares;
    std::sort(sorted.begin(), sorted.end());
    spill_lists(model, index.prepared.data(), 700, index.lists.data(), every.data(),
                scratch.data());
    model.shape.spill_square = sorted[500];
    spill_lists(model, index.prepared.data(), 700, index.lists.data(), some.data(), scratch.data());
    for (size_t i = 0; i < 700; ++i) {
      if (squares[i] > sorted[501]) {
        EXPECT_EQ(some[i], every[i]) << i;
      }
      if (squares[i] < sorted[499]) {
        EXPECT_EQ(some[i], index.lists[i]) << i;
      }
    }
  }
}

}  // namespace
}  // namespace avq
