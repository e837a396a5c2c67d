#include "runtime/slot_state.hpp"

#include <algorithm>
#include <utility>

namespace millrace {

void MaskExchange::put(std::vector<std::int32_t> mask) {
  {
    const std::lock_guard lock(mutex_);
    mask_ = std::move(mask);
  }
  ready_.notify_one();
}

std::optional<std::vector<std::int32_t>> MaskExchange::take(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  ready_.wait_until(lock, deadline, [this] { return closed_ || mask_.has_value(); });
  if (closed_) return std::nullopt;
  return std::exchange(mask_, std::nullopt);
}

void MaskExchange::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  ready_.notify_one();
}

bool SlotState::accept(std::int32_t token, bool& stopped) {
  last_token = token;
  ++sampled;
  if (params.has_penalties()) counts.add_output(token);
  stopped =
      std::find(stop.stop_token_ids.begin(), stop.stop_token_ids.end(), token) != stop.stop_token_ids.end();
  finished = stopped || sampled >= stop.max_tokens;
  return finished;
}

}  // namespace millrace
