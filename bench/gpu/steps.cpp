#include "steps.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <thread>

#include "formats/mapped_file.hpp"
#include "platform/float_types.hpp"
#include "platform/runtime.hpp"
#include "support/card.hpp"
#include "support/forwarding_device.hpp"
#include "support/model_driver.hpp"
#include "support/random_checkpoint.hpp"

namespace millrace::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Ids = std::vector<std::int32_t>;

double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return std::nan("");
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

int host_threads() {
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// The card, with random numbers where a model finds zeros: a KV cache that no prompt has filled must not be
// cheaper to read. Notes how long the host takes from one step's tokens to the next step's work.
class MeasuredCard final : public test::ForwardingDevice {
 public:
  using ForwardingDevice::ForwardingDevice;

  [[nodiscard]] std::unique_ptr<Buffer> allocate(std::int64_t bytes) override {
    auto buffer = inside().allocate(bytes);
    if (bytes >= kFilledBytes) fill(buffer->data(), bytes);
    return buffer;
  }
  void repeat(std::uint64_t key, const std::function<void()>& record) override {
    inside().repeat(key, record);
    if (had_tokens_) gaps_us_.push_back(us_since(tokens_at_));
    had_tokens_ = false;
  }
  void synchronize() override {
    inside().synchronize();
    tokens_at_ = Clock::now();
    had_tokens_ = true;
  }
  [[nodiscard]] std::vector<double> take_gaps_us() { return std::exchange(gaps_us_, {}); }

 private:
  static constexpr std::int64_t kFilledBytes = 1 << 20;

  // Twice as much with every copy.
  static void fill(void* memory, std::int64_t bytes) {
    std::mt19937 rng(5);
    std::normal_distribution<float> normal(0, 1);
    std::vector<std::uint16_t> values(kFilledBytes / 2);
    for (std::uint16_t& value : values) value = gpu::from_float<gpu::bf16>(normal(rng)).bits;
    gpu::Stream stream;
    stream.copy_to_device(memory, values.data(), kFilledBytes);
    for (std::int64_t done = kFilledBytes; done < bytes; done *= 2)
      stream.copy_on_device(static_cast<std::byte*>(memory) + done, memory, std::min(done, bytes - done));
    stream.synchronize();
  }

  Clock::time_point tokens_at_;
  bool had_tokens_ = false;
  std::vector<double> gaps_us_;
};

// A model's arithmetic: what a step has to read and to compute.
struct Work {
  double layer_weights = 0, head_weights = 0;              // elements of matrices
  double kv_bytes_per_token = 0, attention_per_token = 0;  // operations for each token that is attended to

  explicit Work(const ModelSpec& spec) {
    const double q = double{1} * spec.num_heads * spec.head_dim,
                 kv = double{1} * spec.num_kv_heads * spec.head_dim;
    const double hidden = spec.hidden_size;
    layer_weights = spec.num_layers * (hidden * (2 * q + 2 * kv) + 3 * hidden * spec.ffn_size);
    head_weights = hidden * spec.vocab_size;
    kv_bytes_per_token = spec.num_layers * 2 * kv * 2;
    attention_per_token = spec.num_layers * 4 * q;
  }
  [[nodiscard]] double decode_operations(int batch, double context) const {
    return batch * (2 * (layer_weights + head_weights) + attention_per_token * context);
  }
  // Logits of one token only.
  [[nodiscard]] double prefill_operations(double tokens) const {
    return 2 * (layer_weights * tokens + head_weights) + attention_per_token * tokens * (tokens + 1) / 2;
  }
};

Quantization quantization_of(const std::string& form) {
  if (form == "INT8") return {Quantization::Kind::kInt8, 0};
  if (form == "INT4") return {Quantization::Kind::kInt4, 128};
  return {};
}

ModelSpec read_spec(const std::filesystem::path& path) {
  const MappedFile file(path);
  return parse_model_spec({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
}

class Model {
 public:
  static constexpr int kBlockTokens = 16;

  Model(const std::filesystem::path& folder, const ModelSpec& spec, const std::string& form,
        const StepPlan& plan, int rows, int tokens)
      : vocab_(spec.vocab_size),
        card_(std::make_shared<MeasuredCard>(test::card_plugin().open(0, DType::kBF16, host_threads()))) {
    RuntimeOptions options;
    options.spec = spec;
    options.kv_dtype = DType::kBF16;
    options.quantization = quantization_of(form);
    options.device_map = {{0, spec.num_layers, {card_}}};
    options.kv_blocks = blocks(plan, rows, tokens);
    options.limits = {.max_rows = rows,
                      .max_tokens = tokens,
                      .max_sequence_tokens = std::max(tokens, longest(plan)),
                      .block_tokens = kBlockTokens,
                      .max_logprobs = 1};
    driver_ = std::make_unique<test::ModelDriver>(open_model_files(folder), std::move(options));
  }

  static int longest(const StepPlan& plan) { return plan.context + plan.steps + 8; }
  static int blocks(const StepPlan& plan, int rows, int tokens) {
    return std::max(rows * (longest(plan) / kBlockTokens + 1), tokens / kBlockTokens + 1);
  }

  [[nodiscard]] test::ModelDriver& driver() { return *driver_; }
  [[nodiscard]] MeasuredCard& card() { return *card_; }
  Ids random_ids(int count) {
    Ids ids;
    for (int i = 0; i < count; ++i)
      ids.push_back(static_cast<std::int32_t>(rng_() % static_cast<unsigned>(vocab_)));
    return ids;
  }

  // Microseconds from the tokens of one step to those of the next, two steps queued as the engine does it:
  // `batch` sequences of `context` tokens, at most `steps` of them and `seconds`.
  std::vector<double> decode(int batch, int context, int steps, double seconds) {
    std::vector<Slot> slots;
    for (int i = 0; i < batch; ++i) {
      slots.push_back(driver_->open(context + steps + 2));
      // As if a prompt had been computed: what its KV is does not matter here.
      driver_->kv().set_written_tokens(slots.back(), context);
    }
    int position = context;
    const auto submit = [&](bool first) {
      std::vector<test::DrivenRow> rows;
      for (const Slot slot : slots) rows.push_back({slot, first ? random_ids(1) : Ids{-1}, position});
      ++position;
      driver_->submit(rows);
    };
    constexpr int kUnmeasured = 6;  // the first two of a shape are queued and recorded
    submit(true);
    submit(false);
    std::vector<double> us;
    const auto start = Clock::now();
    auto last = start;
    for (int done = 0, left = 2; left > 0; ++done, --left) {
      driver_->wait();
      const auto now = Clock::now();
      if (done == kUnmeasured) (void)card_->take_gaps_us();
      if (done > kUnmeasured) us.push_back(std::chrono::duration<double, std::micro>(now - last).count());
      last = now;
      const bool enough = us.size() >= 8 && us_since(start) > seconds * 1e6;
      if (position - context < steps && !enough) {
        submit(false);
        ++left;
      }
    }
    for (const Slot slot : slots) driver_->close(slot);
    return us;
  }

  double prefill_us(int tokens) {
    const Slot slot = driver_->open(tokens);
    const Ids ids = random_ids(tokens);
    const auto start = Clock::now();
    driver_->step({{slot, ids, 0}});
    const double us = us_since(start);
    driver_->close(slot);
    return us;
  }

  // All requests come at once. Prompts are computed as many at a time as a step takes.
  double answer_us(const StepPlan& plan, int most_tokens) {
    std::vector<Slot> slots;
    for (int i = 0; i < plan.requests; ++i)
      slots.push_back(driver_->open(plan.request_tokens + plan.answer_tokens));
    std::vector<test::DrivenRow> rows;
    for (const Slot slot : slots) rows.push_back({slot, random_ids(plan.request_tokens), 0});
    const auto start = Clock::now();
    const auto at_once = static_cast<std::size_t>(std::max(1, most_tokens / plan.request_tokens));
    for (std::size_t from = 0; from < rows.size(); from += at_once) {
      const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(from);
      driver_->step({begin, begin + static_cast<std::ptrdiff_t>(std::min(at_once, rows.size() - from))});
    }
    int submitted = 1;
    const auto submit = [&] {
      for (test::DrivenRow& row : rows) row = {row.slot, {-1}, plan.request_tokens + submitted - 1};
      ++submitted;
      driver_->submit(rows);
    };
    submit();
    for (int done = 1; done < plan.answer_tokens; ++done) {
      if (submitted < plan.answer_tokens) submit();
      driver_->wait();
    }
    const double us = us_since(start);
    for (const Slot slot : slots) driver_->close(slot);
    return us;
  }

 private:
  int vocab_;
  std::mt19937 rng_{3};
  std::shared_ptr<MeasuredCard> card_;
  std::unique_ptr<test::ModelDriver> driver_;
};

class Steps {
 public:
  Steps(Report& report, const StepPlan& plan, const Ceilings& ceilings, const Budget& budget)
      : report_(report), plan_(plan), ceilings_(ceilings), budget_(budget) {}

  // Returns microseconds of a step at batch 1; `bf16_us` is what BF16 took, or 0.
  double measure(const std::string& shape, const ModelSpec& spec, const std::filesystem::path& folder,
                 const std::string& form, double bf16_us) {
    const std::string name = shape + " " + form;
    const Work work(spec);
    const auto [rows, tokens] = sizes_that_fit(spec, form, work);
    if (rows == 0) {
      report_.left_out(name, "the card has too little memory for it");
      return 0;
    }
    const auto start = Clock::now();
    Model model(folder, spec, form, plan_, rows, tokens);
    const auto weight_bytes = static_cast<double>(model.driver().runtime().weights_bytes());
    report_.add(name + " loaded", {{"s", us_since(start) / 1e6}, {"GB", weight_bytes / 1e9}});
    // A table of embeddings that is no head too is not read by a step but for its rows.
    const double read_bytes = weight_bytes * (work.layer_weights + work.head_weights) /
                              (work.layer_weights + work.head_weights * (spec.tensors.lm_head ? 2 : 1));
    double batch1_us = 0;
    for (const int batch : plan_.batches) {
      const std::string what = name + " decode, batch " + std::to_string(batch);
      if (batch > rows) {
        report_.left_out(what, "the card has too little memory for its KV cache");
        continue;
      }
      if (!budget_.has(plan_.case_s + 3, what, report_)) continue;
      const double us = decode(model, work, what, batch, read_bytes, form);
      if (batch == 1) batch1_us = us;
    }
    if (form == "INT4" && bf16_us > 0 && batch1_us > 0) {
      const double target = shape == "qwen3-4b" ? 1.8 : 2.3;
      report_.target(name + " over BF16, batch 1", "x", Report::Better::kMore, bf16_us / batch1_us, target,
                     0);
    }
    for (const int prompt : plan_.prompts) {
      const std::string what = name + " prefill, " + std::to_string(prompt) + " tokens";
      if (prompt > tokens) {
        report_.left_out(what, "the card has too little memory for its activations");
      } else if (budget_.has(5, what, report_)) {
        prefill(model, work, what, prompt, form);
      }
    }
    const std::string what = name + " answers to " + std::to_string(plan_.requests) + " requests";
    if (plan_.requests <= rows && budget_.has(10, what, report_)) {
      model.answer_us(plan_, tokens);
      const double us = model.answer_us(plan_, tokens);
      report_.add(what, {{"requests", plan_.requests},
                         {"promptTokens", plan_.request_tokens},
                         {"answerTokens", plan_.answer_tokens},
                         {"s", us / 1e6},
                         {"tokensPerSec", plan_.requests * plan_.answer_tokens / us * 1e6}});
    }
    return batch1_us;
  }

 private:
  // Rows and tokens of a step for which the card has memory; none when the weights do not fit.
  std::pair<int, int> sizes_that_fit(const ModelSpec& spec, const std::string& form, const Work& work) const {
    const double element = form == "BF16" ? 2 : form == "INT8" ? 1.01 : 0.53;
    const double head_element = form == "BF16" ? 2 : 1.01;
    const double weights =
        work.layer_weights * element + work.head_weights * head_element * (spec.tensors.lm_head ? 2 : 1);
    const double free = 0.9 * static_cast<double>(gpu::card_info(0).free_bytes);
    const int longest_prompt = plan_.prompts.empty() ? 0 : std::ranges::max(plan_.prompts);
    constexpr int kLeastTokens = 32;
    for (int rows = std::ranges::max(plan_.batches); rows >= 1; rows /= 2) {
      for (int tokens = std::max({longest_prompt, rows, kLeastTokens});
           tokens >= std::max(rows, kLeastTokens); tokens /= 2) {
        const double kv = work.kv_bytes_per_token * Model::kBlockTokens * Model::blocks(plan_, rows, tokens);
        const double activations = 2.0 * tokens * (8.0 * spec.hidden_size + 4.0 * spec.ffn_size);
        const double logits = 8.0 * rows * spec.vocab_size;
        if (weights + kv + activations + logits <= free) return {rows, tokens};
      }
    }
    return {0, 0};
  }

  double decode(Model& model, const Work& work, const std::string& what, int batch, double read_bytes,
                const std::string& form) {
    std::vector<double> steps_us = model.decode(batch, plan_.context, plan_.steps, plan_.case_s);
    const double gap_us = median(model.card().take_gaps_us()), us = median(steps_us);
    // The context grows while it is measured.
    const double context = plan_.context + static_cast<double>(steps_us.size()) / 2;
    const double bytes = read_bytes + batch * context * work.kv_bytes_per_token;
    const double operations = work.decode_operations(batch, context);
    const double limit_us =
        std::max(bytes / ceilings_.bytes_per_us, operations / ceilings_.operations_per_us);
    report_.add(what, {{"stepMs", us / 1e3},
                       {"tokensPerSec", batch * 1e6 / us},
                       {"GBps", bytes / us / 1e3},
                       {"TFLOPps", operations / us / 1e6},
                       {"ofLimit", limit_us / us},
                       {"hostGapUs", gap_us}});
    if (form != "BF16") return us;
    using enum Report::Better;
    if (batch == 1) {
      const double weights_us = read_bytes / ceilings_.bytes_per_us;
      report_.target(what, "ms a step", kLess, us / 1e3, weights_us / 0.75 / 1e3, weights_us / 1e3);
      report_.target(what + ", host gap", "us", kLess, gap_us, 30, 0);
    } else if (batch >= 64) {
      report_.target(what, "ms a step", kLess, us / 1e3, limit_us / 0.6 / 1e3, limit_us / 1e3);
    }
    return us;
  }

  void prefill(Model& model, const Work& work, const std::string& what, int tokens, const std::string& form) {
    std::vector<double> us;
    for (int run = 0; run < 4; ++run) {
      const double run_us = model.prefill_us(tokens);
      if (run > 0) us.push_back(run_us);
    }
    const double best_us = median(us), operations = work.prefill_operations(tokens);
    report_.add(what, {{"ms", best_us / 1e3},
                       {"tokensPerSec", tokens * 1e6 / best_us},
                       {"TFLOPps", operations / best_us / 1e6},
                       {"ofMatrixRate", operations / best_us / ceilings_.operations_per_us}});
    if (form == "BF16" && tokens >= 8192) {
      const double limit_us = operations / ceilings_.operations_per_us;
      report_.target(what, "ms", Report::Better::kLess, best_us / 1e3, limit_us / 0.55 / 1e3, limit_us / 1e3);
    }
  }

  Report& report_;
  const StepPlan& plan_;
  const Ceilings& ceilings_;
  const Budget& budget_;
};

// Unless it is there.
void make_checkpoint(Report& report, const std::string& shape, const ModelSpec& spec,
                     const std::filesystem::path& from, const std::filesystem::path& to) {
  if (std::filesystem::exists(to / "model.safetensors")) return;
  const auto start = Clock::now();
  test::write_random_checkpoint(spec, to, host_threads());
  for (const char* name : {"config.json", "spec.json"})
    std::filesystem::copy_file(from / name, to / name, std::filesystem::copy_options::overwrite_existing);
  report.add(shape + " checkpoint written", {{"s", us_since(start) / 1e6}});
}

}  // namespace

void measure_steps(Report& report, const StepPlan& plan, const Ceilings& ceilings, const Budget& budget,
                   const std::filesystem::path& shapes, const std::filesystem::path& scratch) {
  Steps steps(report, plan, ceilings, budget);
  std::map<std::string, double> bf16_us;
  // Every shape in the first form before any in the second: time may run out.
  for (const std::string& form : plan.forms) {
    for (const std::string& shape : plan.shapes) {
      const std::string what = shape + " " + form;
      if (!budget.has(plan.load_s, what, report)) continue;
      try {
        const ModelSpec spec = read_spec(shapes / shape / "spec.json");
        make_checkpoint(report, shape, spec, shapes / shape, scratch / shape);
        const double us = steps.measure(shape, spec, scratch / shape, form, bf16_us[shape]);
        if (form == "BF16") bf16_us[shape] = us;
      } catch (const Error& error) {
        if (error.code() == "ERR_DEVICE_LOST") throw;
        report.left_out(what, error.what());
      }
    }
  }
}

}  // namespace millrace::bench
