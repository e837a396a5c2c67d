#include "binding/devices.hpp"

#include <charconv>

#include "core/error.hpp"
#include "cpu/registry.hpp"
#include "plugin/plugin_loader.hpp"

namespace millrace {
namespace {

// N of "cuda:N".
std::optional<int> card_of(std::string_view name) {
  constexpr std::string_view kPrefix = "cuda:";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  int card = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), card);
  if (error != std::errc() || end != name.data() + name.size() || card < 0) return std::nullopt;
  return card;
}

}  // namespace

std::vector<DeviceInfo> list_devices() {
  std::vector<DeviceInfo> devices = Registry::instance().list();
  for (DeviceInfo& card : CudaPlugin::instance().list()) devices.push_back(std::move(card));
  return devices;
}

std::shared_ptr<Device> open_device(const std::string& name, const DeviceOptions& options) {
  const std::optional<int> card = card_of(name);
  if (!card) return Registry::instance().device(name, options.isa, options.deterministic);
  const CudaPlugin& plugin = CudaPlugin::instance();
  if (plugin.get() == nullptr) {
    throw Error("ERR_DEVICE_UNAVAILABLE", "there is no device " + name + " here: " + plugin.reason() + ".");
  }
  return plugin.get()->open(*card, options.activations, Registry::instance().threads(),
                            {.allowed = options.nccl != "off",
                             .nccl = options.nccl == "auto" || options.nccl == "off" ? "" : options.nccl,
                             .deterministic = options.deterministic});
}

}  // namespace millrace
