// NCCL, where it is installed: sums over cards. Without it they go by way of the host.
#pragma once
#include <memory>
#include <string>

#include "libraries/nccl_abi.hpp"
#include "libraries/shared_library.hpp"

namespace millrace::gpu {

// Its functions. The caller checks what they return.
struct Nccl {
  // `path`: the library, or its folder (pip's nvidia/nccl/lib); empty: as the system finds it. Null when it
  // cannot be used, and `reason` says why. What was loaded stays, since it has threads of its own.
  static const Nccl* load(const std::string& path, std::string& reason);

  [[nodiscard]] std::string version_text() const;  // "2.18.3"
  // For people.
  [[nodiscard]] std::string describe(nccl::Result result) const;

  int version = 0;
  nccl::GetErrorString* error_string = nullptr;
  nccl::GetLastError* last_error = nullptr;
  nccl::CommInitAll* init_all = nullptr;
  nccl::CommDestroy* destroy = nullptr;
  nccl::CommAbort* abort = nullptr;
  nccl::CommGetAsyncError* async_error = nullptr;
  nccl::GroupStart* group_start = nullptr;
  nccl::GroupEnd* group_end = nullptr;
  nccl::AllReduce* all_reduce = nullptr;

  std::unique_ptr<SharedLibrary> library;
};

}  // namespace millrace::gpu
