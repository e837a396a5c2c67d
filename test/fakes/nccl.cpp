// A library with NCCL's names that sums on the CPU, over emulated cards, for tests. fake_nccl_go_wrong() says
// what it does wrong from then on.
#include "libraries/nccl_abi.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "emulation/emulated_stream.hpp"
#include "platform/float_types.hpp"

namespace {

using namespace millrace::gpu;
using namespace millrace::gpu::nccl;

constexpr Result kInternal = 3, kInvalidUsage = 5, kRemote = 6;

std::atomic<int> open_communicators = 0, aborts = 0, sums = 0;

std::string& fault() {
  static std::string how;
  return how;
}

std::mutex& fault_mutex() {
  static std::mutex mutex;
  return mutex;
}

bool goes_wrong(const char* how) {
  const std::lock_guard lock(fault_mutex());
  return fault() == how;
}

// One member's part of a sum, in the order in which it was queued.
struct Part {
  void* data;
  std::size_t count;
  int type;
  EmulatedStream* stream;
  std::uint64_t position = 0;
  bool queued = false, reached = false;
};

struct Member {
  std::deque<Part> parts;
  bool aborted = false;
};

// Communicators that were made together.
struct Clique {
  explicit Clique(std::size_t count) : members(count) {}
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Member> members;
  std::size_t summed = 0;
};

struct FakeCommunicator {
  std::shared_ptr<Clique> clique;
  std::size_t rank;
};

float element(const void* data, int type, std::size_t i) {
  if (type == kBF16) return to_float(static_cast<const bf16*>(data)[i]);
  if (type == kF16) return to_float(static_cast<const f16*>(data)[i]);
  return static_cast<const float*>(data)[i];
}

void store(void* data, int type, std::size_t i, float value) {
  if (type == kBF16) {
    static_cast<bf16*>(data)[i] = from_float<bf16>(value);
  } else if (type == kF16) {
    static_cast<f16*>(data)[i] = from_float<f16>(value);
  } else {
    static_cast<float*>(data)[i] = value;
  }
}

// As a ring does it: rounded after each addition, and beginning with another member for each part of the
// data.
void sum(Clique& clique, std::size_t number) {
  const Part first = clique.members[0].parts[number];
  const std::size_t members = clique.members.size();
  for (std::size_t i = 0; i < first.count; ++i) {
    const std::size_t start = i * members / first.count;
    float total = 0;
    for (std::size_t m = 0; m < members; ++m) {
      const Part& part = clique.members[(start + m) % members].parts[number];
      total = m == 0 ? element(part.data, part.type, i) : total + element(part.data, part.type, i);
      store(part.data, part.type, i, total);
      total = element(part.data, part.type, i);
    }
    if (goes_wrong("sum")) total += 1;
    for (std::size_t m = 0; m < members; ++m) {
      const Part& part = clique.members[m].parts[number];
      store(part.data, part.type, i, total);
    }
  }
  ++clique.summed;
  ++sums;
}

// The "kernel": waits for the same sum on all other streams, unless its communicator is aborted.
void run(Clique& clique, std::size_t rank, std::size_t number) {
  std::unique_lock lock(clique.mutex);
  Member& mine = clique.members[rank];
  const auto wait = [&](const auto& until) {
    clique.changed.wait(lock, [&] { return mine.aborted || until(); });
    return !mine.aborted;
  };
  mine.parts[number].reached = true;
  clique.changed.notify_all();
  for (Member& other : clique.members) {
    if (!wait([&] { return other.parts.size() > number && other.parts[number].queued; })) return;
    const Part part = other.parts[number];
    if (!part.reached) {
      lock.unlock();
      part.stream->run_until(part.position);
      lock.lock();
    }
    if (!wait([&] { return other.parts[number].reached; })) return;
  }
  if ((goes_wrong("stall") || goes_wrong("async")) && !wait([] { return false; })) return;
  if (clique.summed <= number) sum(clique, number);
}

thread_local int depth = 0;
thread_local std::vector<std::function<void()>> grouped;

void end(Communicator communicator, bool aborted) {
  auto* const fake = static_cast<FakeCommunicator*>(communicator);
  {
    const std::lock_guard lock(fake->clique->mutex);
    fake->clique->members[fake->rank].aborted = aborted;
  }
  fake->clique->changed.notify_all();
  delete fake;
  --open_communicators;
}

}  // namespace

extern "C" {

#define FAKE __attribute__((visibility("default")))

FAKE void fake_nccl_go_wrong(const char* how) {
  const std::lock_guard lock(fault_mutex());
  fault() = how;
}

// Communicators that were made and neither destroyed nor aborted.
FAKE int fake_nccl_leaks() {
  return open_communicators;
}

FAKE int fake_nccl_aborts() {
  return aborts;
}

FAKE int fake_nccl_sums() {
  return sums;
}

FAKE Result ncclGetVersion(int* version) {
  *version = goes_wrong("version") ? 20805 : 22304;
  return 0;
}

FAKE const char* ncclGetErrorString(Result result) {
  return result == kRemote ? "a remote error" : result == kInvalidUsage ? "invalid usage" : "internal error";
}

FAKE const char* ncclGetLastError(Communicator) {
  return "by the fake";
}

FAKE Result ncclCommInitAll(Communicator* communicators, int count, const int* cards) {
  if (std::set<int>(cards, cards + count).size() != static_cast<std::size_t>(count)) return kInvalidUsage;
  if (goes_wrong("init")) return kInternal;
  const auto clique = std::make_shared<Clique>(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    communicators[i] = new FakeCommunicator{clique, static_cast<std::size_t>(i)};
  open_communicators += count;
  return 0;
}

FAKE Result ncclCommDestroy(Communicator communicator) {
  end(communicator, false);
  return 0;
}

FAKE Result ncclCommAbort(Communicator communicator) {
  ++aborts;
  end(communicator, true);
  return 0;
}

FAKE Result ncclCommGetAsyncError(Communicator, Result* of_card) {
  *of_card = goes_wrong("async") ? kRemote : 0;
  return 0;
}

FAKE Result ncclGroupStart() {
  ++depth;
  return 0;
}

FAKE Result ncclGroupEnd() {
  if (--depth > 0) return 0;
  for (const auto& call : grouped) call();
  grouped.clear();
  return 0;
}

FAKE Result ncclAllReduce(const void* from, void* to, std::size_t count, int type, int operation,
                          Communicator communicator, void* stream) {
  if (from != to || operation != kSum || goes_wrong("all_reduce")) return kInternal;
  auto* const fake = static_cast<FakeCommunicator*>(communicator);
  const auto clique = fake->clique;
  const std::size_t rank = fake->rank;
  Member& mine = clique->members[rank];
  if (goes_wrong("block")) {
    std::unique_lock lock(clique->mutex);
    clique->changed.wait(lock, [&] { return mine.aborted; });
    return kInternal;
  }
  const auto queue = [=, &mine] {
    auto* const emulated = static_cast<EmulatedStream*>(stream);
    std::size_t number = 0;
    {
      const std::lock_guard lock(clique->mutex);
      number = mine.parts.size();
      mine.parts.push_back({to, count, type, emulated});
    }
    const std::uint64_t position = emulated->add([clique, rank, number] { run(*clique, rank, number); });
    {
      const std::lock_guard lock(clique->mutex);
      mine.parts[number].position = position;
      mine.parts[number].queued = true;
    }
    clique->changed.notify_all();
  };
  if (depth > 0) {
    grouped.emplace_back(queue);
  } else {
    queue();
  }
  return 0;
}

}  // extern "C"
