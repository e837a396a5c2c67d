// Which cuBLASLt the user wants: MILLRACE_CUBLASLT is its path or folder, or "off". Unset: as the system
// finds it, and none where it does not.
#pragma once
#include <memory>
#include <string>

#include "libraries/cublaslt.hpp"

namespace millrace::gpu {

// For a device on the thread's card. Null without one; throws ERR_DEVICE_UNAVAILABLE where a path was given
// that cannot be used. `say` hears what the user should know, in whole sentences.
std::unique_ptr<CublasLt> open_cublaslt(const CublasLt::Say& say);

// What products of many rows will be computed by, for people: "cuBLASLt 12.8.5", or "own kernels" and why.
// Looks for the library, and does not try it. Throws as open_cublaslt.
std::string describe_products();

}  // namespace millrace::gpu
