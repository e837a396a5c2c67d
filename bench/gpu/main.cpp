// What the kernels do on a card, against what the card can: millrace_gpu_bench [result.json [cuBLASLt]]
// The second is the library, or its folder; without, as the system finds it. Ends with 77 where there is no
// card.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "bench.hpp"

namespace {

using namespace millrace;
using namespace millrace::bench;

double measure_copy(gpu::Stream& stream) {
  constexpr std::int64_t kBytes = std::int64_t{1} << 30;
  const CardMemory from(kBytes), to(kBytes);
  stream.fill(from.as<void>(), 1, kBytes);
  const double us = CardTimer(stream).measure_us(
      4, [&](int) { stream.copy_on_device(to.as<void>(), from.as<void>(), kBytes); });
  return 2.0 * static_cast<double>(kBytes) / us;
}

int run(const char* path, const char* cublaslt_path) {
  const gpu::CardInfo card = gpu::card_info(0);
  const std::string head = "{\"name\": \"" + card.name + "\", \"computeCapability\": \"" +
                           std::to_string(card.major) + "." + std::to_string(card.minor) +
                           "\", \"multiprocessors\": " + std::to_string(card.multiprocessors) +
                           ", \"driver\": " + std::to_string(card.driver_version) + "}";
  std::printf("%s\n", head.c_str());
  Report report;
  gpu::Stream stream;
  Ceilings ceilings{measure_copy(stream), measure_matrix_rate(stream, card.multiprocessors),
                    card.multiprocessors};
  report.add("copy on the card, 1 GiB", {{"GBps", ceilings.bytes_per_us / 1e3}});
  report.add("BF16 product of 8192 x 8192 x 8192", {{"TFLOPps", ceilings.operations_per_us / 1e6}});
  std::string reason;
  const auto library = gpu::CublasLt::load(
      cublaslt_path, reason, [](const std::string& what) { std::printf("%s\n", what.c_str()); });
  if (library != nullptr) {
    const double rate = measure_library_rate(stream, *library);
    report.add("the same by cuBLASLt " + std::to_string(library->version()), {{"TFLOPps", rate / 1e6}});
    ceilings.operations_per_us = std::max(ceilings.operations_per_us, rate);
  } else {
    std::printf("without cuBLASLt: %s\n", reason.c_str());
  }
  measure_sampling(report, stream);
  measure_attention(report, stream, ceilings);
  measure_products(report, stream, ceilings, gpu::library_for(library.get(), card.major, card.minor));
  if (path == nullptr || report.write(path, head)) return 0;
  std::fprintf(stderr, "%s cannot be written\n", path);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kNotRun = 77;
  std::string reason;
  if (gpu::card_count(reason) == 0) {
    std::printf("nothing was measured: CUDA sees no card: %s\n", reason.c_str());
    return kNotRun;
  }
  try {
    return run(argc > 1 ? argv[1] : nullptr, argc > 2 ? argv[2] : "");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "the card failed: %s\n", error.what());
    return 1;
  }
}
