// Weights as the product kernels read them, and the kernels' interface. Plain structs: files that are
// compiled for an instruction set include this (kernels.hpp says why nothing else).
//
// A panel is 16 rows of a weight (16 outputs) over all of k, zero past the weight's last row. Its elements
// lie so that one 64-byte load holds the same few k of all 16 rows, and a kernel streams through a panel from
// front to back, with an output in each lane and no sum over lanes. In this order, each part aligned to 64
// bytes, with g = k / group:
//
//   kF32            [k][16] float
//   kF16            [k][16] F16
//   kBF16           [k/2][16][2] BF16: pairs of k, as vdpbf16ps and the B tile of AMX read them
//   kInt8Channel    [16] float scales; [k/4][16][4] uint8, w = scale * (q - 128)
//   kInt8           [g][16] F16 scales; [k/4][16][4] uint8, w = scale * (q - 128)
//   kInt4           [g][16] F16 scales; [k/32][4][64] nibbles, w = scale * (q - 8)
//   kInt4Min        [g][16] F16 scales; [g][16] F16 minima; nibbles, w = scale * q - minimum
//   kInt6           [g][16] F16 scales; nibbles; [k/32][2][64] pairs of bits, w = scale * (q - 32)
//
// Whole-number formats and kBF16 pad k to a multiple of 32. Per 32 k, the eight 64-byte vectors of
// [4 k][16][4] order are numbered v = 0 to 7. Nibbles: byte b of vector v is the low half of byte b of stored
// vector v for v < 4, and the high half of stored vector v - 4 for the rest. Pairs of bits: bits 4 and 5 of
// byte b of vector v are bits 2 (v % 4) and the one above it in byte b of stored vector v / 4.
#pragma once
#include <cstddef>
#include <cstdint>

namespace millrace {

enum class PanelFormat : std::uint8_t { kF32, kF16, kBF16, kInt8Channel, kInt8, kInt4, kInt4Min, kInt6 };
constexpr int kPanelFormats = 8;

constexpr int kPanelRows = 16;
// k that share a scale in activations that are whole numbers.
constexpr int kActivationGroup = 32;

constexpr bool is_whole_number(PanelFormat format) {
  return format >= PanelFormat::kInt8Channel;
}

// What is subtracted from the number that is stored.
constexpr int whole_number_offset(PanelFormat format) {
  switch (format) {
    case PanelFormat::kInt4:
      return 8;
    case PanelFormat::kInt6:
      return 32;
    case PanelFormat::kInt4Min:
      return 0;
    default:
      return 128;
  }
}

// Where the parts of one panel lie.
struct PanelLayout {
  PanelFormat format = PanelFormat::kF32;
  std::int64_t k = 0;      // padded
  std::int64_t group = 0;  // k per scale; 0 = no scales, or one per row
  // Offsets in bytes of the parts, and the whole.
  std::int64_t scales = 0, minima = 0, elements = 0, high_bits = 0, bytes = 0;
};

// Rows of activations in the form that a kernel multiplies.
enum class ActivationForm : std::uint8_t {
  kF32,    // as they are
  kBF16,   // padded with zeros to a multiple of 32
  kInt8,   // q = round(x / scale), scale = the largest magnitude of 32 k over 127; padded with zeros
  kInt16,  // the same q in 16 bits, each four in the order 0 2 1 3: for processors that multiply pairs of
           // those
};

struct Activations {
  const std::byte* data;  // row i at data + i * row_bytes, in the kernel's form
  std::int64_t row_bytes;
  // Whole numbers only. Of row i, group g: scales[i * groups + g], and sums of q at 2 * (i * groups + g):
  // over the first 16 k, and over all 32.
  const float* scales;
  const std::int32_t* sums;
  std::int64_t groups;
};

// y[i * y_stride + 16 p + c] = dot(row i of x, row c of panel p) for i < m, p < panels, c < 16.
struct PanelProduct {
  Activations x;
  int m;
  const std::byte* panel;  // the first
  int panels;
  PanelLayout layout;
  float* y;
  std::int64_t y_stride;
  std::int64_t k;  // not padded: elements of a row of x in kF32
  // Memory of the worker, aligned to 64 bytes: panels * scratch_bytes() of the method.
  std::byte* scratch;
};

// One way to multiply with a format.
struct PanelMethod {
  ActivationForm form;
  void (*multiply)(const PanelProduct& product);
  bool unpacks;  // the panels to BF16 first, into the scratch memory
};

// Indexed by PanelFormat: which method for how many rows of x.
struct PanelKernels {
  PanelMethod few[kPanelFormats];
  PanelMethod many[kPanelFormats];
  int many_from[kPanelFormats];  // rows of x
  // One row of k activations to the whole-number form of this table, k padded to a multiple of 32.
  void (*quantize)(const float* x, std::int64_t k, std::byte* q, float* scales, std::int32_t* sums);
};

constexpr int kNever = 0x7FFFFFFF;

inline const PanelMethod& panel_method(const PanelKernels& kernels, PanelFormat format, std::int64_t m) {
  const auto at = static_cast<int>(format);
  return m < kernels.many_from[at] ? kernels.few[at] : kernels.many[at];
}

constexpr std::int64_t scratch_bytes(const PanelMethod& method, const PanelLayout& layout) {
  return method.unpacks ? layout.k * kPanelRows * 2 : 0;
}

}  // namespace millrace
