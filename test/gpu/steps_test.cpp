// The benchmark's steps, which run on a card only by hand: that they run at all, and what they write.
#include "steps.hpp"

#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "formats/json.hpp"
#include "formats/temp_folder.hpp"
#include "harness.hpp"

namespace millrace::test {
namespace {

using bench::Budget;
using bench::Ceilings;
using bench::Report;
using bench::StepPlan;

// Small enough for the emulation.
StepPlan tiny_plan() {
  StepPlan plan;
  plan.shapes = {"tiny", "tiny-llama"};
  plan.forms = {"BF16", "INT4"};
  plan.batches = {1, 3};
  plan.prompts = {20};
  plan.context = 30;
  plan.steps = 10;
  plan.case_s = 0;
  plan.requests = 2;
  plan.request_tokens = 5;
  plan.answer_tokens = 4;
  plan.load_s = 1;
  return plan;
}

std::string result_of(const TempFolder& folder, const StepPlan& plan, double budget_s) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> nowhere(std::fopen("/dev/null", "w"), std::fclose);
  Report report(nowhere.get());
  bench::measure_steps(report, plan, Ceilings{1e3, 1e6, 4}, Budget(budget_s), "bench/gpu/shapes",
                       folder.path() / "scratch");
  const std::string path = (folder.path() / "result.json").string();
  REQUIRE(report.write(path.c_str(), "  \"commit\": \"none\""));
  std::ifstream file(path);
  std::ostringstream read;
  read << file.rdbuf();
  const std::string text = read.str();
  JsonReader json(text, "result.json");
  json.skip();
  json.end();
  return text;
}

TEST("the benchmark decodes, prefills and answers with every shape and form, and states its targets") {
  const TempFolder folder;
  const std::string text = result_of(folder, tiny_plan(), 1000);
  for (const char* part :
       {"tiny BF16 decode, batch 1\", \"stepMs\"", "tiny INT4 decode, batch 3\", \"stepMs\"",
        "tiny-llama BF16 prefill, 20 tokens\", \"ms\"", "tiny BF16 answers to 2 requests\", \"requests\": 2",
        "tiny INT4 over BF16, batch 1\", \"unit\": \"x\"", "host gap\", \"unit\": \"us\""}) {
    CHECK_CONTAINS(text, part);
  }
  CHECK_CONTAINS(text, "\"leftOut\": []");
}

TEST("the benchmark leaves out what there is no time for, and says so") {
  const TempFolder folder;
  const std::string text = result_of(folder, tiny_plan(), 0.5);
  CHECK_CONTAINS(text, "{\"what\": \"tiny BF16\", \"reason\": \"no time is left for it\"}");
  CHECK_CONTAINS(text, "\"figures\": []");
}

}  // namespace
}  // namespace millrace::test
