#include "core/split.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/kernels.h"

namespace avq {
namespace {

// |x - c|^2 of a row of the sample.
class Squares {
 public:
  Squares(const Sample& sample, const ListSet& cells)
      : sample_(sample), cells_(cells), row_(sample.dims) {}

  float operator()(uint32_t row, uint32_t cell) noexcept {
    if (cell == cells_.list_of[row]) return cells_.squares[row];
    const float weight = sample_.weight(row);
    for (size_t i = 0; i < sample_.dims; ++i) row_[i] = sample_.at(row)[i] * weight;
    const float square =
        l2_squared(row_.data(), &cells_.centres[cell * sample_.dims], sample_.dims);
    // Of rows of absurd length it is beyond float's range.
    return std::min(square, std::numeric_limits<float>::max());
  }

 private:
  const Sample& sample_;
  const ListSet& cells_;
  std::vector<float> row_;
};

// The second cells (SOAR) of these rows; the others', and of rows that have none, are their first.
std::vector<uint32_t> second_cells(const Sample& sample, const ListSet& cells,
                                   const std::vector<uint32_t>& rows) {
  std::vector<uint32_t> second = cells.list_of;
  if (!(cells.soar_lambda > 0) || cells.count < 2) return second;
  std::vector<uint32_t> spilled;
  for (const uint32_t row : rows) {
    if (cells.squares[row] >= cells.spill_square) spilled.push_back(row);
  }
  spill_rows(sample, cells, cells.soar_lambda, spilled.data(), spilled.size(), second);
  return second;
}

// Codes of the sample: `weight` rows have a residual of this squared norm in the cell.
struct Residual {
  uint32_t cell;
  float square;
  float weight;
};

// By cell, then by falling length. Second codes are looked at for some rows.
std::vector<Residual> residuals_of(const Sample& sample, const ListSet& cells) {
  constexpr size_t kSpilledRows = 16384;
  std::vector<Residual> residuals;
  residuals.reserve(sample.rows + kSpilledRows);
  for (size_t row = 0; row < sample.rows; ++row) {
    residuals.push_back({cells.list_of[row], cells.squares[row], 1});
  }
  const size_t step = (sample.rows + kSpilledRows - 1) / kSpilledRows;
  std::vector<uint32_t> rows;
  for (size_t row = 0; row < sample.rows; row += step) rows.push_back(static_cast<uint32_t>(row));
  const std::vector<uint32_t> second = second_cells(sample, cells, rows);
  Squares square(sample, cells);
  for (const uint32_t row : rows) {
    if (second[row] == cells.list_of[row]) continue;
    residuals.push_back({second[row], square(row, second[row]), static_cast<float>(step)});
  }
  std::sort(residuals.begin(), residuals.end(), [](const Residual& a, const Residual& b) {
    if (a.cell != b.cell) return a.cell < b.cell;
    return a.square > b.square || (a.square == b.square && a.weight < b.weight);
  });
  return residuals;
}

// Lists, by cell and then by falling length.
struct SplitLists {
  std::vector<uint32_t> cell, sizes;  // sizes: codes of the sample
  std::vector<float> sigma, least;
  std::vector<uint32_t> first;  // cells + 1: the first list of each

