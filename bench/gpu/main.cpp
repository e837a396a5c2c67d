// What the CUDA device does on a card, against what the card can.
//
//   millrace_gpu_bench [--json FILE] [--quick] [--budget SECONDS] [--scratch FOLDER] [--shapes FOLDER]
//                      [--about JSON]
//
// --quick measures fewer sizes. No measurement is begun that would not end within --budget; what is left out
// is listed. Checkpoints are written to --scratch and stay there; without, to a folder that is removed.
// --about is JSON members for the head of the file: the date, the commit. MILLRACE_CUBLASLT is obeyed. Ends
// with 77 where there is no card.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>

#include <unistd.h>

#include "bench.hpp"
#include "core/error.hpp"
#include "libraries/cublaslt_choice.hpp"

namespace {

using namespace millrace;
using namespace millrace::bench;

struct Options {
  std::string json, scratch, shapes = "bench/gpu/shapes", about;
  double budget_s = 480;
  bool quick = false;
};

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--quick") {
      options.quick = true;
      continue;
    }
    const std::pair<const char*, std::string*> texts[] = {{"--json", &options.json},
                                                          {"--scratch", &options.scratch},
                                                          {"--shapes", &options.shapes},
                                                          {"--about", &options.about}};
    const auto* found = std::ranges::find_if(texts, [&](const auto& text) { return name == text.first; });
    if ((found == std::end(texts) && name != "--budget") || i + 1 == argc)
      throw Error("ERR_INVALID_PARAMETER", name + " is no option, or needs a value.");
    const std::string value = argv[++i];
    if (found != std::end(texts)) {
      *found->second = value;
    } else if (options.budget_s = std::atof(value.c_str()); options.budget_s <= 0) {
      throw Error("ERR_INVALID_PARAMETER", "--budget is " + value + "; it must be a number of seconds.");
    }
  }
  return options;
}

// A folder that is removed at the end unless it was given.
class Scratch {
 public:
  explicit Scratch(const std::string& given) : is_own_(given.empty()), path_(given) {
    if (is_own_)
      path_ = std::filesystem::temp_directory_path() / ("millrace-bench-" + std::to_string(getpid()));
    std::filesystem::create_directories(path_);
  }
  ~Scratch() {
    std::error_code ignored;
    if (is_own_) std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  bool is_own_;
  std::filesystem::path path_;
};

double measure_copy(gpu::Stream& stream) {
  constexpr std::int64_t kBytes = std::int64_t{1} << 30;
  const CardMemory from(kBytes), to(kBytes);
  stream.fill(from.as<void>(), 1, kBytes);
  const double us = CardTimer(stream).measure_us(
      4, [&](int) { stream.copy_on_device(to.as<void>(), from.as<void>(), kBytes); });
  return 2.0 * static_cast<double>(kBytes) / us;
}

Ceilings measure_ceilings(Report& report, gpu::Stream& stream, gpu::CublasLt* library, int multiprocessors) {
  Ceilings ceilings{measure_copy(stream), measure_matrix_rate(stream, multiprocessors), multiprocessors};
  report.add("copy on the card, 1 GiB", {{"GBps", ceilings.bytes_per_us / 1e3}});
  report.add("BF16 product of 8192 x 8192 x 8192", {{"TFLOPps", ceilings.operations_per_us / 1e6}});
  if (library != nullptr) {
    const double rate = measure_library_rate(stream, *library);
    report.add("the same by cuBLASLt " + std::to_string(library->version()), {{"TFLOPps", rate / 1e6}});
    ceilings.operations_per_us = std::max(ceilings.operations_per_us, rate);
  } else {
    report.left_out("cuBLASLt", gpu::describe_products());
  }
  return ceilings;
}

StepPlan plan_for(bool quick) {
  StepPlan plan;
  if (!quick) return plan;
  plan.shapes = {"qwen3-4b"};
  plan.forms = {"BF16", "INT4"};
  plan.batches = {1, 64};
  plan.prompts = {2048, 8192};
  plan.steps = 32;
  plan.load_s = 20;
  return plan;
}

int run(const Options& options) {
  const Budget budget(options.budget_s);
  const gpu::CardInfo card = gpu::card_info(0);
  const std::string head = (options.about.empty() ? "" : "  " + options.about + ",\n") +
                           "  \"card\": {\"name\": \"" + card.name + "\", \"computeCapability\": \"" +
                           std::to_string(card.major) + "." + std::to_string(card.minor) +
                           "\", \"multiprocessors\": " + std::to_string(card.multiprocessors) +
                           ", \"memoryBytes\": " + std::to_string(card.total_bytes) +
                           ", \"driverCuda\": " + std::to_string(card.driver_version) +
                           "},\n  \"products\": " + json_text(gpu::describe_products());
  std::printf("{\n%s\n}\n", head.c_str());
  Report report;
  gpu::Stream stream;
  const auto library = gpu::open_cublaslt([](const std::string& what) { std::printf("%s\n", what.c_str()); });
  const Ceilings ceilings = measure_ceilings(report, stream, library.get(), card.multiprocessors);
  const Scratch scratch(options.scratch);
  int result = 0;
  try {
    measure_steps(report, plan_for(options.quick), ceilings, budget, options.shapes, scratch.path());
    if (budget.has(20, "sampling", report)) measure_sampling(report, stream);
    // Operations by themselves: where a step's time goes.
    if (!options.quick && budget.has(45, "attention", report)) measure_attention(report, stream, ceilings);
    if (!options.quick && budget.has(120, "products", report))
      measure_products(report, stream, ceilings, gpu::library_for(library.get(), card.major, card.minor));
  } catch (const std::exception& error) {
    // What was measured until then is worth having.
    report.left_out("everything after this", error.what());
    result = 1;
  }
  if (!options.json.empty() && !report.write(options.json.c_str(), head)) {
    std::fprintf(stderr, "%s cannot be written\n", options.json.c_str());
    return 1;
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kNotRun = 77;
  try {
    const Options options = read_options(argc, argv);
    std::string reason;
    if (gpu::card_count(reason) == 0) {
      std::printf("nothing was measured: CUDA sees no card: %s\n", reason.c_str());
      return kNotRun;
    }
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
