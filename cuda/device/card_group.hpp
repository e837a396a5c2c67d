#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/dtype.hpp"
#include "device/card_memory.hpp"
#include "libraries/nccl.hpp"
#include "platform/runtime.hpp"
#include "plugin/device_abi.h"

namespace millrace::gpu {

class CardDevice;

// Cards that sum among themselves, by NCCL: a sum is queued on each member's stream, and the host waits for
// none. Each member is driven by a thread of its own.
//
// No call of NCCL is made before all members have come to the sum, so that no card waits for a thread of the
// host: one that fails before has the others told. What is left to go wrong (a card that is lost, an error of
// NCCL's, a sum that does not end) is seen by a thread that looks at what is queued now and then. It aborts
// the communicators, and with them the kernels that wait for each other; the group is of no use then, and its
// members' steps fail.
class CardGroup {
 public:
  struct Options {
    std::string library;                 // as Nccl::load has it
    std::chrono::milliseconds patience;  // for a member to come, and for a sum to end
  };

  // Sums once to see that it works. Null when the members cannot sum this way, and `reason` says why.
  static std::unique_ptr<CardGroup> open(std::span<CardDevice* const> members, const Options& options,
                                         std::string& reason);
  // Waits for what is queued.
  ~CardGroup();
  CardGroup(const CardGroup&) = delete;
  CardGroup& operator=(const CardGroup&) = delete;

  // On the member's thread. Throws GpuError::kLost when the group has failed.
  void all_reduce(int member, const MillraceTensor& mine);
  // Any thread may say it.
  void fail(const std::string& reason);
  // Throws GpuError::kLost when the group has failed: what was summed means nothing.
  void check() const;
  [[nodiscard]] std::string name() const { return "NCCL " + nccl_.version_text(); }

 private:
  using Clock = std::chrono::steady_clock;

  CardGroup(const Nccl& nccl, std::span<CardDevice* const> members, const Options& options);
  // Makes the communicators. Throws GpuError.
  void connect();
  // Empty, or why it does not sum. By the calling thread for all members, as are those that it calls.
  [[nodiscard]] std::string try_out();
  void bring_values(std::int64_t count, std::vector<CardMemory>& memory);
  void sum_by_one_thread(std::int64_t count, const std::vector<CardMemory>& memory);
  [[nodiscard]] bool are_sums(std::int64_t count, const std::vector<CardMemory>& memory);

  void meet(int member);
  void queue_sum(int member, void* data, std::int64_t count);
  void note_use();
  // Of the thread that looks.
  void watch();
  void look();
  void abort();

  const Nccl& nccl_;
  const std::vector<CardDevice*> members_;
  const DType activations_;
  const std::chrono::milliseconds patience_;
  std::vector<nccl::Communicator> communicators_;  // of each member

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string failure_;
  bool stopping_ = false;
  std::atomic<bool> failed_ = false;
  std::atomic<bool> idle_ = true;        // nothing is queued that the last look had not seen done
  std::atomic<std::uint64_t> uses_ = 0;  // sums queued
  std::atomic<Clock::rep> last_use_ = 0;
  std::atomic<std::uint32_t> arrived_ = 0, round_ = 0;  // of meet()
  std::atomic<int> inside_ = 0;                         // threads in a call of NCCL
  std::thread watch_;
};

}  // namespace millrace::gpu