  size_t count() const noexcept { return cell.size(); }
  uint32_t of(uint32_t of_cell, float square) const noexcept {
    uint32_t list = first[of_cell];
    while (square < least[list] && list + 1 < first[of_cell + 1]) ++list;
    return list;
  }
};

// Parts the residuals [begin, end) of a cell into `count` lists of equal weight, or fewer.
void part_cell(const Residual* begin, const Residual* end, double weight, uint32_t count,
               size_t dims, SplitLists& lists) {
  double taken = 0, squares = 0;
  for (const Residual* at = begin; at < end; ++at) {
    taken += at->weight;
    squares += double{at->weight} * at->square;
    const bool last = at + 1 == end;
    // Rows of equal length stay together; the last list takes the rows without residual.
    const bool full = count > 1 && taken >= weight / count && !last && at[1].square < at->square;
    if (!full && !last) continue;
    lists.cell.push_back(at->cell);
    lists.sizes.push_back(static_cast<uint32_t>(taken));
    lists.sigma.push_back(
        static_cast<float>(std::sqrt(squares / taken / static_cast<double>(dims))));
    lists.least.push_back(last ? 0 : at->square);
    weight -= taken;
    --count;
    taken = squares = 0;
  }
}

SplitLists part_cells(const TrainingOptions& options, const Sample& sample, const ListSet& cells) {
  constexpr size_t kLeastResiduals = 8;  // of the sample, to know a list by
  const std::vector<Residual> residuals = residuals_of(sample, cells);
  const double rows = std::max(1.0, options.rows / static_cast<double>(sample.rows));
  SplitLists lists;
  for (size_t first = 0, end; first < residuals.size(); first = end) {
    check_stop(sample.stop);
    lists.first.push_back(static_cast<uint32_t>(lists.count()));
    double weight = 0;
    for (end = first; end < residuals.size() && residuals[end].cell == residuals[first].cell;) {
      weight += residuals[end++].weight;
    }
    const double wanted = std::ceil(weight * rows / options.list_rows);
    const auto known = static_cast<double>((end - first) / kLeastResiduals);
    const double parts = std::min({wanted, known, double{kMostListsOfCell}});
    part_cell(&residuals[first], residuals.data() + end, weight,
              static_cast<uint32_t>(std::max(parts, 1.0)), sample.dims, lists);
  }
  lists.first.push_back(static_cast<uint32_t>(lists.count()));
  return lists;
}

// Whether more codes are not scanned by these lists than by whole cells, and the optimism for it.
// 2.5 is usual: 2 to 4 do equally well on sets with rows of many lengths.
bool choose_route_sigma(const Sample& sample, const ListSet& cells, const SplitLists& lists,
                        const SampleQueries& queries, float* route_sigma) {
  constexpr double kClearly = 0.15;  // what another optimism must gain
  if (queries.top.depth == 0) return false;
  const std::vector<uint32_t> answers = first_answers(queries);
  std::vector<uint32_t> own(sample.rows), second = second_cells(sample, cells, answers);
  Squares square(sample, cells);
  for (const uint32_t row : answers) own[row] = lists.of(cells.list_of[row], cells.squares[row]);
  std::vector<uint32_t> other = own;
  for (const uint32_t row : answers) other[row] = lists.of(second[row], square(row, second[row]));

  RoutingLists view = cells.view(sample);
  view.spill_of = second.data();
  std::vector<uint32_t> sizes(cells.count);
  for (size_t l = 0; l < lists.count(); ++l) sizes[lists.cell[l]] += lists.sizes[l];
  view.sizes = sizes.data();
  const double whole = routing_loss(view, cells.route_sigma, queries, sample.stop);
  view.cell_of = lists.cell.data();
  view.count = lists.count();
  view.sigma = lists.sigma.data();
  view.sizes = lists.sizes.data();
  view.list_of = own.data();
  view.spill_of = other.data();
  *route_sigma = 2.5f;
  double least = routing_loss(view, *route_sigma, queries, sample.stop);
  for (const float sigma : {1.5f, 0.5f}) {
    const double loss = routing_loss(view, sigma, queries, sample.stop);
    if (loss >= least - kClearly) continue;
    least = loss;
    *route_sigma = sigma;
  }
  // Rows gain less by it than queries from elsewhere do: whole only where it is clearly worse.
  return least < whole + kClearly;
}

}  // namespace

void split_cells(const TrainingOptions& options, const Sample& sample, const ListSet& cells,
                 const SampleQueries& queries, TrainedModel& model) {
  const ModelShape& shape = model.shape;
  const uint32_t most = options.most_lists(shape.cells);
  if (most == shape.cells || shape.groups > 0) return;
  const SplitLists lists = part_cells(options, sample, cells);
  // Where most cells are a page or two there is little to be had. (Every cell has a row of the
  // sample, so none is without a list.)
  if (lists.count() < 2 * size_t{shape.cells} || lists.count() > most) return;
  float route_sigma;
  if (!choose_route_sigma(sample, cells, lists, queries, &route_sigma)) return;

  TrainedModel split = model;
  split.shape.lists = static_cast<uint32_t>(lists.count());
  split.shape.route_sigma = route_sigma;
  split.floats.assign(Model::float_count(split.shape), 0.0f);
  const Model from = model.view(), to = split.view();
  const size_t padded = shape.padded_dims();
  const auto fill = [](const auto* values, size_t count, const float* out) {
    std::copy_n(values, count, const_cast<float*>(out));
  };
  fill(from.centroids, shape.cells * padded, to.centroids);
  fill(from.assign_bias, shape.cells, to.assign_bias);
  fill(from.codebooks, padded * kCodewords, to.codebooks);
  fill(lists.sigma.data(), lists.count(), to.list_sigma);
  fill(lists.cell.data(), lists.count(), to.list_cell);
  fill(lists.least.data(), lists.count(), to.list_least);
  model = std::move(split);
}

}  // namespace avq
