#pragma once
#include "kernels/sampling.hpp"
#include "plugin/device_abi.h"

namespace millrace::gpu {

// All of it but the slot and where its parts begin in the arrays of SampleParams: the starts are 0, and so is
// mask_start where there is a mask.
CardSampleRow card_sample_row(const MillraceSampleRow& row);

}  // namespace millrace::gpu
