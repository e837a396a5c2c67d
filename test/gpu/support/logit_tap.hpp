#pragma once
#include <cstring>
#include <vector>

#include "support/forwarding_device.hpp"

namespace millrace::test {

// Notes every logit that is computed on a device, in the order of the tokens they follow, and how often it
// repeated work instead of queueing it again.
class LogitTap final : public ForwardingDevice {
 public:
  using ForwardingDevice::ForwardingDevice;

  // (rows, vocab) since the last call; the device has been synchronized.
  [[nodiscard]] std::vector<float> take() { return std::exchange(logits_, {}); }
  [[nodiscard]] int replays() const { return replays_; }

  void repeat(std::uint64_t key, const std::function<void()>& record) override {
    bool recorded = false;
    inside().repeat(key, [&] {
      recorded = true;
      record();
    });
    if (!recorded) ++replays_;
  }
  void sample(Tensor logits, std::span<const SampleRow> rows, std::span<SampleResult> results) override {
    note(logits);
    inside().sample(logits, rows, results);
  }
  void log_probs(Tensor logits, std::span<const std::int32_t> targets, int top, float* logprobs,
                 std::int32_t* top_ids, float* top_logprobs, int top_stride) override {
    note(logits);
    inside().log_probs(logits, targets, top, logprobs, top_ids, top_logprobs, top_stride);
  }

 private:
  void note(const Tensor& logits) {
    const auto cols = static_cast<std::size_t>(logits.cols);
    const std::size_t at = logits_.size();
    logits_.resize(at + static_cast<std::size_t>(logits.rows) * cols);
    for (int row = 0; row < logits.rows; ++row) {
      inside().copy_to_host(logits_.data() + at + static_cast<std::size_t>(row) * cols,
                            static_cast<const float*>(logits.data) + row * logits.stride,
                            static_cast<std::int64_t>(cols * sizeof(float)));
    }
    // The rows of the next call may move what they are written to.
    inside().synchronize();
  }

  std::vector<float> logits_;
  int replays_ = 0;
};

}  // namespace millrace::test
