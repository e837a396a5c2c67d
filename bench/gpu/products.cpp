// Products with the weights of two models, in BF16 and INT4: at few rows against the bandwidth that a copy
// has on the card, at many against the rate of a large product.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <random>

#include "bench.hpp"
#include "device/card_weight.hpp"
#include "kernels/matmul.hpp"
#include "platform/float_types.hpp"

namespace millrace::bench {
namespace {

struct Matrix {
  const char* name;
  int rows, cols;
  bool gated;
};

struct Model {
  const char* name;
  int layers;
  std::array<Matrix, 4> of_layer;
  Matrix head;
};

constexpr Model kModels[] = {{"Qwen3-4B",
                              36,
                              {{{"qkv", 6144, 2560, false},
                                {"o", 2560, 4096, false},
                                {"gate_up", 2 * 9728, 2560, true},
                                {"down", 2560, 9728, false}}},
                              {"head", 151936, 2560, false}},
                             {"Llama-8B",
                              32,
                              {{{"qkv", 6144, 4096, false},
                                {"o", 4096, 4096, false},
                                {"gate_up", 2 * 14336, 4096, true},
                                {"down", 4096, 14336, false}}},
                              {"head", 128256, 4096, false}}};

// BF16 of about the size of a model's weights, cheap to make.
std::vector<std::uint16_t> random_bf16(std::int64_t count) {
  std::mt19937_64 rng(7);
  std::vector<std::uint16_t> table(1 << 16);
  std::normal_distribution<float> normal(0, 0.02F);
  for (std::uint16_t& value : table) value = gpu::from_float<gpu::bf16>(normal(rng)).bits;
  std::vector<std::uint16_t> values(static_cast<std::size_t>(count));
  // Other values in every row: a stretch of the table from a random place.
  for (std::size_t at = 0; at < values.size(); at += 1024) {
    const std::size_t from = rng() % (table.size() - 1024);
    std::copy_n(table.begin() + static_cast<std::ptrdiff_t>(from),
                std::min<std::size_t>(1024, values.size() - at),
                values.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return values;
}

class Products {
 public:
  Products(Report& report, gpu::Stream& stream, const Ceilings& ceilings, const gpu::ProductLibrary& device)
      : report_(report), stream_(stream), timer_(stream), ceilings_(ceilings), device_(device) {
    all_.cublaslt = device.cublaslt;
    all_.fewest_gated_rows = all_.fewest_rows;
  }

  void measure(const Model& model, Quantization quantization, const char* form) {
    std::vector<Times> sums(kRows.size());
    for (const Matrix& matrix : model.of_layer)
      measure_matrix(model, matrix, quantization, form, sums, model.layers);
    measure_matrix(model, model.head, quantization, form, sums, 1);
    for (std::size_t i = 0; i < kRows.size(); ++i) {
      const Times& sum = sums[i];
      const double read_us = sum.bytes / ceilings_.bytes_per_us;
      Report::Figures figures = {{"ms", sum.us / 1000},
                                 {"tokensPerSec", kRows[i] * 1e6 / sum.us},
                                 {"ofBandwidth", read_us / sum.us},
                                 {"ofMatrixRate", sum.operations / ceilings_.operations_per_us / sum.us}};
      if (is_both_ways(quantization, kRows[i])) {
        figures.push_back({"ownMs", sum.own_us / 1000});
        figures.push_back({"cublasLtMs", sum.library_us / 1000});
      }
      report_.add(
          std::string(model.name) + " " + form + " all products, " + std::to_string(kRows[i]) + " rows",
          figures);
    }
  }

 private:
  struct Times {
    double us = 0;  // as a device on this card does it
    double own_us = 0, library_us = 0, bytes = 0, operations = 0;
  };
  static constexpr std::array<int, 7> kRows = {1, 4, 16, 64, 256, 512, 2048};

  [[nodiscard]] bool is_both_ways(Quantization quantization, int rows) const {
    return all_.cublaslt != nullptr && quantization.kind == Quantization::Kind::kNone &&
           rows >= all_.fewest_rows;
  }

  void measure_matrix(const Model& model, const Matrix& matrix, Quantization quantization, const char* form,
                      std::vector<Times>& sums, int times) {
    const auto values = random_bf16(std::int64_t{matrix.rows} * matrix.cols);
    const WeightView view{reinterpret_cast<const std::byte*>(values.data()), DType::kBF16, matrix.rows,
                          matrix.cols, std::int64_t{2} * matrix.cols};
    // Gate and up are views of their own, as in a checkpoint.
    WeightView gate = view, up = view;
    gate.rows = up.rows = matrix.rows / 2;
    up.data += gate.rows * gate.row_bytes;
    const std::array<WeightView, 2> both{gate, up};
    const std::span<const WeightView> views =
        matrix.gated ? std::span<const WeightView>(both) : std::span<const WeightView>(&view, 1);
    // So many copies that a card's cache does not hold them.
    constexpr std::int64_t kCacheBytes = std::int64_t{256} << 20;
    std::vector<std::unique_ptr<gpu::CardWeight>> weights;
    gpu::WeightUploader uploader(gpu::CardFormat::kBF16, 8);
    do {
      weights.push_back(uploader.upload(views, quantization));
    } while (weights.back()->device_bytes() * static_cast<std::int64_t>(weights.size()) < kCacheBytes);
    for (std::size_t i = 0; i < kRows.size(); ++i) {
      const int rows = kRows[i];
      const CardMemory x(std::int64_t{2} * rows * matrix.cols);
      const auto input = random_bf16(std::int64_t{rows} * matrix.cols);
      stream_.copy_to_device(x.as<void>(), input.data(), static_cast<std::int64_t>(input.size()) * 2);
      stream_.synchronize();
      const double own_us = time_us(matrix, weights, x, rows, nullptr);
      const bool both_ways = is_both_ways(quantization, rows);
      const double library_us = both_ways ? time_us(matrix, weights, x, rows, &all_) : own_us;
      const int fewest = matrix.gated ? device_.fewest_gated_rows : device_.fewest_rows;
      const double us = both_ways && rows >= fewest ? library_us : own_us;
      const auto bytes = static_cast<double>(weights[0]->device_bytes());
      const double operations = 2.0 * rows * matrix.rows * matrix.cols;
      Report::Figures figures = {
          {"us", own_us}, {"GBps", bytes / own_us / 1e3}, {"TFLOPps", operations / own_us / 1e6}};
      if (both_ways) {
        figures.push_back({"cublasLtUs", library_us});
        figures.push_back({"cublasLtTFLOPps", operations / library_us / 1e6});
      }
      report_.add(
          std::string(model.name) + " " + form + " " + matrix.name + ", " + std::to_string(rows) + " rows",
          figures);
      sums[i].us += us * times;
      sums[i].own_us += own_us * times;
      sums[i].library_us += library_us * times;
      sums[i].bytes += bytes * times;
      sums[i].operations += operations * times;
    }
  }

  // Of one product; with null by our kernels.
  double time_us(const Matrix& matrix, const std::vector<std::unique_ptr<gpu::CardWeight>>& weights,
                 const CardMemory& x, int rows, const gpu::ProductLibrary* library) {
    const int out = matrix.gated ? matrix.rows / 2 : matrix.rows;
    const int multiprocessors = ceilings_.multiprocessors;
    const CardMemory y(std::int64_t{4} * rows * out);
    const CardMemory workspace(
        gpu::matmul_workspace_bytes(rows, *weights[0], matrix.gated, multiprocessors, library));
    return timer_.measure_us(std::clamp(2048 / rows, 4, 64), [&](int call) {
      gpu::MatmulParams<gpu::bf16> params{};
      params.x = x.as<gpu::bf16>();
      params.x_stride = matrix.cols;
      params.weight = weights[static_cast<std::size_t>(call) % weights.size()].get();
      params.y = y.as<void>();
      params.y_stride = out;
      params.rows = rows;
      if (matrix.gated) params.activation = Activation::kSilu;
      params.multiprocessors = multiprocessors;
      params.workspace = workspace.as<void>();
      params.library = library;
      gpu::launch_matmul(stream_, params);
    });
  }

  Report& report_;
  gpu::Stream& stream_;
  CardTimer timer_;
  const Ceilings& ceilings_;
  const gpu::ProductLibrary& device_;
  gpu::ProductLibrary all_;  // whatever the device would do
};

}  // namespace

void measure_products(Report& report, gpu::Stream& stream, const Ceilings& ceilings,
                      const gpu::ProductLibrary& device) {
  Products products(report, stream, ceilings, device);
  for (const Model& model : kModels) {
    products.measure(model, {}, "BF16");
    products.measure(model, {Quantization::Kind::kInt4, 128}, "INT4");
  }
}

double measure_matrix_rate(gpu::Stream& stream, int multiprocessors) {
  constexpr int kSize = 8192;
  const auto values = random_bf16(std::int64_t{kSize} * kSize);
  const WeightView view{reinterpret_cast<const std::byte*>(values.data()), DType::kBF16, kSize, kSize,
                        std::int64_t{2} * kSize};
  gpu::WeightUploader uploader(gpu::CardFormat::kBF16, 8);
  const auto weight = uploader.upload({&view, 1}, {});
  const CardMemory x(std::int64_t{2} * kSize * kSize), y(std::int64_t{2} * kSize * kSize);
  const CardMemory workspace(gpu::matmul_workspace_bytes(kSize, *weight, false, multiprocessors));
  stream.copy_to_device(x.as<void>(), values.data(), std::int64_t{2} * kSize * kSize);
  const double us = CardTimer(stream).measure_us(4, [&](int) {
    gpu::MatmulParams<gpu::bf16> params{};
    params.x = x.as<gpu::bf16>();
    params.x_stride = params.y_stride = kSize;
    params.weight = weight.get();
    params.y = y.as<void>();
    params.rows = kSize;
    params.multiprocessors = multiprocessors;
    params.workspace = workspace.as<void>();
    gpu::launch_matmul(stream, params);
  });
  return 2.0 * kSize * kSize * kSize / us;
}

double measure_library_rate(gpu::Stream& stream, gpu::CublasLt& library) {
  constexpr int kSize = 8192;
  constexpr std::int64_t kBytes = std::int64_t{2} * kSize * kSize;
  const auto values = random_bf16(std::int64_t{kSize} * kSize);
  const CardMemory x(kBytes), w(kBytes), y(kBytes), workspace(gpu::CublasLt::kWorkspaceBytes);
  stream.copy_to_device(x.as<void>(), values.data(), kBytes);
  stream.copy_to_device(w.as<void>(), values.data(), kBytes);
  const double us = CardTimer(stream).measure_us(4, [&](int) {
    (void)library.try_multiply(stream, {.x = x.as<void>(),
                                        .x_stride = kSize,
                                        .w = w.as<void>(),
                                        .w_stride = kSize,
                                        .y = y.as<void>(),
                                        .y_stride = kSize,
                                        .rows = kSize,
                                        .w_rows = kSize,
                                        .cols = kSize,
                                        .workspace = workspace.as<void>()});
  });
  return 2.0 * kSize * kSize * kSize / us;
}

}  // namespace millrace::bench
