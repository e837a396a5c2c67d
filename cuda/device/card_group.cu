#include "device/card_group.hpp"

#include <cstring>
#include <utility>

#include "core/dtype.hpp"
#include "device/card_device.hpp"
#include "device/card_memory.hpp"
#include "platform/float_types.hpp"

namespace millrace::gpu {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBetweenLooks{100};
// What an aborted call may take to come back.
constexpr milliseconds kUntilOut{2000};

int type_of(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return nccl::kF16;
    case DType::kBF16:
      return nccl::kBF16;
    default:
      return nccl::kF32;
  }
}

// Whole numbers, so that their sum over some cards is exact in every type: those of member m at i.
float value_at(std::int64_t i, int member) {
  return static_cast<float>(i % 7 - 3 + member);
}

// An element of the activations' type.
void write_value(DType dtype, float value, std::byte* at) {
  if (dtype == DType::kBF16) {
    const auto rounded = from_float<bf16>(value);
    std::memcpy(at, &rounded, sizeof rounded);
  } else if (dtype == DType::kF16) {
    const auto rounded = from_float<f16>(value);
    std::memcpy(at, &rounded, sizeof rounded);
  } else {
    std::memcpy(at, &value, sizeof value);
  }
}

float read_value(DType dtype, const std::byte* at) {
  if (dtype == DType::kBF16) {
    bf16 value{};
    std::memcpy(&value, at, sizeof value);
    return to_float(value);
  }
  if (dtype == DType::kF16) {
    f16 value{};
    std::memcpy(&value, at, sizeof value);
    return to_float(value);
  }
  float value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

}  // namespace

std::unique_ptr<CardGroup> CardGroup::open(std::span<CardDevice* const> members, const Options& options,
                                           std::string& reason) {
#if !defined(__CUDACC__)
  // An NCCL that happens to be installed knows nothing of emulated streams.
  if (options.library.empty()) {
    reason = "emulated cards have an NCCL only when its path is given";
    return nullptr;
  }
#endif
  const Nccl* nccl = Nccl::load(options.library, reason);
  if (nccl == nullptr) return nullptr;
  std::unique_ptr<CardGroup> group(new CardGroup(*nccl, members, options));
  try {
    group->connect();
    reason = group->try_out();
  } catch (const GpuError& error) {
    if (error.kind() == GpuError::Kind::kLost && !group->failed_) throw;
    reason = error.what();
  }
  return reason.empty() ? std::move(group) : nullptr;
}

CardGroup::CardGroup(const Nccl& nccl, std::span<CardDevice* const> members, const Options& options)
    : nccl_(nccl),
      members_(members.begin(), members.end()),
      activations_(members.front()->activations()),
      patience_(options.patience) {}

CardGroup::~CardGroup() {
  for (CardDevice* member : members_) {
    try {
      if (failed_) break;
      use_card(member->card());
      member->stream().synchronize();
    } catch (const GpuError& error) {
      fail(error.what());
    }
  }
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (watch_.joinable()) watch_.join();
  for (CardDevice* member : members_) member->leave();
  if (failed_) return;  // the communicators were aborted
  for (nccl::Communicator communicator : communicators_) (void)nccl_.destroy(communicator);
}

void CardGroup::connect() {
  std::vector<int> cards;
  for (const CardDevice* member : members_) cards.push_back(member->card());
  std::vector<nccl::Communicator> made(cards.size());
  const nccl::Result result = nccl_.init_all(made.data(), static_cast<int>(cards.size()), cards.data());
  if (result != 0) throw GpuError(GpuError::Kind::kOther, nccl_.describe(result));
  communicators_ = std::move(made);
  for (CardDevice* member : members_) member->join(this);
  watch_ = std::thread([this] { watch(); });
}

// Small and large sums, since NCCL connects the ways that it takes for a size when it first takes them.
std::string CardGroup::try_out() {
  for (const std::int64_t count : {std::int64_t{1} << 8, std::int64_t{1} << 16, std::int64_t{1} << 20}) {
    std::vector<CardMemory> memory;
    bring_values(count, memory);
    sum_by_one_thread(count, memory);
    if (!are_sums(count, memory)) return "a sum over the cards came out wrong";
  }
  return "";
}

void CardGroup::bring_values(std::int64_t count, std::vector<CardMemory>& memory) {
  std::vector<std::byte> values(static_cast<std::size_t>(storage_bytes(activations_, count)));
  for (std::size_t m = 0; m < members_.size(); ++m) {
    members_[m]->enter();
    memory.emplace_back(static_cast<std::int64_t>(values.size()));
    for (std::int64_t i = 0; i < count; ++i)
      write_value(activations_, value_at(i, static_cast<int>(m)),
                  values.data() + storage_bytes(activations_, i));
    Stream& stream = members_[m]->stream();
    stream.copy_to_device(memory.back().data(), values.data(), static_cast<std::int64_t>(values.size()));
    stream.synchronize();
  }
}

void CardGroup::sum_by_one_thread(std::int64_t count, const std::vector<CardMemory>& memory) {
  note_use();
  nccl::Result result = nccl_.group_start();
  for (std::size_t m = 0; m < members_.size() && result == 0; ++m) {
    result = nccl_.all_reduce(memory[m].data(), memory[m].data(), static_cast<std::size_t>(count),
                              type_of(activations_), nccl::kSum, communicators_[m],
                              members_[m]->stream().native());
  }
  const nccl::Result ended = nccl_.group_end();
  if (result == 0) result = ended;
  if (result != 0) fail(nccl_.describe(result));
  check();
}

