#include "core/split.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels.h"

namespace avq {
namespace {

// Codes of the sample: `weight` rows have a residual of this squared norm in the cell.
struct Residual {
  uint32_t cell;
  float square;
  float weight;
};

// By cell, then by falling length. Second codes (SOAR) are looked at for some rows.
std::vector<Residual> residuals_of(const Sample& sample, const ListSet& cells) {
  constexpr size_t kSpilledRows = 16384;
  std::vector<Residual> residuals;
  for (size_t row = 0; row < sample.rows; ++row) {
    residuals.push_back({cells.list_of[row], cells.squares[row], 1});
  }
  if (cells.soar_lambda > 0 && cells.count > 1) {
    const size_t step = (sample.rows + kSpilledRows - 1) / kSpilledRows;
    std::vector<uint32_t> rows;
    for (size_t row = 0; row < sample.rows; row += step) {
      if (cells.squares[row] >= cells.spill_square) rows.push_back(static_cast<uint32_t>(row));
    }
    std::vector<uint32_t> second = cells.list_of;
    spill_rows(sample, cells, cells.soar_lambda, rows.data(), rows.size(), second);
    std::vector<float> unit(sample.dims);
    for (const uint32_t row : rows) {
      if (second[row] == cells.list_of[row]) continue;
      for (size_t i = 0; i < sample.dims; ++i) unit[i] = sample.at(row)[i] * sample.weight(row);
      const float* centre = &cells.centres[second[row] * sample.dims];
      residuals.push_back(
          {second[row], l2_squared(unit.data(), centre, sample.dims), static_cast<float>(step)});
    }
  }
  std::sort(residuals.begin(), residuals.end(), [](const Residual& a, const Residual& b) {
    if (a.cell != b.cell) return a.cell < b.cell;
    return a.square > b.square || (a.square == b.square && a.weight < b.weight);
  });
  return residuals;
}

struct SplitList {
  uint32_t cell;
  float sigma, least;
};

// Parts the residuals [first, end) of a cell into `count` lists of equal weight, or fewer.
void part_cell(const std::vector<Residual>& residuals, size_t first, size_t end, double weight,
               uint32_t count, size_t dims, std::vector<SplitList>& lists) {
  const uint32_t cell = residuals[first].cell;
  double taken = 0, squares = 0, in_list = 0;
  for (size_t i = first; i < end; ++i) {
    const Residual& residual = residuals[i];
    taken += residual.weight;
    in_list += residual.weight;
    squares += double{residual.weight} * residual.square;
    const bool last = i + 1 == end;
    // Equal lengths stay together.
    const bool full = count > 1 && taken >= weight / count && !last &&
                      residuals[i + 1].square < residual.square && residual.square > 0;
    if (!full && !last) continue;
    const double sigma = std::sqrt(squares / in_list / static_cast<double>(dims));
    lists.push_back({cell, static_cast<float>(sigma), last ? 0 : residual.square});
    weight -= taken;
    --count;
    taken = squares = in_list = 0;
  }
}

}  // namespace

void split_cells(const TrainingOptions& options, const Sample& sample, const ListSet& cells,
                 TrainedModel& model) {
  ModelShape& shape = model.shape;
  const uint32_t most = options.most_lists(shape.cells);
  if (most == shape.cells || shape.groups > 0 || sample.rows == 0) return;
  constexpr size_t kLeastResiduals = 8;  // of the sample, to know a list by
  const std::vector<Residual> residuals = residuals_of(sample, cells);
  const double rows_per_weight = std::max(1.0, options.rows / static_cast<double>(sample.rows));
  std::vector<SplitList> lists;
  for (size_t first = 0, end; first < residuals.size(); first = end) {
    if (lists.size() % 64 == 0) check_stop(sample.stop);
    double weight = 0;
    for (end = first; end < residuals.size() && residuals[end].cell == residuals[first].cell;) {
      weight += residuals[end++].weight;
    }
    const double wanted = std::ceil(weight * rows_per_weight / options.list_rows);
    const double known = static_cast<double>((end - first) / kLeastResiduals);
    const double parts = std::min({wanted, known, double{kMostListsOfCell}});
    part_cell(residuals, first, end, weight, static_cast<uint32_t>(std::max(parts, 1.0)),
              sample.dims, lists);
  }
  // Every cell has a row of the sample.
  if (lists.size() == shape.cells || lists.size() > most) return;

  const Model whole = model.view();
  TrainedModel split = model;
  split.shape.lists = static_cast<uint32_t>(lists.size());
  // Routing's optimism is per list now and pays more; 2 to 4 do equally well, by cosine too.
  constexpr float kRouteSigma = 2.5f;
  const float usual = options.metric == Metric::inner_product ? 2.0f : 0.0f;
  if (shape.route_sigma == usual) split.shape.route_sigma = kRouteSigma;
  split.floats.assign(Model::float_count(split.shape), 0.0f);
  const Model view = split.view();
  const size_t padded = shape.padded_dims();
  std::copy_n(whole.centroids, shape.cells * padded, const_cast<float*>(view.centroids));
  std::copy_n(whole.assign_bias, shape.cells, const_cast<float*>(view.assign_bias));
  std::copy_n(whole.codebooks, padded * kCodewords, const_cast<float*>(view.codebooks));
  for (size_t l = 0; l < lists.size(); ++l) {
    const_cast<float*>(view.list_sigma)[l] = lists[l].sigma;
    const_cast<float*>(view.list_cell)[l] = static_cast<float>(lists[l].cell);
    const_cast<float*>(view.list_least)[l] = lists[l].least;
  }
  model = std::move(split);
}

}  // namespace avq
