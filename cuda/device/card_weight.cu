#include "device/card_weight.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/convert.hpp"
#include "core/error.hpp"
#include "cpu/block_formats.hpp"
#include "cpu/kernels.hpp"
#include "cpu/packed_weight.hpp"
#include "cpu/quantize.hpp"
#include "cpu/thread_pool.hpp"

namespace millrace::gpu {
namespace {

constexpr std::int64_t kAlignment = 256;
constexpr std::int64_t kMostRowsOrCols = std::int64_t{1} << 30;

[[noreturn]] void refuse(const std::string& what) {
  throw Error("ERR_INVALID_PARAMETER", "a weight cannot be made of these views: " + what);
}

void check(const WeightView& view, std::int64_t cols) {
  if (view.data == nullptr || view.rows < 1 || view.cols < 1) refuse("one of them is empty");
  if (view.cols != cols)
    refuse("they have " + std::to_string(cols) + " and " + std::to_string(view.cols) + " columns");
  if (view.cols % block_elements(view.dtype) != 0) {
    refuse(std::to_string(view.cols) + " columns are not a multiple of the " +
           std::to_string(block_elements(view.dtype)) + " elements in a block of " +
           std::string(dtype_name(view.dtype)));
  }
  if (view.row_bytes < storage_bytes(view.dtype, view.cols)) {
    refuse("row_bytes is " + std::to_string(view.row_bytes) + ", a row takes " +
           std::to_string(storage_bytes(view.dtype, view.cols)));
  }
}

std::int64_t total_rows(std::span<const WeightView> views) {
  std::int64_t rows = 0;
  for (const WeightView& view : views) rows += view.rows;
  return rows;
}

std::int64_t rounded_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

DType dtype_of(CardFormat format) {
  if (format == CardFormat::kF32) return DType::kF32;
  return format == CardFormat::kF16 ? DType::kF16 : DType::kBF16;
}

int float_bytes(CardFormat format) {
  return format == CardFormat::kF32 ? 4 : 2;
}

// What the CPU packs or quantises the view to, and the card's format that says the same.
struct Kind {
  CardFormat format;
  StoredFormat packed = {PanelFormat::kF32, 0};  // of whole numbers

  [[nodiscard]] bool same_on_card(const Kind& other) const {
    return format == other.format && packed.group == other.packed.group;
  }
};

Kind kind_of(const WeightView& view, Quantization quantization, CardFormat activations) {
  if (is_quantized(view.dtype)) {
    const StoredFormat packed = stored_format(view.dtype);
    const CardFormat format = packed.format == PanelFormat::kInt4      ? CardFormat::kInt4
                              : packed.format == PanelFormat::kInt4Min ? CardFormat::kInt4Min
                                                                       : CardFormat::kInt8;
    return {format, packed};
  }
  switch (quantization.kind) {
    case Quantization::Kind::kInt8:
      return {CardFormat::kInt8, {PanelFormat::kInt8Channel, 0}};
    case Quantization::Kind::kInt4: {
      const int group = quantization.group;
      if (group < 1 || view.cols % group != 0) {
        refuse(std::to_string(view.cols) + " columns are not a multiple of the group of " +
               std::to_string(group));
      }
      if (group != 32 && group != 64 && group != 128)
        refuse("a group of " + std::to_string(group) + "; there are groups of 32, 64 and 128");
      return {CardFormat::kInt4, {PanelFormat::kInt4, group}};
    }
    case Quantization::Kind::kNone:
      break;
  }
  if (activations != CardFormat::kF32) return {activations};
  return {view.dtype == DType::kF32   ? CardFormat::kF32
          : view.dtype == DType::kF16 ? CardFormat::kF16
                                      : CardFormat::kBF16};
}

// A matrix without its memory, and what its parts take of it.
struct Shape {
  CardMatrix matrix;
  std::int64_t elements_bytes, scales_bytes, minima_bytes;
  [[nodiscard]] std::int64_t bytes() const {
    return rounded_up(elements_bytes, kAlignment) + rounded_up(scales_bytes, kAlignment) +
           rounded_up(minima_bytes, kAlignment);
  }
};

// Of rows that begin at a panel's first.
Shape shape_of(Kind kind, std::int64_t rows, std::int64_t cols) {
  Shape shape = {};
  CardMatrix& matrix = shape.matrix;
  matrix.format = kind.format;
  matrix.group = static_cast<int>(kind.packed.group);
  matrix.scales_of_block = matrix.group == 0 ? 0 : block_k(kind.format) / matrix.group;
  matrix.rows = static_cast<int>(rows);
  matrix.cols = static_cast<int>(cols);
  if (!has_codes(kind.format)) {
    matrix.row_elements = kind.format == CardFormat::kF32 ? rounded_up(cols, 8) : rounded_up(cols, 32);
    shape.elements_bytes = rows * matrix.row_elements * float_bytes(kind.format);
    return shape;
  }
  const std::int64_t padded_rows = rounded_up(rows, kPanelRowsOfCard);
  matrix.blocks = static_cast<int>((cols + block_k(kind.format) - 1) / block_k(kind.format));
  shape.elements_bytes = padded_rows * matrix.blocks * kBlockBytesOfRow;
  shape.scales_bytes =
      matrix.group == 0 ? padded_rows * 4 : padded_rows * matrix.blocks * matrix.scales_of_block * 2;
  if (kind.format == CardFormat::kInt4Min) shape.minima_bytes = shape.scales_bytes;
  return shape;
}

std::uint32_t word_at(const std::byte* from) {
  return load_unaligned<std::uint32_t>(from);
}

// Four codes in bytes, to where an even step has them in a word of int4.
std::uint32_t spread(std::uint32_t codes) {
  return (codes & 15U) | (codes >> 8 & 15U) << 16 | (codes >> 16 & 15U) << 4 | (codes >> 24 & 15U) << 20;
}

// Row `row` of a packed panel (16 rows of the CPU), which follows from cpu/panels.hpp, four codes at a time.
class PackedRow {
 public:
  PackedRow(const PanelLayout& layout, const std::byte* panel, int row)
      : layout_(layout),
        elements_(panel + layout.elements),
        high_bits_(panel + layout.high_bits),
        row_(row) {}

