// A device with cuBLASLt: chosen by MILLRACE_CUBLASLT.
#include "device/plugin_fixture.hpp"
#include "fake_cublaslt.hpp"
#include "runtime/tiny_model.hpp"

namespace millrace::test {
namespace {

constexpr const char* kVariable = "MILLRACE_CUBLASLT";

using Map = std::vector<DeviceMapEntry>;

// Log-probabilities of a prompt, and tokens after it.
struct Answer {
  std::vector<float> logprobs;
  std::vector<std::int32_t> tokens;
};

Answer answer(TinyRuntime& tiny) {
  std::vector<std::int32_t> prompt;
  for (int i = 0; i < 40; ++i) prompt.push_back((3 + i * 7) % kPoison);
  const Slot slot = tiny.open(greedy_params());
  TinyResult result = tiny.step({{slot, prompt, 0, kSample | kPromptLogprobs}});
  REQUIRE(result.error_code.empty());
  Answer all;
  all.logprobs.assign(result.output.prompt_logprobs.begin(), result.output.prompt_logprobs.begin() + 39);
  for (int step = 1; step < 6; ++step) {
    all.tokens.push_back(result.tokens.at(0).at(0));
    result = tiny.step({{slot, {-1}, 39 + step}});
    REQUIRE(result.error_code.empty());
  }
  return all;
}

}  // namespace

TEST("a device with cuBLASLt says what the CPU says, to the rounding of its activations") {
  TinyRuntime on_cpu;
  const Answer expected = answer(on_cpu);
  for (const auto& [dtype, tolerance] : {std::pair{DType::kF16, 0.05}, std::pair{DType::kBF16, 0.4}}) {
    for (const char* const wish : {kFakeCublasLt, "off"}) {
      const Variable variable(kVariable, wish);
      const int before = of_fake_cublaslt("products");
      TinyRuntime tiny(Map{{0, 2, {open_card(dtype)}}}, 0, dtype);
      const int tried = of_fake_cublaslt("products");
      const Answer got = answer(tiny);
      for (std::size_t i = 0; i < expected.logprobs.size(); ++i)
        CHECK_NEAR(got.logprobs[i], expected.logprobs[i], tolerance);
      // The trial; and of two layers qkv, o and down, and the logits of the prompt.
      CHECK_EQ(tried - before, wish == kFakeCublasLt ? 2 : 0);
      CHECK(of_fake_cublaslt("products") - tried >= (wish == kFakeCublasLt ? 6 : 0));
    }
  }
}

TEST(
    "a cuBLASLt that was asked for and cannot be used is an error with the reason, in the list and at open") {
  const Plugin plugin(millrace_device_plugin());
  {
    const Variable variable(kVariable, "/nowhere");
    CHECK_CONTAINS(plugin.list().at(0).reason, "MILLRACE_CUBLASLT is /nowhere, which cannot be used: ");
    CHECK_CONTAINS(CHECK_THROWS_CODE(plugin.open(0, DType::kBF16, 1), "ERR_DEVICE_UNAVAILABLE"),
                   "/nowhere: cannot open");
  }
  const Variable variable(kVariable, kFakeCublasLt);
  const Variable wrong = goes_wrong("sum");
  CHECK_CONTAINS(CHECK_THROWS_CODE(plugin.open(0, DType::kBF16, 1), "ERR_DEVICE_UNAVAILABLE"),
                 "a small product came out wrong");
  CHECK_EQ(of_fake_cublaslt("leaks"), 0);
}

TEST("the list of devices says what computes products of many rows") {
  const Plugin plugin(millrace_device_plugin());
  CHECK_CONTAINS(plugin.list().at(0).products, "own kernels: ");
  {
    const Variable variable(kVariable, "off");
    CHECK_EQ(plugin.list().at(0).products, "own kernels: MILLRACE_CUBLASLT is off");
  }
  const Variable variable(kVariable, kFakeCublasLt);
  CHECK_EQ(plugin.list().at(0).products, "cuBLASLt 12.8.5");
}

TEST("the workspace of cuBLASLt is in what a device says that it takes, and no step takes more") {
  gpu::EmulatedCard& card = gpu::emulated_card();
  const auto used_by = [&](const char* wish) {
    const Variable variable(kVariable, wish);
    const std::int64_t before = card.used_bytes;
    TinyRuntime tiny(Map{{0, 2, {open_card(DType::kBF16)}}}, 0, DType::kBF16);
    answer(tiny);
    const std::int64_t used = card.used_bytes - before;
    answer(tiny);
    CHECK_EQ(card.used_bytes - before, used);
    return used;
  };
  const std::int64_t without = used_by("off"), with = used_by(kFakeCublasLt);
  CHECK(with > without);
  CHECK(with - without <= gpu::CublasLt::kWorkspaceBytes);
}

}  // namespace millrace::test
