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
  bool transposed = false, adds_bias = false;
  const void* bias = nullptr;
};

struct FakeLayout {
  int type;
  std::uint64_t rows, cols;
  std::int64_t stride;
};

struct FakePreference {
  std::size_t workspace_bytes = 0;
  std::uint32_t reductions = 7;
};

int handles = 0, objects = 0, questions = 0, products = 0;

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

template <typename T>
bool take(T& to, const void* value, std::size_t bytes) {
  if (bytes != sizeof(T)) return false;
  std::memcpy(&to, value, bytes);
  return true;
}

bool begins_whole(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 256 == 0;
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

// How often an algorithm was asked for, and products computed.
FAKE int fake_cublaslt_questions() {
  return questions;
}

FAKE int fake_cublaslt_products() {
  return products;
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
  auto& of = *static_cast<FakeDescriptor*>(descriptor);
  std::int32_t transposed = 0;
  std::uint32_t epilogue = 0;
  switch (attribute) {
    case kTransposeA:
      if (!take(transposed, value, bytes)) return kInvalid;
      of.transposed = transposed == kTransposed;
      return 0;
    case kEpilogue:
      if (!take(epilogue, value, bytes) || epilogue != kAddBias) return kInvalid;
      of.adds_bias = true;
      return 0;
    case kBiasPointer:
      return take(of.bias, value, bytes) ? 0 : kInvalid;
    default:
      return kInvalid;
  }
}

FAKE Status cublasLtMatrixLayoutCreate(Layout* out, int type, std::uint64_t rows, std::uint64_t cols,
                                       std::int64_t stride) {
  return stride >= static_cast<std::int64_t>(rows) ? make<FakeLayout>(out, type, rows, cols, stride)
                                                   : kInvalid;
}

FAKE Status cublasLtMatrixLayoutDestroy(Layout layout) {
  return drop<FakeLayout>(layout);
}

FAKE Status cublasLtMatrixLayoutSetAttribute(Layout layout, int attribute, const void* value,
                                             std::size_t bytes) {
  return attribute == kLayoutCols && take(static_cast<FakeLayout*>(layout)->cols, value, bytes) ? 0
                                                                                                : kInvalid;
}

FAKE Status cublasLtMatmulPreferenceCreate(Preference* out) {
  return make<FakePreference>(out);
}

FAKE Status cublasLtMatmulPreferenceDestroy(Preference preference) {
  return drop<FakePreference>(preference);
}

FAKE Status cublasLtMatmulPreferenceSetAttribute(Preference preference, int attribute, const void* value,
                                                 std::size_t bytes) {
  auto& of = *static_cast<FakePreference*>(preference);
  if (attribute == kMostWorkspaceBytes) return take(of.workspace_bytes, value, bytes) ? 0 : kInvalid;
  return attribute == kReductions && take(of.reductions, value, bytes) ? 0 : kInvalid;
}

FAKE Status cublasLtMatmulAlgoGetHeuristic(Handle, Descriptor descriptor, Layout a, Layout b, Layout c,
                                           Layout d, Preference preference, int most, Heuristic* results,
                                           int* found) {
  ++questions;
  const auto &of_a = *static_cast<FakeLayout*>(a), &of_b = *static_cast<FakeLayout*>(b),
             &of_d = *static_cast<FakeLayout*>(d);
  const auto& how = *static_cast<FakeDescriptor*>(descriptor);
  const auto& wishes = *static_cast<FakePreference*>(preference);
  const bool fits = how.transposed && of_a.rows == of_b.rows && of_a.cols == of_d.rows &&
                    of_b.cols == of_d.cols && c == d && of_a.type == of_b.type &&
                    (!how.adds_bias || (how.bias != nullptr && of_d.type == of_a.type));
  if (!fits || most < 1 || wishes.workspace_bytes == 0 || wishes.reductions != kReduceInF32) return kInvalid;
  // One shape of many.
  if (goes_wrong("shape") && of_d.rows % 16 == 8) return kUnsupported;
  *found = goes_wrong("algorithm") ? 0 : 1;
  results[0] = {};
  results[0].algorithm.data[3] = 42;
  return goes_wrong("heuristic") ? kUnsupported : 0;
}

FAKE Status cublasLtMatmul(Handle, Descriptor descriptor, const void* alpha, const void* a, Layout a_layout,
                           const void* b, Layout b_layout, const void* beta, const void*, Layout, void* d,
                           Layout d_layout, const Algorithm* algorithm, void* workspace, std::size_t, void*) {
  const auto &of_a = *static_cast<FakeLayout*>(a_layout), &of_b = *static_cast<FakeLayout*>(b_layout),
             &of_d = *static_cast<FakeLayout*>(d_layout);
  const auto& how = *static_cast<FakeDescriptor*>(descriptor);
  const bool is_plain = *static_cast<const float*>(alpha) == 1 && *static_cast<const float*>(beta) == 0;
  const bool is_whole = begins_whole(a) && begins_whole(b) && begins_whole(d) && begins_whole(workspace) &&
                        begins_whole(how.bias) && of_a.stride % 8 == 0 && of_b.stride % 8 == 0 &&
                        of_d.stride * (of_d.type == kRealF32 ? 4 : 2) % 16 == 0;
  if (!is_plain || !is_whole || workspace == nullptr || of_b.cols != of_d.cols || algorithm->data[3] != 42 ||
      goes_wrong("matmul"))
    return kInvalid;
  ++products;
  const FakeLayout of_bias{of_d.type, of_d.rows, 1, static_cast<std::int64_t>(of_d.rows)};
  for (std::uint64_t row = 0; row < of_d.rows; ++row) {
    for (std::uint64_t col = 0; col < of_d.cols; ++col) {
      float sum = goes_wrong("sum") ? 1 : 0;
      for (std::uint64_t k = 0; k < of_a.rows; ++k)
        sum += element(a, of_a, k, row) * element(b, of_b, k, col);
      if (how.adds_bias) sum += element(how.bias, of_bias, row, 0);
      store(d, of_d, row, col, sum);
    }
  }
  return 0;
}

}  // extern "C"
