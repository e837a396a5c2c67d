#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cpu/isa.hpp"
#include "runtime/device.hpp"

namespace millrace {

// How a model wants its devices.
struct DeviceOptions {
  std::optional<Isa> isa;  // of a CPU; nothing: the best
  bool deterministic = false;
  DType activations = DType::kF32;  // of a card; a CPU computes in F32
  std::string nccl = "auto";        // of cards that split layers: auto, off, or its path
};

// All devices of this machine, those that cannot be used with the reason.
std::vector<DeviceInfo> list_devices();

// "cpu:N" or "cuda:N". Throws ERR_DEVICE_UNAVAILABLE.
std::shared_ptr<Device> open_device(const std::string& name, const DeviceOptions& options);

}  // namespace millrace
