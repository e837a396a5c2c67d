#pragma once
#include "plugin/device_abi.h"
#include "runtime/sampling.hpp"

namespace millrace {

// As plugins have it. It points into what `row` points to.
MillraceSampleRow to_c(const SampleRow& row);

}  // namespace millrace
