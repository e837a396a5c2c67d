// Whole models through the runtime and the plugin's device: what they say must be what transformers says, and
// what the CPU says in F32.
#include <string>

#include "cpu/registry.hpp"
#include "harness.hpp"
#include "support/card.hpp"
#include "support/fixture_model.hpp"
#include "support/logit_tap.hpp"
#include "support/model_driver.hpp"

namespace millrace::test {
namespace {

using Ids = std::vector<std::int32_t>;
using Devices = std::vector<std::shared_ptr<Device>>;

constexpr double kF32Error = 1e-4;
constexpr int kBlockTokens = 16;
constexpr int kAnswerTokens = 24;

RuntimeOptions options_for(const FixtureModel& model, std::vector<DeviceMapEntry> map, DType kv_dtype,
                           Quantization quantization = {}) {
  RuntimeOptions options;
  options.spec = model.spec();
  options.device_map = std::move(map);
  options.kv_dtype = kv_dtype;
  options.quantization = quantization;
  options.kv_blocks = 64;
  options.kv_host_blocks = 32;
  options.limits = {.max_rows = 4,
                    .max_tokens = 256,
                    .max_sequence_tokens = 256,
                    .block_tokens = kBlockTokens,
                    .max_logprobs = 1};
  return options;
}

std::vector<DeviceMapEntry> whole(const FixtureModel& model, Devices devices) {
  return {{0, model.spec().num_layers, std::move(devices)}};
}

// A model on one device, with its logits in view.
struct Watched {
  Watched(const FixtureModel& of, std::shared_ptr<Device> device, DType kv_dtype,
          Quantization quantization = {})
      : model(of),
        tap(std::make_shared<LogitTap>(std::move(device))),
        driver(of.files(), options_for(of, whole(of, {tap}), kv_dtype, quantization)) {}

  // Logits after every token: (tokens, vocab).
  std::vector<float> score(const Ids& ids, std::size_t chunk) {
    const Slot slot = driver.open(static_cast<int>(ids.size()));
    for (std::size_t at = 0; at < ids.size(); at += chunk) {
      const std::size_t end = std::min(ids.size(), at + chunk);
      const auto from = ids.begin();
      driver.step(
          {{slot, Ids(from + static_cast<std::ptrdiff_t>(at), from + static_cast<std::ptrdiff_t>(end)),
            static_cast<std::int32_t>(at), kPromptLogprobs, end < ids.size() ? ids[end] : 0}});
    }
    driver.close(slot);
    return tap->take();
  }
  // The same, one token at a time: the steps of decoding, which are repeated.
  std::vector<float> score_by_decoding(const Ids& ids) {
    const Slot slot = driver.open(static_cast<int>(ids.size()));
    for (std::size_t at = 0; at < ids.size(); ++at)
      driver.step({{slot, {ids[at]}, static_cast<std::int32_t>(at)}});
    driver.close(slot);
    return tap->take();
  }
  double error(const FixtureCase& of, const std::vector<float>& ours) const {
    const int vocab = model.spec().vocab_size;
    return logit_error(rows_at(ours, model.positions(of), vocab), model.logits(of), vocab);
  }

