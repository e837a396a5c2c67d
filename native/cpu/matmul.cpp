#include <algorithm>

#include "cpu/cpu_ops.hpp"

namespace millrace {
namespace {

constexpr std::int64_t kTaskBytes = 64 << 10;    // of weights, when they are read in place
constexpr std::int64_t kPanelFloats = 96 << 10;  // of converted weights: well inside a 1 MiB L2
constexpr std::int64_t kPanelRows = 32;

// Rows of w, from one segment, that one task multiplies with rows [x_start, x_end) of x.
struct Part {
  const CpuWeight::Segment* segment;
  std::int64_t start, count;  // rows within the segment
  std::int64_t x_start, x_end;
};

void add_bias(const MatmulArgs& args, std::int64_t first_col, const Part& part) {
  if (args.bias == nullptr) return;
  const float* bias = static_cast<const CpuWeight*>(args.bias)->vector() + first_col;
  for (std::int64_t i = part.x_start; i < part.x_end; ++i) {
    float* y = row(args.y, i) + first_col;
    for (std::int64_t j = 0; j < part.count; ++j) y[j] += bias[j];
  }
}

// Whether the weights are widened first.
bool uses_panel(const Kernels& kernels, const WeightView& view, std::int64_t m) {
  return m > kernels.in_place_rows[static_cast<int>(view.dtype)];
}

void multiply(CpuContext& context, const MatmulArgs& args, const Part& part, int worker) {
  const WeightView& view = part.segment->view;
  const std::int64_t first_col = part.segment->first_row + part.start;
  const auto dtype = static_cast<int>(view.dtype);
  DotTile tile = {
      .x = row(args.x, part.x_start),
      .x_stride = args.x.stride,
      .m = static_cast<int>(part.x_end - part.x_start),
      .w = view.data + part.start * view.row_bytes,
      .w_stride = view.row_bytes,
      .n = static_cast<int>(part.count),
      .k = view.cols,
      .y = row(args.y, part.x_start) + first_col,
      .y_stride = args.y.stride,
  };
  if (uses_panel(context.kernels, view, args.x.rows)) {
    // Rows are padded to whole vectors, and by one more so that they do not all fall into the same sets of
    // L1.
    const std::int64_t stride = (view.cols + 15) / 16 * 16 + 16;
    float* floats = context.worker_scratch.floats(worker, stride * part.count);
    for (std::int64_t r = 0; r < part.count; ++r) {
      context.kernels.widen[dtype](tile.w + r * tile.w_stride, floats + r * stride, view.cols);
    }
    tile.w = reinterpret_cast<const std::byte*>(floats);
    tile.w_stride = stride * 4;
    context.kernels.dots[static_cast<int>(DType::kF32)](tile);
  } else {
    context.kernels.dots[dtype](tile);
  }
  add_bias(args, first_col, part);
}

// Rows of w per task: a multiple of 8, so that only the last task of a segment has a remainder.
std::int64_t rows_per_task(const WeightView& view, bool panel) {
  if (panel) return std::clamp(kPanelFloats / view.cols / 8 * 8, std::int64_t{8}, kPanelRows);
  return std::clamp(kTaskBytes / view.row_bytes / 8 * 8, std::int64_t{8}, std::int64_t{256});
}

// How the rows of one segment are cut into tasks.
struct Cutting {
  std::int64_t step;    // rows of w per panel
  std::int64_t panels;  // of the segment
};

Cutting cut(const Kernels& kernels, const WeightView& view, std::int64_t m) {
  const std::int64_t step = rows_per_task(view, uses_panel(kernels, view, m));
  return {step, (view.rows + step - 1) / step};
}

}  // namespace

// A row of w is read from memory once, for all rows of x. Few rows of x: the weights are converted as they
// are read. Many: a panel of weights is converted once into L2, and the rows of x stream past it.
void cpu_matmul(CpuContext& context, const MatmulArgs& args) {
  const std::int64_t m = args.x.rows;
  if (m == 0) return;
  const auto& weight = *static_cast<const CpuWeight*>(args.weight);
  const auto segments = weight.segments();
  std::int64_t panels = 0;
  for (const CpuWeight::Segment& segment : segments) panels += cut(context.kernels, segment.view, m).panels;
  // Cut the rows of x as well only when there are too few panels to occupy every thread.
  const std::int64_t wanted = 4 * context.pool.limit();
  const std::int64_t enough = panels < wanted ? (wanted + panels - 1) / panels : 1;
  const std::int64_t cuts = std::clamp(m / (4 * context.kernels.tile_rows), std::int64_t{1}, enough);
  const bool small = m * weight.rows() * weight.cols() < kInlineProducts;
  run_tasks(context.pool, small, panels * cuts, [&](std::int64_t task, int worker) {
    std::int64_t index = task / cuts;
    const CpuWeight::Segment* segment = segments.data();
    Cutting cutting = cut(context.kernels, segment->view, m);
    while (index >= cutting.panels) {
      index -= cutting.panels;
      cutting = cut(context.kernels, (++segment)->view, m);
    }
    const std::int64_t start = index * cutting.step;
    multiply(context, args,
             {.segment = segment,
              .start = start,
              .count = std::min(cutting.step, segment->view.rows - start),
              .x_start = m * (task % cuts) / cuts,
              .x_end = m * (task % cuts + 1) / cuts},
             worker);
  });
}

}  // namespace millrace
