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
// Attributes of a descriptor, and their values.
constexpr int kTransposeA = 3, kEpilogue = 7, kBiasPointer = 8;
constexpr std::int32_t kTransposed = 1;
constexpr std::uint32_t kAddBias = 4;
// Attribute of a layout.
constexpr int kLayoutCols = 3;
// Attributes of a preference. Parts of a sum may be added in the type that products are computed in, and not
// by atomic operations in any order.
constexpr int kMostWorkspaceBytes = 1, kReductions = 3;
constexpr std::uint32_t kReduceInF32 = 2;

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
using LayoutSet = Status(Layout, int attribute, const void* value, std::size_t bytes);
using PreferenceCreate = Status(Preference*);
using PreferenceDestroy = Status(Preference);
using PreferenceSet = Status(Preference, int attribute, const void* value, std::size_t bytes);
using GetHeuristic = Status(Handle, Descriptor, Layout a, Layout b, Layout c, Layout d, Preference, int most,
                            Heuristic* results, int* found);
using Matmul = Status(Handle, Descriptor, const void* alpha, const void* a, Layout, const void* b, Layout,
                      const void* beta, const void* c, Layout, void* d, Layout, const Algorithm*,
                      void* workspace, std::size_t workspace_bytes, void* stream);

}  // namespace millrace::gpu::cublaslt
