// A device that does what another does, until it is told to fail.
#pragma once
#include <atomic>

#include "core/error.hpp"
#include "support/forwarding_device.hpp"

namespace millrace::test {

class UnreliableDevice final : public ForwardingDevice {
 public:
  using ForwardingDevice::ForwardingDevice;

  // The next step that begins ends with ERR_TEST_DEVICE.
  void fail_next_norm() { fails_ = true; }
  // Copies to the host fail after so many; below 0, none does.
  void fail_copies_out_after(int count) { copies_left_ = count; }

  void norm(const NormArgs& args) override {
    if (fails_.exchange(false)) throw Error("ERR_TEST_DEVICE", "The device was told to fail.");
    ForwardingDevice::norm(args);
  }
  void copy_out(const KvLayer& kv, HostLayer host, std::span<const BlockCopy> copies) override {
    if (copies_left_ == 0) throw Error("ERR_TEST_DEVICE", "The device was told to fail.");
    if (copies_left_ > 0) --copies_left_;
    ForwardingDevice::copy_out(kv, host, copies);
  }

 private:
  std::atomic<bool> fails_ = false;
  std::atomic<int> copies_left_ = -1;
};

}  // namespace millrace::test
