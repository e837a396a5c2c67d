// The driver, emulated: "the card" is this process's memory. Work waits in its stream until somebody
// synchronizes, so that what is read too early has not been done yet.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <vector>

#include "emulation/emulated_card.hpp"
#include "platform/runtime.hpp"

namespace millrace::gpu {
namespace {

constexpr int kPoison = 0xFF;

using Work = std::function<void()>;

// Aligned as a card does it, and no byte longer than asked: AddressSanitizer sees what is used beyond.
void* aligned_memory(std::int64_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, 256, static_cast<std::size_t>(bytes)) != 0) throw std::bad_alloc();
  return memory;
}

EmulatedCard& card() {
  static EmulatedCard instance;
  return instance;
}

}  // namespace

EmulatedCard& emulated_card() {
  return card();
}

// Held while the card works, or its queues change: a thread that waits for one stream does the work of others
// that this one waits for.
std::recursive_mutex& card_at_work() {
  static std::recursive_mutex mutex;
  return mutex;
}

// Work of a stream that is not done yet. Others that wait for it may outlive the stream.
struct Queue {
  std::deque<Work> work;
  std::uint64_t done = 0;  // pieces

  void run_until(std::uint64_t position) {
    const std::lock_guard lock(card_at_work());
    while (done < position && !work.empty()) {
      const Work next = std::move(work.front());
      work.pop_front();
      ++done;
      next();
    }
  }
};

struct Event::State {
  std::weak_ptr<Queue> queue;  // empty: passed, or never recorded
  std::uint64_t position = 0;
};

struct Graph::State {
  std::vector<Work> work;
};

struct Stream::State {
  std::shared_ptr<Queue> queue = std::make_shared<Queue>();
  bool capturing = false;
  std::vector<Work> captured;

  void add(Work work) {
    if (capturing) {
      captured.push_back(std::move(work));
    } else {
      const std::lock_guard lock(card_at_work());
      queue->work.push_back(std::move(work));
    }
  }
};

int card_count(std::string& reason) {
  reason.clear();
  return 1;
}

CardInfo card_info(int index) {
  if (index != 0) throw GpuError(GpuError::Kind::kOther, "there is one emulated card");
  const EmulatedCard& emulated = card();
  return {"emulated", 8, 0, 4, 13000, emulated.total_bytes, emulated.total_bytes - emulated.used_bytes};
}

void use_card(int) {}

void* allocate(std::int64_t bytes) {
  EmulatedCard& emulated = card();
  if (bytes > emulated.total_bytes - emulated.used_bytes)
    throw GpuError(GpuError::Kind::kOutOfMemory, "allocating memory of the card: out of memory");
  void* memory = aligned_memory(bytes);
  std::memset(memory, kPoison, static_cast<std::size_t>(bytes));
  emulated.used_bytes += bytes;
  emulated.allocations[memory] = bytes;
  return memory;
}

void release(void* memory) {
  if (memory == nullptr) return;
  EmulatedCard& emulated = card();
  const auto found = emulated.allocations.find(memory);
  emulated.used_bytes -= found->second;
  emulated.allocations.erase(found);
  std::free(memory);
}

void* allocate_pinned(std::int64_t bytes) {
  return aligned_memory(bytes);
}

void release_pinned(void* memory) {
  std::free(memory);
}

Event::Event() : state_(std::make_unique<State>()) {}
Event::~Event() = default;

double Event::elapsed_ms(const Event&, const Event&) {
  throw GpuError(GpuError::Kind::kOther, "the emulation has no clock");
}

Graph::Graph(std::unique_ptr<State> state) : state_(std::move(state)) {}
Graph::~Graph() = default;
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;

Stream::Stream() : state_(std::make_unique<State>()) {}
Stream::~Stream() = default;

void* Stream::native() const {
  return nullptr;
}

void Stream::copy_to_device(void* to, const void* from, std::int64_t bytes) {
  copy_on_device(to, from, bytes);
}

void Stream::copy_to_host(void* to, const void* from, std::int64_t bytes) {
  copy_on_device(to, from, bytes);
}

void Stream::copy_on_device(void* to, const void* from, std::int64_t bytes) {
  state_->add([=] { std::memcpy(to, from, static_cast<std::size_t>(bytes)); });
}

void Stream::copy_rows(void* to, std::int64_t to_stride, const void* from, std::int64_t from_stride,
                       std::int64_t bytes, std::int64_t rows) {
  state_->add([=] {
    for (std::int64_t row = 0; row < rows; ++row) {
      std::memcpy(static_cast<std::byte*>(to) + row * to_stride,
                  static_cast<const std::byte*>(from) + row * from_stride, static_cast<std::size_t>(bytes));
    }
  });
}

void Stream::fill(void* memory, int byte, std::int64_t bytes) {
  state_->add([=] { std::memset(memory, byte, static_cast<std::size_t>(bytes)); });
}

void Stream::record(Event& event) {
  const std::lock_guard lock(card_at_work());
  event.state() = {state_->queue, state_->queue->done + state_->queue->work.size()};
}

void Stream::wait(const Event& event) {
  const Event::State at = event.state();
  if (at.queue.lock() == state_->queue) return;
  state_->add([at] {
    if (const auto queue = at.queue.lock()) queue->run_until(at.position);
  });
}

void Stream::synchronize() {
  if (state_->capturing)
    throw GpuError(GpuError::Kind::kOther, "running: a stream that is captured cannot be waited for");
  ++card().synchronizations;
  const std::lock_guard lock(card_at_work());
  if (card().fail_next.exchange(false)) {
    state_->queue->work.clear();
    throw GpuError(GpuError::Kind::kLost, "running: an emulated failure of the card");
  }
  state_->queue->run_until(state_->queue->done + state_->queue->work.size());
}

void Stream::begin_capture() {
  state_->capturing = true;
  state_->captured.clear();
}

Graph Stream::end_capture() {
  state_->capturing = false;
  auto graph = std::make_unique<Graph::State>();
  graph->work = std::move(state_->captured);
  ++card().captures;
  return Graph(std::move(graph));
}

void Stream::drop_capture() {
  state_->capturing = false;
  state_->captured.clear();
}

void Stream::replay(const Graph& graph) {
  ++card().replays;
  for (const Work& work : graph.state().work) state_->add(work);
}

namespace detail {

void queue(Stream& stream, std::function<void()> work) {
  ++card().launches;
  stream.state().add(std::move(work));
}

void run_kernel(Grid grid, unsigned threads, std::size_t shared_bytes, const std::function<void()>& thread) {
  emulation::run_grid({grid.x, grid.y, grid.z}, {threads, 1, 1}, shared_bytes, thread);
}

}  // namespace detail
}  // namespace millrace::gpu