  // Codes 4 quad to 4 quad + 3, a byte each, as the card's format has them.
  [[nodiscard]] std::uint32_t quad(std::int64_t quad) const {
    constexpr std::uint32_t kHalves = 0x0F0F0F0F, kPairs = 0x03030303;
    const std::int64_t group = quad / 8;
    const auto v = static_cast<int>(quad % 8);
    const auto vector = [&](const std::byte* from, std::int64_t index) {
      return word_at(from + index * 64 + row_ * 4);
    };
    if (layout_.format == PanelFormat::kInt8 || layout_.format == PanelFormat::kInt8Channel)
      return vector(elements_, quad);
    const std::uint32_t low = vector(elements_, group * 4 + v % 4) >> (v < 4 ? 0 : 4) & kHalves;
    if (layout_.format != PanelFormat::kInt6) return low;
    const std::uint32_t high = vector(high_bits_, group * 2 + v / 4) >> (2 * (v % 4)) & kPairs;
    // From 0 to 63 about 32, to about 128: no byte carries over.
    return (low | high << 4) + 0x60606060U;
  }

 private:
  const PanelLayout& layout_;
  const std::byte* elements_;
  const std::byte* high_bits_;
  int row_;
};

// The codes of one row, to its first block; its blocks are a panel's block apart.
void put_codes(const CardMatrix& matrix, const PackedRow& from, std::byte* to) {
  const int quads = (matrix.cols + 31) / 32 * 8;  // the CPU pads to 32
  for (int block = 0; block < matrix.blocks; ++block, to += kPanelBlockBytes) {
    const int first = block * block_k(matrix.format) / 4;
    std::uint32_t words[kBlockBytesOfRow / 4] = {};
    for (int i = 0; i < block_k(matrix.format) / 4 && first + i < quads; ++i) {
      const int step = i / 4, quarter = i % 4;
      const std::uint32_t codes = from.quad(first + i);
      if (matrix.format == CardFormat::kInt8) {
        words[quarter * 4 + step] = codes;
      } else {
        words[quarter * 4 + step / 2] |= spread(codes) << (8 * (step % 2));
      }
    }
    std::memcpy(to, words, sizeof words);
  }
}

// F16 of row `row` of a panel's scales or minima, to the row's first block.
void put_scales(const CardMatrix& matrix, const std::byte* from, int row, std::byte* to) {
  const int of_block = matrix.scales_of_block;
  const int groups = matrix.cols / matrix.group;
  for (int block = 0; block < matrix.blocks; ++block, to += kPanelRowsOfCard * of_block * 2) {
    for (int i = 0; i < of_block; ++i) {
      const int group = block * of_block + i;
      if (group < groups) {
        std::memcpy(to + i * 2, from + (group * kPanelRows + row) * 2, 2);
      } else {
        std::memset(to + i * 2, 0, 2);
      }
    }
  }
}

// Neighbouring views that become one matrix.
struct Part {
  std::vector<WeightView> views;
  Kind kind;
  Shape shape = {};

