// The part of cuBLASLt's C interface that is used, in own words: its numbers have been the same since
// CUDA 11.
#pragma once
#include <cstddef>
#include <cstdint>

namespace millrace::gpu::cublaslt {

using Handle = void*;
using Descriptor = void*;
using Layout = void*;
using Preference = void*;
using Status = int;  // 0: done

constexpr int kCompute32F = 68;
constexpr int kRealF32 = 0, kRealF16 = 2, kRealBF16 = 14;
constexpr int kTransposeA = 3;           // attribute of a descriptor
constexpr std::int32_t kTransposed = 1;  // its value
constexpr int kMostWorkspaceBytes = 1;   // attribute of a preference

struct Algorithm {
  std::uint64_t data[8];
};

struct Heuristic {
  Algorithm algorithm;
  std::size_t workspace_bytes;
  Status status;
  float waves;
  int reserved[4];
};

using GetVersion = std::size_t();
using Create = Status(Handle*);
using Destroy = Status(Handle);
using DescriptorCreate = Status(Descriptor*, int compute_type, int scale_type);
using DescriptorDestroy = Status(Descriptor);
using DescriptorSet = Status(Descriptor, int attribute, const void* value, std::size_t bytes);
using LayoutCreate = Status(Layout*, int type, std::uint64_t rows, std::uint64_t cols, std::int64_t stride);
using LayoutDestroy = Status(Layout);
using PreferenceCreate = Status(Preference*);
using PreferenceDestroy = Status(Preference);
using PreferenceSet = Status(Preference, int attribute, const void* value, std::size_t bytes);
using GetHeuristic = Status(Handle, Descriptor, Layout a, Layout b, Layout c, Layout d, Preference, int most,
                            Heuristic* results, int* found);
using Matmul = Status(Handle, Descriptor, const void* alpha, const void* a, Layout, const void* b, Layout,
                      const void* beta, const void* c, Layout, void* d, Layout, const Algorithm*,
                      void* workspace, std::size_t workspace_bytes, void* stream);

}  // namespace millrace::gpu::cublaslt