bool CardGroup::are_sums(std::int64_t count, const std::vector<CardMemory>& memory) {
  std::vector<std::byte> sums(static_cast<std::size_t>(storage_bytes(activations_, count)));
  for (std::size_t m = 0; m < members_.size(); ++m) {
    members_[m]->enter();
    Stream& stream = members_[m]->stream();
    stream.copy_to_host(sums.data(), memory[m].data(), static_cast<std::int64_t>(sums.size()));
    stream.synchronize();
    check();
    for (std::int64_t i = 0; i < count; ++i) {
      float right = 0;
      for (std::size_t other = 0; other < members_.size(); ++other)
        right += value_at(i, static_cast<int>(other));
      if (read_value(activations_, sums.data() + storage_bytes(activations_, i)) != right) return false;
    }
  }
  return true;
}

void CardGroup::all_reduce(int number, const MillraceTensor& mine) {
  CardDevice& member = *members_[static_cast<std::size_t>(number)];
  try {
    member.enter();
  } catch (const GpuError& error) {
    fail("cuda:" + std::to_string(member.card()) + ": " + error.what());
    throw;
  }
  if (mine.rows > 1 && mine.stride != mine.cols)
    fail("the rows of a sum must lie behind each other");  // an error of ours
  meet(number);
  queue_sum(number, mine.data, static_cast<std::int64_t>(mine.rows) * mine.cols);
}

void CardGroup::check() const {
  if (!failed_) return;
  const std::lock_guard lock(mutex_);
  throw GpuError(GpuError::Kind::kLost, failure_);
}

void CardGroup::fail(const std::string& reason) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    failure_ = reason;
    failed_ = true;
  }
  changed_.notify_all();
}

// Returns when all members have called it, or throws: a short spin, since they queue the same amount, then
// sleep.
void CardGroup::meet(int member) {
  const std::uint32_t round = round_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_.size()) {
    arrived_.store(0, std::memory_order_relaxed);
    {
      const std::lock_guard lock(mutex_);
      round_.fetch_add(1, std::memory_order_release);
    }
    changed_.notify_all();
    return check();
  }
  const auto have_met = [&] { return round_.load(std::memory_order_acquire) != round || failed_; };
  const auto give_up = Clock::now() + std::chrono::microseconds(50);
  while (!have_met() && Clock::now() < give_up) {
  }
  if (!have_met()) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience_, have_met)) {
      lock.unlock();
      fail("cuda:" + std::to_string(members_[static_cast<std::size_t>(member)]->card()) + " waited " +
           std::to_string(patience_.count()) + " ms for the other cards of its layers");
    }
  }
  check();
}

void CardGroup::queue_sum(int number, void* data, std::int64_t count) {
  const auto at = static_cast<std::size_t>(number);
  CardDevice& member = *members_[at];
  note_use();
  nccl::Result result = 0;
  ++inside_;
  if (!failed_) {
    result = nccl_.all_reduce(data, data, static_cast<std::size_t>(count), type_of(activations_), nccl::kSum,
                              communicators_[at], member.stream().native());
  }
  --inside_;
  if (result != 0) fail("cuda:" + std::to_string(member.card()) + ": " + nccl_.describe(result));
  check();
}

void CardGroup::note_use() {
  last_use_ = Clock::now().time_since_epoch().count();
  ++uses_;
  if (!idle_) return;
  {
    const std::lock_guard lock(mutex_);
    idle_ = false;
  }
  changed_.notify_all();
}

void CardGroup::watch() {
  {
    std::unique_lock lock(mutex_);
    while (!failed_) {
      changed_.wait(lock, [this] { return stopping_ || failed_ || !idle_; });
      if (failed_) break;
      if (stopping_) return;
      if (changed_.wait_for(lock, kBetweenLooks, [this] { return stopping_ || failed_; })) continue;
      lock.unlock();
      look();
      lock.lock();
    }
  }
  abort();
}

void CardGroup::look() {
  const std::uint64_t uses = uses_;
  bool all_done = true;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const std::string name = "cuda:" + std::to_string(members_[m]->card()) + ": ";
    nccl::Result of_card = 0;
    nccl::Result result = nccl_.async_error(communicators_[m], &of_card);
    if (result == 0 && of_card != nccl::kInProgress) result = of_card;
    if (result != 0) return fail(name + nccl_.describe(result));
    try {
      use_card(members_[m]->card());
      all_done = members_[m]->stream().is_done() && all_done;
    } catch (const GpuError& error) {
      return fail(name + error.what());
    }
  }
  if (all_done) {
    idle_ = true;
    if (uses_ != uses) idle_ = false;  // one more came meanwhile, and may have seen that it was not idle
    return;
  }
  const auto age = Clock::now() - Clock::time_point(Clock::duration(last_use_));
  if (age > patience_) fail("a sum over cards has not ended in " + std::to_string(patience_.count()) + " ms");
}

// NCCL gives communicators of one process back when the last of them has been aborted. So the last one waits
// for threads that are still in a call: they come back because of the others.
void CardGroup::abort() {
  if (communicators_.empty()) return;
  for (std::size_t m = 0; m + 1 < communicators_.size(); ++m) (void)nccl_.abort(communicators_[m]);
  const auto give_up = Clock::now() + kUntilOut;
  while (inside_ != 0 && Clock::now() < give_up) std::this_thread::sleep_for(milliseconds(1));
  (void)nccl_.abort(communicators_.back());
}

}  // namespace millrace::gpu
