// The score-aware loss: its weight, the assignment of codes, the scale, and both training updates
// against independent computations.
#include "core/anisotropic.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "core/kmeans.h"
#include "core/model.h"
#include "core/trainer.h"
#include "synthetic.h"

namespace avq {
namespace {

// eta by its definition, (d - 1)(I_{d-2} / I_d - 1), with midpoint sums.
double eta_by_definition(double threshold, int dims) {
  const double angle = std::acos(threshold);
  double lower = 0, upper = 0;
  constexpr int kSteps = 400000;
  for (int i = 0; i < kSteps; ++i) {
    const double sine = std::sin(angle * (i + 0.5) / kSteps);
    // Scaled by the largest sine, which cancels up to its square.
    const double relative = sine / std::sin(angle);
    lower += std::pow(relative, dims - 2);
    upper += std::pow(relative, dims);
  }
  return (dims - 1) * (lower / (upper * std::sin(angle) * std::sin(angle)) - 1);
}

TEST(Eta, EqualsItsDefinition) {
  for (const int dims : {2, 3, 10, 100, 384, 1536}) {
    for (const double threshold : {0.05, 0.1, 0.2, 0.3, 0.6}) {
      const double expected = eta_by_definition(threshold, dims);
      if (expected > 50) continue;
      EXPECT_NEAR(eta_from_threshold(static_cast<float>(threshold), static_cast<uint32_t>(dims)),
                  expected, 2e-4 * expected)
          << dims << " " << threshold;
    }
  }
}

TEST(Eta, StaysInItsLimits) {
  EXPECT_EQ(eta_from_threshold(0, 100), 1);
  EXPECT_EQ(eta_from_threshold(-0.5f, 100), 1);
  EXPECT_EQ(eta_from_threshold(1, 100), 50);
  EXPECT_EQ(eta_from_threshold(2, 100), 50);
  EXPECT_EQ(eta_from_threshold(0.999f, 100), 50);
  for (const uint32_t dims : {1u, 2u, 100u, 16000u}) {
    float last = 1;
    for (float threshold = 0.001f; threshold < 1; threshold += 0.01f) {
      const float eta = eta_from_threshold(threshold, dims);
      EXPECT_GE(eta, last) << "falls at " << threshold << " in " << dims;
      EXPECT_LE(eta, 50);
      last = eta;
    }
  }
  // Far from the limits the asymptotic form (d - 1) u / (1 - u), u = T^2, is close.
  const double u = 0.05 * 0.05;
  EXPECT_NEAR(eta_from_threshold(0.05f, 16000), 15999 * u / (1 - u), 2.1);
}

struct Tables {
  size_t subspaces;
  std::vector<float> squared, parallel;

  double loss(const std::vector<uint8_t>& codes, double eta) const {
    double square = 0, along = 0;
    for (size_t m = 0; m < subspaces; ++m) {
      square += squared[m * kCodewords + codes[m]];
      along += parallel[m * kCodewords + codes[m]];
    }
    return square + (eta - 1) * along * along;
  }
};

struct Problem {
  size_t subspaces, width;
  std::vector<float> codebooks, target, direction;

  Problem(size_t subspaces_, size_t width_, uint64_t seed)
      : subspaces(subspaces_),
        width(width_),
        codebooks(gaussian_rows(subspaces * width, kCodewords, seed)),
        target(gaussian_rows(1, subspaces * width, seed + 1)),
        direction(gaussian_rows(1, subspaces * width, seed + 2)) {
    double square = 0;
    for (const float value : direction) square += static_cast<double>(value) * value;
    for (float& value : direction) value = static_cast<float>(value / std::sqrt(square));
  }

  Tables tables() const {
    Tables made{subspaces, std::vector<float>(subspaces * kCodewords),
                std::vector<float>(subspaces * kCodewords)};
    fill_code_tables(codebooks.data(), subspaces, width, target.data(), direction.data(),
                     made.squared.data(), made.parallel.data());
    return made;
  }