  // At most `count` rows of one view, from a row of the matrix on.
  [[nodiscard]] WeightView rows(std::int64_t row, std::int64_t count) const {
    std::size_t i = 0;
    for (; row >= views[i].rows; ++i) row -= views[i].rows;
    WeightView view = views[i];
    view.data += row * view.row_bytes;
    view.rows = std::min(count, view.rows - row);
    return view;
  }
};

// Rows of a matrix as they will lie on the card.
struct Run {
  Shape shape;
  std::byte* elements;
  std::byte* scales;
  std::byte* minima;
};

Run run_at(const Part& part, std::int64_t rows, std::byte* memory) {
  const Shape shape = shape_of(part.kind, rows, part.shape.matrix.cols);
  std::byte* scales = memory + rounded_up(shape.elements_bytes, kAlignment);
  return {shape, memory, scales, scales + rounded_up(shape.scales_bytes, kAlignment)};
}

std::vector<Part> parts_of(std::span<const WeightView> views, Quantization quantization,
                           CardFormat activations) {
  std::vector<Part> parts;
  for (const WeightView& view : views) {
    const Kind kind = kind_of(view, quantization, activations);
    if (parts.empty() || !parts.back().kind.same_on_card(kind)) parts.push_back({{}, kind});
    parts.back().views.push_back(view);
  }
  for (Part& part : parts) part.shape = shape_of(part.kind, total_rows(part.views), views[0].cols);
  return parts;
}

// A thread's own memory.
struct Room {
  std::vector<std::byte> panel;
  std::vector<float> row;
};

void convert_floats(const WeightView& view, const CardMatrix& matrix, const Kernels& kernels, Room& room,
                    std::byte* to) {
  const DType dtype = dtype_of(matrix.format);
  const std::int64_t bytes = view.cols * float_bytes(matrix.format);
  for (std::int64_t row = 0; row < view.rows; ++row) {
    const std::byte* from = view.data + row * view.row_bytes;
    if (view.dtype == dtype) {
      std::memcpy(to, from, static_cast<std::size_t>(bytes));
    } else {
      room.row.resize(static_cast<std::size_t>(view.cols));
      kernels.widen[static_cast<int>(view.dtype)](from, room.row.data(), view.cols);
      kernels.narrow[static_cast<int>(dtype)](room.row.data(), to, view.cols);
    }
    const std::int64_t row_bytes = matrix.row_elements * float_bytes(matrix.format);
    std::memset(to + bytes, 0, static_cast<std::size_t>(row_bytes - bytes));
    to += row_bytes;
  }
}

// Rows of one view, at most kPanelRows, to rows of a run from `row` on.
void convert_codes(const WeightView& view, const Part& part, Isa isa, Room& room, const Run& to,
                   std::int64_t row) {
  const PanelLayout layout = panel_layout(part.kind.packed.format, view.cols, part.kind.packed.group);
  room.panel.assign(static_cast<std::size_t>(layout.bytes), std::byte{0});
  if (is_quantized(view.dtype)) {
    pack_panel(view, 0, layout, room.panel.data());
  } else {
    quantize_panel(isa, view, 0, layout, room.panel.data());
  }
  const CardMatrix& matrix = to.shape.matrix;
  for (int r = 0; r < static_cast<int>(view.rows); ++r) {
    const int at = static_cast<int>(row) + r;
    put_codes(matrix, PackedRow(layout, room.panel.data(), r), to.elements + matrix.codes_at(at, 0));
    const std::byte* scales = room.panel.data() + layout.scales;
    if (matrix.group == 0) {
      std::memcpy(to.scales + static_cast<std::int64_t>(at) * 4, scales + r * 4, 4);
      continue;
    }
    put_scales(matrix, scales, r, to.scales + matrix.scales_at(at, 0) * 2);
    if (matrix.format == CardFormat::kInt4Min)
      put_scales(matrix, room.panel.data() + layout.minima, r, to.minima + matrix.scales_at(at, 0) * 2);
  }
}

// What lies behind the last row: the rest of its panel.
void clear_padding(const Run& run) {
  const CardMatrix& matrix = run.shape.matrix;
  if (!has_codes(matrix.format) || matrix.rows % kPanelRowsOfCard == 0) return;
  const auto clear_panel = [&](std::byte* part, std::int64_t bytes) {
    const std::int64_t panels = (matrix.rows + kPanelRowsOfCard - 1) / kPanelRowsOfCard;
    std::memset(part + bytes / panels * (panels - 1), 0, static_cast<std::size_t>(bytes / panels));
  };
  clear_panel(run.elements, run.shape.elements_bytes);
  clear_panel(run.scales, run.shape.scales_bytes);
  clear_panel(run.minima, run.shape.minima_bytes);
}

// Pinned memory that is filled, and then copied by a stream of its own.
class Stage {
 public:
  Stage() = default;
  ~Stage() { release_pinned(memory_); }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // Waits until what it held has been copied.
  std::byte* take(std::int64_t bytes) {
    wait();
    if (bytes > bytes_) {
      release_pinned(std::exchange(memory_, nullptr));
      bytes_ = 0;
      memory_ = allocate_pinned(bytes);
      bytes_ = bytes;
    }
    return static_cast<std::byte*>(memory_);
  }
  void send(std::byte* to, const std::byte* from, std::int64_t bytes) {
    if (bytes > 0) stream_.copy_to_device(to, from, bytes);
  }
  void wait() { stream_.synchronize(); }

