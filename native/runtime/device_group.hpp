#pragma once
#include <memory>
#include <span>
#include <string>

#include "runtime/device.hpp"

namespace millrace {

// Devices that sum among themselves, without the host.
class DeviceGroup {
 public:
  virtual ~DeviceGroup() = default;
  // For people: "NCCL 2.18.3".
  [[nodiscard]] virtual std::string name() const = 0;
  // Queues the sum of the members' tensors, in the type of their activations, into each of them. Each member
  // calls it on the thread that drives it. A member that fails has the others fail too, and none waits for
  // it.
  virtual void all_reduce(int member, Tensor mine) = 0;
};

// What a device is besides, whose kind may have groups.
class GroupingDevice {
 public:
  virtual ~GroupingDevice() = default;
  // A group of these devices, this one first. Null when they cannot have one, and `reason` says why. Throws
  // Error when one was asked for in a way that cannot be.
  virtual std::unique_ptr<DeviceGroup> try_group(std::span<Device* const> members, std::string& reason) = 0;
};

}  // namespace millrace
