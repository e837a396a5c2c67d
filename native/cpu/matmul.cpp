#include <algorithm>
#include <initializer_list>
#include <span>

#include "cpu/activations.hpp"
#include "cpu/cpu_ops.hpp"

namespace millrace {
namespace {

// Panels of a task: as many as the widest tile takes twice over, fewer where there would not be enough tasks
// for the threads to share evenly.
constexpr std::int64_t kMostPanels = 16, kFewestPanels = 4, kTasksPerThread = 8;
// Rows of x that pass through a task's own memory at a time.
constexpr std::int64_t kRowsAtATime = 48;

// How the work of a product is cut: by panels, and by rows of x when there are few panels.
struct Cutting {
  std::int64_t panels = kMostPanels;  // per task
  std::int64_t row_cuts = 1;
};

// Segments [first, last) of a weight.
using Segments = std::span<const CpuWeight::Segment>;

std::int64_t tasks_of(Segments segments, std::int64_t panels) {
  std::int64_t tasks = 0;
  for (const CpuWeight::Segment& segment : segments) tasks += (segment.num_panels() + panels - 1) / panels;
  return tasks;
}

Cutting cut(Segments segments, std::int64_t m, int threads) {
  Cutting cutting;
  const std::int64_t enough = threads == 1 ? 1 : kTasksPerThread * threads;
  while (cutting.panels > kFewestPanels && tasks_of(segments, cutting.panels) < enough) cutting.panels /= 2;
  const std::int64_t tasks = std::max<std::int64_t>(1, tasks_of(segments, cutting.panels));
  cutting.row_cuts =
      std::clamp<std::int64_t>((enough + tasks - 1) / tasks, 1, std::max<std::int64_t>(1, m / 24));
  return cutting;
}

// The panels of one task.
struct Range {
  const CpuWeight::Segment* segment;
  std::int64_t panel, panels;
  std::int64_t row_start, row_end;  // of x

  [[nodiscard]] std::int64_t first_col() const { return segment->first_row + panel * kPanelRows; }
  // Outputs that are not padding.
  [[nodiscard]] std::int64_t cols() const {
    return std::min(panels * kPanelRows, segment->rows - panel * kPanelRows);
  }
};

Range range_of(Segments segments, const Cutting& cutting, std::int64_t m, std::int64_t task) {
  std::int64_t index = task / cutting.row_cuts;
  const std::int64_t part = task % cutting.row_cuts;
  const CpuWeight::Segment* segment = segments.data();
  const auto tasks = [&] { return (segment->num_panels() + cutting.panels - 1) / cutting.panels; };
  for (; index >= tasks(); ++segment) index -= tasks();
  const std::int64_t panel = index * cutting.panels;
  return {segment, panel, std::min(cutting.panels, segment->num_panels() - panel),
          m * part / cutting.row_cuts, m * (part + 1) / cutting.row_cuts};
}

// How one segment is multiplied in this product.
struct Factor {
  const CpuWeight::Segment* segment;
  const PanelMethod* method;
  const Activations* x;
};

// What the tasks of one product share.
struct Product {
  CpuContext& context;
  const MatmulArgs& args;

  [[nodiscard]] Factor factor(const CpuWeight::Segment& segment) const {
    const PanelMethod& method = panel_method(context.panels, segment.layout.format, args.x.rows);
    return {&segment, &method, &context.activations.prepare(args.x, method.form, context.panels)};
  }
};

// Rows [start, end) of x by the range's panels of a segment.
void multiply(const Product& product, const Factor& factor, const Range& range, std::int64_t start,
              std::int64_t end, float* y, std::int64_t y_stride, std::byte* scratch) {
  Activations x = *factor.x;
  x.data += start * x.row_bytes;
  if (x.groups > 0) {
    x.scales += start * x.groups;
    x.sums += 2 * start * x.groups;
  }
  factor.method->multiply({.x = x,
                           .m = static_cast<int>(end - start),
                           .panel = factor.segment->panel(range.panel),
                           .panels = static_cast<int>(range.panels),
                           .layout = factor.segment->layout,
                           .y = y,
                           .y_stride = y_stride,
                           .k = product.args.x.cols,
                           .scratch = scratch});
}

// A worker's memory for a range: room to unpack the panels of one segment at a time, then `blocks` results of
// `rows` rows. Panels that are unpacked stay so for all rows.
struct Workspace {
  std::int64_t rows;
  std::byte* unpacked;
  float* blocks;