 private:
  Stream stream_;
  void* memory_ = nullptr;
  std::int64_t bytes_ = 0;
};

}  // namespace

class WeightUploader::Work {
 public:
  Work(CardFormat activation_format, int threads, std::int64_t stage_bytes)
      : activations(activation_format),
        stage_bytes_(stage_bytes),
        pool_(threads),
        rooms_(static_cast<std::size_t>(threads)) {}

  void send_vector(std::span<const WeightView> views, std::int64_t count, std::byte* to) {
    Stage& stage = next_stage();
    std::byte* memory = stage.take(std::max(stage_bytes_, count * 4));
    auto* values = reinterpret_cast<float*>(memory);
    for (const WeightView& view : views) {
      for (std::int64_t row = 0; row < view.rows; ++row, values += view.cols)
        widen_row(view.dtype, view.data + row * view.row_bytes, values, view.cols);
    }
    stage.send(to, memory, count * 4);
  }

  // Of views with one column, in the activations' 16 bits.
  void send_narrow_vector(std::span<const WeightView> views, std::int64_t count, std::byte* to) {
    Stage& stage = next_stage();
    std::byte* const memory = stage.take(std::max(stage_bytes_, count * 2));
    const auto narrow = kernels_for(isa_).narrow[static_cast<int>(dtype_of(activations))];
    std::int64_t at = 0;
    for (const WeightView& view : views) {
      for (std::int64_t row = 0; row < view.rows; ++row, ++at) {
        float value = 0;
        widen_row(view.dtype, view.data + row * view.row_bytes, &value, 1);
        narrow(&value, memory + at * 2, 1);
      }
    }
    stage.send(to, memory, count * 2);
  }

  // In runs of rows that a stage holds.
  void send(const Part& part, std::byte* to) {
    const std::int64_t all = part.shape.matrix.rows;
    const std::int64_t of_panels = shape_of(part.kind, kPanelRows, part.shape.matrix.cols).bytes();
    const std::int64_t most = std::max<std::int64_t>(1, stage_bytes_ / of_panels) * kPanelRows;
    Run card = run_at(part, all, to);
    for (std::int64_t row = 0; row < all; row += most) {
      const std::int64_t rows = std::min(most, all - row);
      Stage& stage = next_stage();
      const Run run = run_at(part, rows, stage.take(std::max(stage_bytes_, of_panels * (most / kPanelRows))));
      clear_padding(run);
      pool_.run((rows + kPanelRows - 1) / kPanelRows, [&](std::int64_t task, int worker) {
        const std::int64_t start = task * kPanelRows;
        convert(part, row, start, std::min<std::int64_t>(rows, start + kPanelRows), run,
                rooms_[static_cast<std::size_t>(worker)]);
      });
      stage.send(card.elements, run.elements, run.shape.elements_bytes);
      stage.send(card.scales, run.scales, run.shape.scales_bytes);
      stage.send(card.minima, run.minima, run.shape.minima_bytes);
      card.elements += run.shape.elements_bytes;
      card.scales += run.shape.scales_bytes;
      card.minima += run.shape.minima_bytes;
    }
  }

