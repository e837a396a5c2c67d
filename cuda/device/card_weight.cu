#include "device/card_weight.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.hpp"
#include "cpu/block_formats.hpp"
#include "cpu/kernels.hpp"
#include "cpu/packed_weight.hpp"
#include "cpu/quantize.hpp"
#include "cpu/thread_pool.hpp"
#include "device/weight_codes.hpp"
#include "device/weight_layout.hpp"

namespace millrace::gpu {
namespace {

constexpr std::int64_t kMostRowsOrCols = std::int64_t{1} << 30;

std::int64_t total_rows(std::span<const WeightView> views) {
  std::int64_t rows = 0;
  for (const WeightView& view : views) rows += view.rows;
  return rows;
}

// Neighbouring views that become one matrix.
struct Part {
  std::vector<WeightView> views;
  WeightKind kind;
  WeightShape shape = {};

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
  WeightShape shape;
  std::byte* elements;
  std::byte* scales;
  std::byte* minima;
};

Run run_at(const Part& part, std::int64_t rows, std::byte* memory) {
  const WeightShape shape = shape_of(part.kind, rows, part.shape.matrix.cols);
  std::byte* scales = memory + rounded_up(shape.elements_bytes, kWeightAlignment);
  return {shape, memory, scales, scales + rounded_up(shape.scales_bytes, kWeightAlignment)};
}

std::vector<Part> parts_of(std::span<const WeightView> views, Quantization quantization,
                           CardFormat activations) {
  std::vector<Part> parts;
  for (const WeightView& view : views) {
    const WeightKind kind = kind_of(view, quantization, activations);
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
    put_codes(matrix, layout, room.panel.data(), r, to.elements + matrix.codes_at(at, 0));
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
  for (const WeightView& view : views) check_view(view, cols);
  if (rows > kMostRowsOrCols || cols > kMostRowsOrCols) refuse_views("more than 2^30 rows or columns");

  // A vector is kept in F32; as a matrix of one column it is the same memory.
  const std::int64_t vector_bytes =
      rows == 1 || cols == 1 ? rounded_up(rows * cols * 4, kWeightAlignment) : 0;
  const bool has_narrow = cols == 1 && work_->activations != CardFormat::kF32;
  const std::int64_t narrow_bytes = has_narrow ? rounded_up(rows * 2, kWeightAlignment) : 0;
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
  seal(weight->memory_);
  return weight;
}

}  // namespace millrace::gpu
