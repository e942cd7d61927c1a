#pragma once
// The second half of training: from lists to a model. Apart from train() so that several codes can
// be compared over the same lists (bench/codec_study.cpp).
//
// Errors: avq::Error (invalid options, canceled), std::bad_alloc.
#include "core/lists.h"
#include "core/sample.h"
#include "core/trainer.h"

namespace avq {

// What the options say about the model, with one list and nothing trained.
ModelShape make_shape(const TrainingOptions& options);

// Rotation, codebooks and error scale over the given lists.
TrainedModel fit_model(const TrainingOptions& options, const Sample& sample, const ListSet& lists,
                       const SampleQueries& queries);

// How much rotation would lower the mean squared error of scores; see the definition.
double rotation_gain(const Sample& sample, const ListSet& lists);

}  // namespace avq
