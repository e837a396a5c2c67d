// CUDA's names for code that runs on the device: from the compiler where it is nvcc, else from the emulation.
#pragma once

#if defined(__CUDACC__)
#include <cuda_runtime.h>
#else
#include "emulation/cuda_names.hpp"
#endif