  float codeword(size_t m, size_t j, size_t k) const {
    return codebooks[(m * width + j) * kCodewords + k];
  }
};

TEST(CodeTables, HoldErrorsByTheirDefinition) {
  for (const size_t width : {1, 2, 3, 5}) {
    const Problem problem(7, width, 3);
    const Tables tables = problem.tables();
    for (size_t m = 0; m < 7; ++m) {
      for (size_t k = 0; k < kCodewords; ++k) {
        double square = 0, along = 0;
        for (size_t j = 0; j < width; ++j) {
          const double error = problem.target[m * width + j] - problem.codeword(m, j, k);
          square += error * error;
          along += error * problem.direction[m * width + j];
        }
        EXPECT_NEAR(tables.squared[m * kCodewords + k], square, 1e-5);
        EXPECT_NEAR(tables.parallel[m * kCodewords + k], along, 1e-5);
      }
    }
  }
}

TEST(Codes, PlainAssignmentIsTheNearestCodeword) {
  const Tables tables = Problem(50, 2, 9).tables();
  std::vector<uint8_t> codes(50);
  assign_plain(tables.squared.data(), 50, codes.data());
  for (size_t m = 0; m < 50; ++m) {
    for (size_t k = 0; k < kCodewords; ++k) {
      EXPECT_LE(tables.squared[m * kCodewords + codes[m]],
                tables.squared[m * kCodewords + k] * (1 + 1e-5));
    }
  }
}

TEST(Codes, DescentNeverRaisesTheLossAndEndsWhereNoSingleChangeHelps) {
  for (const float eta : {1.5f, 2.0f, 6.0f, 50.0f}) {
    bool improved = false;
    for (uint64_t seed = 0; seed < 50; ++seed) {
      const Tables tables = Problem(20, 2, seed).tables();
      std::vector<uint8_t> codes(20);
      assign_plain(tables.squared.data(), 20, codes.data());
      double loss = tables.loss(codes, eta);
      const double before = loss;
      for (int round = 0; round < 30; ++round) {
        descend(tables.squared.data(), tables.parallel.data(), 20, eta, 1, codes.data());
        const double next = tables.loss(codes, eta);
        ASSERT_LE(next, loss * (1 + 1e-5));
        loss = next;
      }
      improved = improved || loss < 0.99 * before;
      for (size_t m = 0; m < 20; ++m) {
        std::vector<uint8_t> changed = codes;
        for (uint8_t k = 0; k < kCodewords; ++k) {
          changed[m] = k;
          EXPECT_GE(tables.loss(changed, eta), loss * (1 - 1e-4));
        }
      }
    }
    EXPECT_TRUE(improved) << "descent did nothing at eta " << eta;
  }
}

TEST(Codes, DescentWithoutAnisotropyChangesNothing) {
  const Tables tables = Problem(20, 2, 4).tables();
  std::vector<uint8_t> codes(20, 3);
  descend(tables.squared.data(), tables.parallel.data(), 20, 1, 10, codes.data());
  EXPECT_EQ(codes, std::vector<uint8_t>(20, 3));
}

TEST(Scale, MinimisesTheLoss) {
  Random random(5, RandomUse::gaussian);
  for (int i = 0; i < 100; ++i) {
    // t = d + noise, so that the minimiser is not clamped.
    Eigen::VectorXd d(30), t(30), u(30);
    for (int j = 0; j < 30; ++j) {
      d[j] = random.normal();
      t[j] = 1.3 * d[j] + 0.4 * random.normal();
      u[j] = d[j] + random.normal();
    }
    u.normalize();
    const ScaleTerms terms = {t.dot(d), d.dot(d), t.dot(u), d.dot(u)};
    for (const float eta : {1.0f, 5.0f, 50.0f}) {
      const double scale = best_scale(terms, eta);
      const auto loss = [&](double s) {
        const Eigen::VectorXd error = t - s * d;
        return error.squaredNorm() + (eta - 1) * std::pow(error.dot(u), 2);
      };
      EXPECT_LE(loss(scale), loss(scale * 1.001));
      EXPECT_LE(loss(scale), loss(scale * 0.999));
    }
  }
}

TEST(Scale, StaysWithinAThirdAndThriceThePlainOne) {
  // <t,u> large against <d,u>: the unclamped minimiser is 49 * 1 * .02 / ... > 3 x plain.
  EXPECT_FLOAT_EQ(best_scale({1, 1, 5, 0.05}, 50), 3);
  EXPECT_FLOAT_EQ(best_scale({1, 1, -5, 0.5}, 50), 1.0f / 3);
  EXPECT_EQ(best_scale({-1, 1, 0, 0}, 50), 0);
  EXPECT_EQ(best_scale({0, 0, 0, 0}, 50), 0);
}

// --- the paper's joint update against a dense solve of the same normal equations
// ------------------

struct JointData {
  size_t rows, subspaces, width;
  std::vector<float> targets, directions, weights, codebooks;

