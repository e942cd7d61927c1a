#pragma once
// The lists of an index: cells of k-means and, for inner product, their anisotropic centroids
// where the sample shows that these route clearly better; the routing rule that suits them; and
// whether a second list for each row (SOAR) pays.
//
// Invariants: every list has a row of the sample; rows belong to the list of the largest
// <x, c> - bias, as at build and insert time.
// Errors: Error(canceled), std::bad_alloc.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/assignment.h"
#include "core/calibration.h"
#include "core/grouping.h"
#include "core/sample.h"
#include "core/trainer.h"

namespace avq {

// Centres in the raw (unrotated) space and what follows from them.
struct ListSet {
  size_t count = 0;
  std::vector<float> centres;     // count x dims
  std::vector<float> bias;        // count: |c|^2 / 2, 0 for cosine
  std::vector<float> sigma;       // count: rms residual norm / sqrt(dims)
  std::vector<uint32_t> list_of;  // by row
  std::vector<float> squares;     // by row: |x - c|^2
  std::vector<uint32_t> sizes;    // count
  Grouping groups;                // none, unless there are many lists
  float route_sigma = 0;
  float soar_lambda = 0;
  float spill_square = 0;  // rows with a lesser square have no second list

  Centres assignment() const noexcept {
    return {centres.data(), count, bias.data(), groups.view()};
  }
  RoutingLists view(const Sample& sample) const noexcept {
    return {centres.data(), count,       nullptr,        count,   sample.dims, sample.metric,
            sigma.data(),   bias.data(), list_of.data(), nullptr, sizes.data()};
  }
};

// Puts the centres in so many groups (0: none), assigns all rows to them, drops those without rows,
// measures sigma.
ListSet settle_lists(const Sample& sample, std::vector<float> centres, uint32_t groups = 0,
                     uint64_t seed = 0);

// The anisotropic centroids of the lists' rows, all scaled by one factor so that the rows' scores
// along them are right on average.
std::vector<float> anisotropic_centres(const Sample& sample, const ListSet& lists);

// Rows of the sample that stand in for queries, with their exact answers in the sample.
struct SampleQueries {
  std::vector<float> vectors;  // count x dims
  std::vector<uint32_t> rows;
  size_t pool = 0;  // rows of the sample that the answers are the best of
  ExactTop top;

  // The first of them: as evenly spread as all, and enough to choose between lists by.
  SampleQueries some() const;
};
SampleQueries sample_queries(const Sample& sample);

// What probing costs at the recalls people ask for, on a scale where halving the codes scanned at
// either counts the same.
double routing_loss(const RoutingLists& lists, float route_sigma, const SampleQueries& queries,
                    StopFlag stop);

// The numbers of the rows that these queries' first answers are.
std::vector<uint32_t> first_answers(const SampleQueries& queries);

// The SOAR second lists of the given rows (null: all), by row number; others keep what `second`
// had.
void spill_rows(const Sample& sample, const ListSet& lists, float lambda, const uint32_t* rows,
                size_t count, std::vector<uint32_t>& second);

// k-means, then the choice between centroids and routing rules, and of SOAR when
// options.soar_lambda < 0.
ListSet train_lists(const TrainingOptions& options, const Sample& sample,
                    const SampleQueries& queries);

}  // namespace avq
