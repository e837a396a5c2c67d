// A library with cuBLASLt's names that multiplies on the CPU, for tests. FAKE_CUBLASLT says what it does
// wrong.
#include <cstdlib>
#include <cstring>

#include "libraries/cublaslt_abi.hpp"
#include "platform/float_types.hpp"

namespace {

using namespace millrace::gpu;
using namespace millrace::gpu::cublaslt;

constexpr Status kInvalid = 7, kUnsupported = 15;

struct FakeDescriptor {
  bool transposed = false;
};

struct FakeLayout {
  int type;
  std::uint64_t rows, cols;
  std::int64_t stride;
};

struct FakePreference {
  std::size_t workspace_bytes = 0;
};

int handles = 0, objects = 0;

bool goes_wrong(const char* how) {
  const char* wanted = std::getenv("FAKE_CUBLASLT");
  return wanted != nullptr && std::strcmp(wanted, how) == 0;
}

template <typename T, typename... Args>
Status make(void** out, Args... args) {
  ++objects;
  *out = new T{args...};
  return 0;
}

template <typename T>
Status drop(void* object) {
  --objects;
  delete static_cast<T*>(object);
  return 0;
}

float element(const void* of, const FakeLayout& layout, std::uint64_t row, std::uint64_t col) {
  const auto at = static_cast<std::int64_t>(row) + static_cast<std::int64_t>(col) * layout.stride;
  if (layout.type == kRealBF16) return to_float(static_cast<const bf16*>(of)[at]);
  return to_float(static_cast<const f16*>(of)[at]);
}

void store(void* to, const FakeLayout& layout, std::uint64_t row, std::uint64_t col, float value) {
  const auto at = static_cast<std::int64_t>(row) + static_cast<std::int64_t>(col) * layout.stride;
  if (layout.type == kRealF32) static_cast<float*>(to)[at] = value;
  if (layout.type == kRealBF16) static_cast<bf16*>(to)[at] = from_float<bf16>(value);
  if (layout.type == kRealF16) static_cast<f16*>(to)[at] = from_float<f16>(value);
}

}  // namespace

extern "C" {

#define FAKE __attribute__((visibility("default")))

// Handles and other objects that were made and not yet destroyed.
FAKE int fake_cublaslt_leaks() {
  return handles + objects;
}

FAKE std::size_t cublasLtGetVersion() {
  return goes_wrong("version") ? 110300 : 120805;
}

FAKE Status cublasLtCreate(Handle* handle) {
  if (goes_wrong("create")) return 1;
  ++handles;
  *handle = &handles;
  return 0;
}

FAKE Status cublasLtDestroy(Handle) {
  --handles;
  return 0;
}

FAKE Status cublasLtMatmulDescCreate(Descriptor* out, int compute_type, int scale_type) {
  return compute_type == kCompute32F && scale_type == kRealF32 ? make<FakeDescriptor>(out) : kInvalid;
}

FAKE Status cublasLtMatmulDescDestroy(Descriptor descriptor) {
  return drop<FakeDescriptor>(descriptor);
}

FAKE Status cublasLtMatmulDescSetAttribute(Descriptor descriptor, int attribute, const void* value,
                                           std::size_t bytes) {
  std::int32_t number = 0;
  if (attribute != kTransposeA || bytes != sizeof(number)) return kInvalid;
  std::memcpy(&number, value, bytes);
  static_cast<FakeDescriptor*>(descriptor)->transposed = number == kTransposed;
  return 0;
}

FAKE Status cublasLtMatrixLayoutCreate(Layout* out, int type, std::uint64_t rows, std::uint64_t cols,
                                       std::int64_t stride) {
  return stride >= static_cast<std::int64_t>(rows) ? make<FakeLayout>(out, type, rows, cols, stride)
                                                   : kInvalid;
}

FAKE Status cublasLtMatrixLayoutDestroy(Layout layout) {
  return drop<FakeLayout>(layout);
}

FAKE Status cublasLtMatmulPreferenceCreate(Preference* out) {
  return make<FakePreference>(out);
}

FAKE Status cublasLtMatmulPreferenceDestroy(Preference preference) {
  return drop<FakePreference>(preference);
}

FAKE Status cublasLtMatmulPreferenceSetAttribute(Preference preference, int attribute, const void* value,
                                                 std::size_t bytes) {
  if (attribute != kMostWorkspaceBytes || bytes != sizeof(std::size_t)) return kInvalid;
  std::memcpy(&static_cast<FakePreference*>(preference)->workspace_bytes, value, bytes);
  return 0;
}

FAKE Status cublasLtMatmulAlgoGetHeuristic(Handle, Descriptor descriptor, Layout a, Layout b, Layout c,
                                           Layout d, Preference preference, int most, Heuristic* results,
                                           int* found) {
  const auto &of_a = *static_cast<FakeLayout*>(a), &of_b = *static_cast<FakeLayout*>(b),
             &of_d = *static_cast<FakeLayout*>(d);
  const bool fits = static_cast<FakeDescriptor*>(descriptor)->transposed && of_a.rows == of_b.rows &&
                    of_a.cols == of_d.rows && of_b.cols == of_d.cols && c == d && of_a.type == of_b.type;
  if (!fits || most < 1 || static_cast<FakePreference*>(preference)->workspace_bytes == 0) return kInvalid;
  *found = goes_wrong("algorithm") ? 0 : 1;
  results[0] = {};
  results[0].algorithm.data[3] = 42;
  return goes_wrong("heuristic") ? kUnsupported : 0;
}

FAKE Status cublasLtMatmul(Handle, Descriptor, const void* alpha, const void* a, Layout a_layout,
                           const void* b, Layout b_layout, const void* beta, const void*, Layout, void* d,
                           Layout d_layout, const Algorithm* algorithm, void*, std::size_t, void*) {
  const auto &of_a = *static_cast<FakeLayout*>(a_layout), &of_b = *static_cast<FakeLayout*>(b_layout),
             &of_d = *static_cast<FakeLayout*>(d_layout);
  const bool is_plain = *static_cast<const float*>(alpha) == 1 && *static_cast<const float*>(beta) == 0;
  if (!is_plain || algorithm->data[3] != 42 || goes_wrong("matmul")) return kInvalid;
  for (std::uint64_t row = 0; row < of_d.rows; ++row) {
    for (std::uint64_t col = 0; col < of_d.cols; ++col) {
      float sum = goes_wrong("sum") ? 1 : 0;
      for (std::uint64_t k = 0; k < of_a.rows; ++k)
        sum += element(a, of_a, k, row) * element(b, of_b, k, col);
      store(d, of_d, row, col, sum);
    }
  }
  return 0;
}

}  // extern "C"