  JointData(size_t rows_, size_t subspaces_, size_t width_)
      : rows(rows_),
        subspaces(subspaces_),
        width(width_),
        targets(clustered_rows(rows, subspaces * width, 20, 0.5f, 0.4f, 1)),
        directions(targets),
        weights(rows),
        codebooks(subspaces * width * kCodewords) {
    const size_t dims = subspaces * width;
    for (size_t i = 0; i < rows; ++i) {
      double square = 0;
      for (size_t j = 0; j < dims; ++j) {
        square += static_cast<double>(targets[i * dims + j]) * targets[i * dims + j];
      }
      for (size_t j = 0; j < dims; ++j) {
        directions[i * dims + j] /= static_cast<float>(std::sqrt(square));
      }
      weights[i] = static_cast<float>(square);
    }
    std::vector<float> points(rows * width);
    for (size_t m = 0; m < subspaces; ++m) {
      for (size_t i = 0; i < rows; ++i) {
        std::copy_n(&targets[i * dims + m * width], width, &points[i * width]);
      }
      train_codewords(points.data(), rows, width, m, &codebooks[m * width * kCodewords], nullptr);
    }
  }

  CodebookSample sample() const {
    return {targets.data(), directions.data(), weights.data(), rows, subspaces, width};
  }
};

TEST(JointUpdate, EveryAlternationLowersTheLoss) {
  const JointData data(3000, 8, 2);
  double last = INFINITY;
  double first = 0;
  for (int alternations = 0; alternations < 5; ++alternations) {
    std::vector<float> codebooks = data.codebooks;
    const double loss = train_joint(data.sample(), 6, alternations, codebooks.data(), nullptr);
    EXPECT_LE(loss, last);
    if (alternations == 0) first = loss;
    last = loss;
  }
  EXPECT_LT(last, 0.9 * first);
}

TEST(JointUpdate, ComesCloseToTheDenseSolution) {
  const JointData data(2000, 5, 2);
  const size_t dims = 10;
  constexpr double kEta = 6;
  std::vector<uint8_t> codes(data.rows * data.subspaces);
  const auto loss_of = [&](const Eigen::VectorXd& words) {
    double loss = 0, weights = 0;
    for (size_t i = 0; i < data.rows; ++i) {
      double square = 0, along = 0;
      for (size_t j = 0; j < dims; ++j) {
        const size_t at = j * kCodewords + codes[i * data.subspaces + j / 2];
        const double error = data.targets[i * dims + j] - words[static_cast<long>(at)];
        square += error * error;
        along += error * data.directions[i * dims + j];
      }
      loss += data.weights[i] * (square + (kEta - 1) * along * along);
      weights += data.weights[i];
    }
    return loss / weights;
  };
  // Codes as the first assignment of train_joint makes them.
  for (size_t i = 0; i < data.rows; ++i) {
    std::vector<float> squared(data.subspaces * kCodewords), parallel(squared.size());
    fill_code_tables(data.codebooks.data(), data.subspaces, 2, &data.targets[i * dims],
                     &data.directions[i * dims], squared.data(), parallel.data());
    assign_plain(squared.data(), data.subspaces, &codes[i * data.subspaces]);
    descend(squared.data(), parallel.data(), data.subspaces, kEta, 10, &codes[i * data.subspaces]);
  }
  const long unknowns = static_cast<long>(dims * kCodewords);
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(unknowns, unknowns);
  Eigen::VectorXd side = Eigen::VectorXd::Zero(unknowns);
  for (size_t i = 0; i < data.rows; ++i) {
    double along = 0;
    for (size_t j = 0; j < dims; ++j) {
      along += data.targets[i * dims + j] * data.directions[i * dims + j];
    }
    for (size_t j = 0; j < dims; ++j) {
      const long a = static_cast<long>(j * kCodewords + codes[i * data.subspaces + j / 2]);
      const double u = data.directions[i * dims + j];
      matrix(a, a) += data.weights[i];
      side[a] += data.weights[i] * (data.targets[i * dims + j] + (kEta - 1) * along * u);
      for (size_t l = 0; l < dims; ++l) {
        const long b = static_cast<long>(l * kCodewords + codes[i * data.subspaces + l / 2]);
        matrix(a, b) += data.weights[i] * (kEta - 1) * u * data.directions[i * dims + l];
      }
    }
  }
  const Eigen::VectorXd exact = matrix.ldlt().solve(side);
  std::vector<float> trained = data.codebooks;
  train_joint(data.sample(), kEta, 1, trained.data(), nullptr);
  const auto as_double = [](const std::vector<float>& floats) {
    return Eigen::VectorXd(
        Eigen::Map<const Eigen::VectorXf>(floats.data(), static_cast<long>(floats.size()))
            .cast<double>());
  };
  const double before = loss_of(as_double(data.codebooks));
  const double least = loss_of(exact);
  const double reached = loss_of(as_double(trained));
  ASSERT_LT(least, 0.97 * before);
  EXPECT_GE(reached, least * (1 - 1e-6));
  EXPECT_LT(reached - least, 0.05 * (before - least));
}

TEST(AnisotropicCentroid, SolvesItsEquation) {
  constexpr size_t kDims = 12;
  constexpr float kEta = 2.5f;
  const std::vector<float> rows = clustered_rows(300, kDims, 5, 0.5f, 0.7f, 8);
  std::vector<uint32_t> members;
  std::vector<float> norms(300);
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(kDims, kDims);
  Eigen::VectorXd side = Eigen::VectorXd::Zero(kDims), mean = side;
  float largest = 0;
  for (uint32_t i = 0; i < 300; ++i) {
    const auto row = Eigen::Map<const Eigen::VectorXf>(&rows[i * kDims], kDims).cast<double>();
    norms[i] = static_cast<float>(row.norm());
    largest = std::max(largest, norms[i]);
    if (i % 3 == 0) continue;
    members.push_back(i);
    const double weight = std::pow(row.norm(), kEta - 1);
    matrix += weight * (Eigen::MatrixXd::Identity(kDims, kDims) +
                        (kEta - 1) * row * row.transpose() / row.squaredNorm());
    side += kEta * weight * row;
    mean += row;
  }
  const Eigen::VectorXd expected = matrix.ldlt().solve(side);
  std::vector<float> centroid(kDims), scratch(4 * kDims);
  for (size_t j = 0; j < kDims; ++j) {
    centroid[j] = static_cast<float>(mean[static_cast<long>(j)] / members.size());
  }
  anisotropic_centroid(rows.data(), kDims, members.data(), members.size(), norms.data(), largest,
                       kEta, centroid.data(), scratch.data());
  for (size_t j = 0; j < kDims; ++j) {
    EXPECT_NEAR(centroid[j], expected[static_cast<long>(j)], 1e-4);
  }
}

TEST(AnisotropicCentroid, OfZeroRowsIsLeftAlone) {
  const std::vector<float> rows(20), norms(5);
  const std::vector<uint32_t> members = {0, 1, 2, 3, 4};
  std::vector<float> centroid = {1, 2, 3, 4}, scratch(16);
  anisotropic_centroid(rows.data(), 4, members.data(), 5, norms.data(), 1, 2.5f, centroid.data(),
                       scratch.data());
  EXPECT_EQ(centroid, (std::vector<float>{1, 2, 3, 4}));
}

}  // namespace
}  // namespace avq