  const FixtureModel& model;
  std::shared_ptr<LogitTap> tap;
  ModelDriver driver;
};

// Answers to all cases in one batch. `between` is called before each step with the slots.
template <typename Between>
std::vector<Ids> answers(ModelDriver& driver, const std::vector<FixtureCase>& cases, const Between& between) {
  std::vector<Slot> slots;
  for (const FixtureCase& of : cases)
    slots.push_back(driver.open(static_cast<int>(of.prompt.size()) + kAnswerTokens));
  std::vector<Ids> tokens(cases.size());
  for (int step = 0; step < kAnswerTokens; ++step) {
    between(step, slots);
    std::vector<DrivenRow> rows;
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const auto length = static_cast<std::int32_t>(cases[i].prompt.size());
      rows.push_back(step == 0 ? DrivenRow{slots[i], cases[i].prompt, 0}
                               : DrivenRow{slots[i], {-1}, length + step - 1});
    }
    // Prompts of one step are at most as many tokens as a step may have.
    Ids sampled;
    if (step == 0) {
      for (const DrivenRow& row : rows) sampled.push_back(driver.step({row}).at(0));
    } else {
      sampled = driver.step(rows);
    }
    for (std::size_t i = 0; i < cases.size(); ++i) tokens[i].push_back(sampled[i]);
  }
  for (const Slot slot : slots) driver.close(slot);
  return tokens;
}

std::vector<Ids> answers(ModelDriver& driver, const std::vector<FixtureCase>& cases) {
  return answers(driver, cases, [](int, const std::vector<Slot>&) {});
}

std::vector<Ids> expected_answers(const FixtureModel& model) {
  std::vector<Ids> expected;
  for (const FixtureCase& of : model.cases()) expected.push_back(of.greedy);
  return expected;
}

// Each kind of rotation, head and weight; a card does them all.
std::vector<std::string> models_for_this_card() {
  if (is_emulated_card()) return {"llama3", "mistral-swa", "qwen2-yarn", "qwen3-bf16"};
  return {std::begin(kFixtureModels), std::end(kFixtureModels)};
}

TEST("in F32 a card gives the logits of transformers and of the CPU, and the same greedy tokens") {
  for (const std::string& name : models_for_this_card()) {
    const FixtureModel model(name);
    Watched card(model, open_cuda(DType::kF32), DType::kF32);
    Watched cpu(model, Registry::instance().device("cpu:0", Isa::kScalar), DType::kF32);
    for (const FixtureCase& of : model.cases()) {
      const auto exact = cpu.score(of.prompt, 256);
      // Chunks with a cached prefix; the emulation is slow.
      for (const std::size_t chunk : {std::size_t{256}, std::size_t{7}}) {
        if (is_emulated_card() && (chunk == 7) != (of.name == "short")) continue;
        const auto ours = card.score(of.prompt, chunk);
        REQUIRE(ours.size() == exact.size());
        CHECK_NEAR(card.error(of, ours), 0, kF32Error);
        CHECK_NEAR(logit_error(ours, exact, model.spec().vocab_size), 0, kF32Error);
      }
    }
    CHECK_EQ(answers(card.driver, model.cases()), expected_answers(model));
    CHECK(card.tap->replays() > kAnswerTokens / 2);
  }
}

TEST("steps of one token, replayed, give the logits of the prompt computed at once") {
  const FixtureModel model("llama3");
  const FixtureCase& of = model.cases().at(is_emulated_card() ? 0 : 1);
  const int vocab = model.spec().vocab_size;
  Watched card(model, open_cuda(DType::kF32), DType::kF32);
  const auto at_once = card.score(of.prompt, 256);
  const auto one_by_one = card.score_by_decoding(of.prompt);
  CHECK(card.tap->replays() > 5);
  CHECK_NEAR(logit_error(one_by_one, at_once, vocab), 0, kF32Error);
  CHECK_NEAR(card.error(of, one_by_one), 0, kF32Error);
  // The second time every step is one that was recorded.
  const int before = card.tap->replays();
  CHECK_EQ(card.score_by_decoding(of.prompt), one_by_one);
  CHECK_EQ(card.tap->replays() - before, static_cast<int>(of.prompt.size()));
}

void check_half_precision(const std::string& name, DType dtype, const std::string& kind) {
  const FixtureModel model(name);
  const int vocab = model.spec().vocab_size;
  Watched card(model, open_cuda(dtype), dtype);
  for (const FixtureCase& of : model.cases()) {
    const auto exact = model.logits(of);
    const double theirs = logit_error(model.logits(of, kind), exact, vocab);
    CHECK(theirs > 0);
    for (const bool decoded : {false, true}) {
      if (decoded && is_emulated_card() && of.name != "short") continue;
      const auto ours = decoded ? card.score_by_decoding(of.prompt) : card.score(of.prompt, 256);
      const double error = card.error(of, ours);
      CHECK(error <= 1.5 * theirs);
      if (!(error <= 1.5 * theirs))
        fail(__FILE__, __LINE__,
             of.name + ": " + std::to_string(error) + " against " + std::to_string(theirs));
    }
  }
}

TEST("in BF16 the error of the logits is at most 1.5 times that of transformers in BF16") {
  check_half_precision("qwen3-bf16", DType::kBF16, "logits_bfloat16");
}

TEST("in F16 the error of the logits is at most 1.5 times that of transformers in F16") {
  check_half_precision("llama3-f16", DType::kF16, "logits_float16");
}

TEST("weights quantised at load keep the logits near those of transformers") {
  const FixtureModel model("qwen3-bf16");
  const FixtureCase& of = model.cases().at(is_emulated_card() ? 0 : 1);
  using Kind = Quantization::Kind;
  const std::pair<Quantization, double> forms[] = {{{Kind::kInt8, 0}, 0.1}, {{Kind::kInt4, 32}, 0.5}};
  for (const auto& [quantization, most] : forms) {
    Watched card(model, open_cuda(DType::kBF16), DType::kBF16, quantization);
    CHECK_NEAR(card.error(of, card.score(of.prompt, 256)), 0, most);
    CHECK_NEAR(card.error(of, card.score_by_decoding(of.prompt)), 0, most);
  }
}

TEST("two devices on one card, one after the other or each with half of every layer, answer as one") {
  const FixtureModel model("qwen3");
  const std::vector<std::vector<DeviceMapEntry>> maps = {
      {{0, 1, {open_cuda(DType::kF32)}}, {1, 2, {open_cuda(DType::kF32)}}},
      whole(model, {open_cuda(DType::kF32), open_cuda(DType::kF32)})};
  for (const auto& map : maps) {
    ModelDriver driver(model.files(), options_for(model, map, DType::kF32));
    CHECK_EQ(answers(driver, model.cases()), expected_answers(model));
  }
}

TEST("sequences that are swapped to the host and back while others compute keep their answers") {
  const FixtureModel model("llama3");
  Watched card(model, open_cuda(DType::kF32), DType::kF32);
  KvPool& kv = card.driver.kv();
  const auto swap = [&](int step, const std::vector<Slot>& slots) {
    if (step % 5 != 3) return;
    for (const Slot slot : slots) REQUIRE(kv.swap_out(slot));
    // Writes into the blocks that became free.
    const Slot other = card.driver.open(40);
    card.driver.step({{other, Ids(40, 9), 0, 0}});
    card.driver.close(other);
    for (const Slot slot : slots) REQUIRE(kv.swap_in(slot));
  };
  CHECK_EQ(answers(card.driver, model.cases(), swap), expected_answers(model));
  CHECK_EQ(kv.audit(), "");
}

}  // namespace
}  // namespace millrace::test
