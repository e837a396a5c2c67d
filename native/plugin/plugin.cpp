#include "plugin/plugin.hpp"

#include "core/error.hpp"
#include "plugin/plugin_device.hpp"

namespace millrace {
namespace {

std::string card_name(int card) {
  return "cuda:" + std::to_string(card);
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

void LostCards::add(int card, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  for (const auto& [known, why] : lost_) {
    if (known == card) return;
  }
  lost_.emplace_back(card, reason);
}

std::string LostCards::reason(int card) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [known, why] : lost_) {
    if (known == card) return why;
  }
  return "";
}

Plugin::Plugin(const MillraceDeviceTable* table) : table_(table) {
  if (table->abi == MILLRACE_DEVICE_ABI && table->table_bytes == sizeof(MillraceDeviceTable)) return;
  throw Error("ERR_DEVICE_UNAVAILABLE", "the CUDA plugin has interface version " +
                                            std::to_string(table->abi) + "; this version of millrace needs " +
                                            std::to_string(MILLRACE_DEVICE_ABI) +
                                            ". Build it again: npm run build:cuda");
}

DeviceInfo Plugin::describe(int card) const {
  DeviceInfo info;
  info.name = card_name(card);
  info.description = "NVIDIA GPU";
  MillraceCard found{};
  MillraceError error{};
  if (table_->describe_card(card, &found, &error) != 0) info.reason = error.message;
  if (found.name[0] == 0) return info;
  info.description = found.name;
  info.memory_bytes = found.total_bytes;
  info.free_bytes = found.free_bytes;
  info.compute_capability = std::to_string(found.major) + "." + std::to_string(found.minor);
  info.driver = version_text(found.driver_version);
  info.products = found.products;
  // The kernels use instructions that came with 8.0: copies past the registers, BF16 matrices.
  if (found.major < 8) info.reason = "compute capability 8.0 or newer is needed";
  if (const std::string lost = lost_->reason(card); !lost.empty()) info.reason = lost;
  return info;
}

std::vector<DeviceInfo> Plugin::list() const {
  std::int32_t count = 0;
  MillraceError error{};
  table_->count_cards(&count, &error);
  std::vector<DeviceInfo> cards;
  for (int card = 0; card < count; ++card) cards.push_back(describe(card));
  if (!cards.empty()) return cards;
  DeviceInfo none;
  none.name = "cuda";
  none.description = "NVIDIA GPUs";
  none.reason = error.message[0] != 0 ? error.message : "no card was found";
  return {none};
}

std::shared_ptr<Device> Plugin::open(int card, DType activations, int threads,
                                     const GroupOptions& groups) const {
  std::int32_t count = 0;
  MillraceError error{};
  table_->count_cards(&count, &error);
  if (card >= count) {
    throw Error("ERR_DEVICE_UNAVAILABLE", "there is no device " + card_name(card) + " here: " +
                                              (count == 0 ? std::string(error.message) + "."
                                                          : "the last one is " + card_name(count - 1) + "."));
  }
  const DeviceInfo info = describe(card);
  if (!info.reason.empty())
    throw Error("ERR_DEVICE_UNAVAILABLE", info.name + " cannot be used: " + info.reason + ".");
  return std::make_shared<PluginDevice>(table_, info, card, activations, threads, groups, lost_);
}

}  // namespace millrace