  void wait() {
    for (Stage& stage : stages_) stage.wait();
  }

  const CardFormat activations;

 private:
  Stage& next_stage() {
    turn_ = 1 - turn_;
    return stages_[turn_];
  }
  // Rows [start, end) of a run that begins at row `first` of the part.
  void convert(const Part& part, std::int64_t first, std::int64_t start, std::int64_t end, const Run& run,
               Room& room) const {
    while (start < end) {
      const WeightView view = part.rows(first + start, end - start);
      if (has_codes(part.kind.format)) {
        convert_codes(view, part, isa_, room, run, start);
      } else {
        const std::int64_t row_bytes = run.shape.elements_bytes / run.shape.matrix.rows;
        convert_floats(view, run.shape.matrix, kernels_for(isa_), room, run.elements + start * row_bytes);
      }
      start += view.rows;
    }
  }

  const Isa isa_ = best_isa();
  const std::int64_t stage_bytes_;
  ThreadPool pool_;
  std::vector<Room> rooms_;  // of each thread
  Stage stages_[2];
  int turn_ = 0;
};

WeightUploader::WeightUploader(CardFormat activations, int threads, std::int64_t stage_bytes)
    : work_(std::make_unique<Work>(activations, threads, stage_bytes)) {}

WeightUploader::~WeightUploader() = default;

std::unique_ptr<CardWeight> WeightUploader::upload(std::span<const WeightView> views,
                                                   Quantization quantization) {
  if (views.empty()) throw Error("ERR_INVALID_PARAMETER", "a weight needs at least one view");
  const std::int64_t rows = total_rows(views), cols = views[0].cols;
  for (const WeightView& view : views) check(view, cols);
  if (rows > kMostRowsOrCols || cols > kMostRowsOrCols) refuse("more than 2^30 rows or columns");

  // A vector is kept in F32; as a matrix of one column it is the same memory.
  const std::int64_t vector_bytes = rows == 1 || cols == 1 ? rounded_up(rows * cols * 4, kAlignment) : 0;
  const bool has_narrow = cols == 1 && work_->activations != CardFormat::kF32;
  const std::int64_t narrow_bytes = has_narrow ? rounded_up(rows * 2, kAlignment) : 0;
  std::int64_t bytes = vector_bytes + narrow_bytes;
  const std::vector<Part> parts =
      cols == 1 ? std::vector<Part>{} : parts_of(views, quantization, work_->activations);
  for (const Part& part : parts) bytes += part.shape.bytes();

  auto weight = std::unique_ptr<CardWeight>(new CardWeight(rows, cols, bytes));
  auto* to = static_cast<std::byte*>(weight->memory_);
  if (vector_bytes > 0) {
    weight->vector_ = reinterpret_cast<const float*>(to);
    work_->send_vector(views, rows * cols, to);
    to += vector_bytes;
  }
  if (has_narrow) {
    weight->narrow_vector_ = to;
    work_->send_narrow_vector(views, rows, to);
    to += narrow_bytes;
  }
  if (cols == 1) {
    CardMatrix matrix;
    matrix.rows = static_cast<int>(rows);
    matrix.cols = 1;
    matrix.row_elements = 1;
    matrix.elements = weight->vector_;
    weight->segments_.push_back({matrix, 0});
  }
  int first_row = 0;
  for (const Part& part : parts) {
    const Run run = run_at(part, part.shape.matrix.rows, to);
    CardMatrix matrix = part.shape.matrix;
    matrix.elements = run.elements;
    matrix.scales = run.scales;
    matrix.minima = reinterpret_cast<const std::uint16_t*>(run.minima);
    weight->segments_.push_back({matrix, first_row});
    first_row += matrix.rows;
    work_->send(part, to);
    to += part.shape.bytes();
  }
  work_->wait();
  return weight;
}

}  // namespace millrace::gpu