  Workspace(const Product& product, std::initializer_list<Factor> factors, const Range& range,
            int blocks_count, int worker) {
    std::int64_t bytes = 0;
    for (const Factor& factor : factors) {
      bytes = std::max(bytes, range.panels * scratch_bytes(*factor.method, factor.segment->layout));
    }
    rows = bytes > 0 ? range.row_end - range.row_start : kRowsAtATime;
    float* memory = product.context.worker_scratch.floats(
        worker, bytes / 4 + blocks_count * rows * range.panels * kPanelRows);
    unpacked = reinterpret_cast<std::byte*>(memory);
    blocks = memory + bytes / 4;
  }
};

void add_bias(const float* bias, std::int64_t cols, const Tensor& y, const Range& range) {
  const std::int64_t first_col = range.first_col();
  for (std::int64_t i = range.row_start; i < range.row_end; ++i) {
    float* to = row(y, i) + first_col;
    for (std::int64_t j = 0; j < cols; ++j) to[j] += bias[first_col + j];
  }
}

void linear(const Product& product, const Range& range, int worker) {
  const Tensor& y = product.args.y;
  const Factor factor = product.factor(*range.segment);
  const std::int64_t first_col = range.first_col(), cols = range.cols(), width = range.panels * kPanelRows;
  const bool padded = cols < width;
  const Workspace work(product, {factor}, range, padded ? 1 : 0, worker);
  if (!padded) {
    multiply(product, factor, range, range.row_start, range.row_end, row(y, range.row_start) + first_col,
             y.stride, work.unpacked);
  }
  for (std::int64_t start = range.row_start; padded && start < range.row_end; start += work.rows) {
    const std::int64_t end = std::min(start + work.rows, range.row_end);
    multiply(product, factor, range, start, end, work.blocks, width, work.unpacked);
    for (std::int64_t i = start; i < end; ++i) {
      std::copy_n(work.blocks + (i - start) * width, cols, row(y, i) + first_col);
    }
  }
  if (product.args.bias != nullptr) {
    add_bias(static_cast<const CpuWeight*>(product.args.bias)->vector(), cols, y, range);
  }
}

// The range's gate rows and the up rows beside them; what they give stays in the nearest cache.
void gated(const Product& product, const CpuWeight::Segment& up_segment, const Range& range, int worker) {
  const Factor gate = product.factor(*range.segment), up = product.factor(up_segment);
  const std::int64_t first_col = range.first_col(), cols = range.cols(), width = range.panels * kPanelRows;
  const auto activation = product.context.kernels.gated[static_cast<int>(*product.args.activation)];
  const Workspace work(product, {gate, up}, range, 2, worker);
  float *gates = work.blocks, *ups = gates + work.rows * width;
  for (std::int64_t start = range.row_start; start < range.row_end; start += work.rows) {
    const std::int64_t end = std::min(start + work.rows, range.row_end);
    multiply(product, gate, range, start, end, gates, width, work.unpacked);
    multiply(product, up, range, start, end, ups, width, work.unpacked);
    for (std::int64_t i = start; i < end; ++i) {
      const std::int64_t at = (i - start) * width;
      activation(gates + at, ups + at, row(product.args.y, i) + first_col, cols);
    }
  }
}

}  // namespace

// A panel is read from memory once, for all rows of x.
void cpu_matmul(CpuContext& context, const MatmulArgs& args) {
  const std::int64_t m = args.x.rows;
  if (m == 0) return;
  const auto& weight = *static_cast<const CpuWeight*>(args.weight);
  const Segments all = weight.segments();
  const Product product = {context, args};
  // The forms of x are made here, once; the tasks find them.
  context.activations.forget();
  for (const CpuWeight::Segment& segment : all) static_cast<void>(product.factor(segment));
  // With an activation the second segment goes along with the first.
  const Segments segments = args.activation ? all.first(1) : all;
  const Cutting cutting = cut(segments, m, context.pool.limit());
  const bool small = m * weight.rows() * weight.cols() < kInlineProducts;
  run_tasks(context.pool, small, tasks_of(segments, cutting.panels) * cutting.row_cuts,
            [&](std::int64_t task, int worker) {
              const Range range = range_of(segments, cutting, m, task);
              if (args.activation) {
                gated(product, all[1], range, worker);
              } else {
                linear(product, range, worker);
              }
            });
}

}  // namespace millrace
