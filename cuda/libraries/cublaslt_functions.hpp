#pragma once
#include <memory>
#include <string>

#include "libraries/cublaslt_abi.hpp"
#include "libraries/shared_library.hpp"

namespace millrace::gpu::cublaslt {

// cuBLASLt's functions, and the library that they are in.
struct Functions {
  // `path` as of CublasLt::load. Null with the reason when there is no library, or not one of a version that
  // is known.
  static std::unique_ptr<Functions> find(const std::string& path, std::string& reason);

  [[nodiscard]] int version() const { return static_cast<int>(get_version()); }

  std::unique_ptr<SharedLibrary> library;
  GetVersion* get_version = nullptr;
  Create* create = nullptr;
  Destroy* destroy = nullptr;
  DescriptorCreate* descriptor_create = nullptr;
  DescriptorDestroy* descriptor_destroy = nullptr;
  DescriptorSet* descriptor_set = nullptr;
  LayoutCreate* layout_create = nullptr;
  LayoutDestroy* layout_destroy = nullptr;
  LayoutSet* layout_set = nullptr;
  PreferenceCreate* preference_create = nullptr;
  PreferenceDestroy* preference_destroy = nullptr;
  PreferenceSet* preference_set = nullptr;
  GetHeuristic* get_heuristic = nullptr;
  Matmul* matmul = nullptr;
};

}  // namespace millrace::gpu::cublaslt
