#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/device_abi.h"
#include "runtime/device.hpp"

namespace millrace {

// Cards that were lost: no device of theirs can be used any more in this process.
class LostCards {
 public:
  void add(int card, const std::string& reason);
  // Empty when the card was not lost.
  [[nodiscard]] std::string reason(int card) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<int, std::string>> lost_;
};

// How devices of a plugin sum among themselves.
struct GroupOptions {
  bool allowed = true;         // else by way of the host
  std::string nccl = {};       // path of the library or its folder; empty: where the system finds it
  bool deterministic = false;  // a sum of more than two, whose order NCCL chooses by its size, is the host's
  int patience_ms = 60000;     // for a card to come to a sum, and for a sum to end
};

// A plugin that brings devices "cuda:N", by its table. Any thread may use it.
class Plugin {
 public:
  // Throws ERR_DEVICE_UNAVAILABLE when the table is of another version than this code.
  explicit Plugin(const MillraceDeviceTable* table);

  // Every card, with the reason when it cannot be used. Without any: one entry "cuda" with the reason.
  [[nodiscard]] std::vector<DeviceInfo> list() const;
  // Card `card`, which computes in `activations`: F32, BF16 or F16. Throws ERR_DEVICE_UNAVAILABLE.
  [[nodiscard]] std::shared_ptr<Device> open(int card, DType activations, int threads,
                                             const GroupOptions& groups = {}) const;

 private:
  [[nodiscard]] DeviceInfo describe(int card) const;

  const MillraceDeviceTable* table_;
  std::shared_ptr<LostCards> lost_ = std::make_shared<LostCards>();
};

}  // namespace millrace
