#pragma once
// Cells that fill several pages become several lists, by the length of their rows' residuals.
//
// A row scores <q, c> + <q, r>: of two rows of a cell the one with the longer residual has the
// better chance to be an answer, in proportion (by inner product and cosine; not by l2, where a
// long residual is a distance). Routing by the lists' own spread leaves the short ones of a far
// cell unread. docs/design.md, "Long and short residuals".
#include "core/lists.h"
#include "core/sample.h"
#include "core/trainer.h"

namespace avq {

// Splits the cells of a model in which every cell is one list, as options.list_rows and
// options.rows say; nothing happens where they are not given. Errors: as train().
void split_cells(const TrainingOptions& options, const Sample& sample, const ListSet& cells,
                 const SampleQueries& queries, TrainedModel& model);

}  // namespace avq
