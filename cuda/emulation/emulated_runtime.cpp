// The driver, emulated: "the cards" are this process's memory. Work waits in its stream until somebody
// synchronizes, so that what is read too early has not been done yet.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <set>
#include <sstream>
#include <vector>

#include "emulation/card_pages.hpp"
#include "emulation/emulated_card.hpp"
#include "emulation/emulated_stream.hpp"
#include "emulation/grid.hpp"
#include "platform/runtime.hpp"

namespace millrace::gpu {
namespace {

using Work = std::function<void()>;

struct Machine {
  EmulatedCard cards[kMostEmulatedCards];
  std::atomic<int> count = 0;
  const char* failure = std::getenv("MILLRACE_EMULATED_FAILURE");
  // Others may still copy from it, which is no error of theirs.
  std::vector<std::shared_ptr<void>> of_lost_cards;

  Machine() {
    const char* listed = std::getenv("MILLRACE_EMULATED_CARDS");
    std::istringstream sizes(listed == nullptr ? "1024" : listed);
    std::string mebibytes;
    while (count < kMostEmulatedCards && std::getline(sizes, mebibytes, ','))
      cards[count++].total_bytes = std::stoll(mebibytes) << 20;
  }
};

Machine& machine() {
  static Machine instance;
  return instance;
}

// Of what the calling thread does.
thread_local int current_card = 0;

EmulatedCard& card() {
  return machine().cards[current_card];
}

void check_that_it_lives(EmulatedCard& emulated) {
  const char* const failure = machine().failure;
  if (failure != nullptr && access(failure, F_OK) == 0) emulated.is_lost = true;
  if (emulated.is_lost) throw GpuError(GpuError::Kind::kLost, "running: an emulated card that is lost");
}

// Where memory lies: a card, or -1 for the host's.
int card_of(const void* memory) {
  Machine& all = machine();
  for (int i = 0; i < kMostEmulatedCards; ++i) {
    for (const auto& [start, bytes] : all.cards[i].allocations) {
      const auto* first = static_cast<const std::byte*>(start);
      if (memory >= first && memory < first + bytes) return i;
    }
  }
  return -1;
}

}  // namespace

EmulatedCard& emulated_card(int index) {
  return machine().cards[index];
}

std::atomic<int>& emulated_card_count() {
  return machine().count;
}

// Held while a card works: a thread that waits for one stream does the work of others that this one waits
// for.
std::recursive_mutex& card_at_work() {
  static std::recursive_mutex mutex;
  return mutex;
}

// Work of a stream that is not done yet. Others that wait for it may outlive the stream.
class Queue {
 public:
  explicit Queue(EmulatedCard& of_card) : of_card_(of_card) {
    const std::lock_guard at_work(card_at_work());
    all().insert(this);
  }
  ~Queue() {
    const std::lock_guard at_work(card_at_work());
    all().erase(this);
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Returns the position of what was queued last.
  std::uint64_t add(Work work) {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    return begun_ + work_.size();
  }

  [[nodiscard]] std::uint64_t end() const {
    const std::lock_guard lock(mutex_);
    return begun_ + work_.size();
  }

  [[nodiscard]] bool is_done() const {
    const std::lock_guard lock(mutex_);
    return work_.empty() && running_ == 0;
  }

  void run_until(std::uint64_t position) {
    const std::lock_guard at_work(card_at_work());
    if (of_card_.is_lost) drop();
    while (const Work next = take_before(position)) {
      const Running running{*this};
      next();
    }
  }

  // The work of all streams of a card.
  static void drop_all(const EmulatedCard& of_card) {
    for (Queue* queue : all()) {
      if (&queue->of_card_ == &of_card) queue->drop();
    }
  }

 private:
  static std::set<Queue*>& all() {
    static auto& instance = *new std::set<Queue*>;
    return instance;
  }

  void drop() {
    const std::lock_guard lock(mutex_);
    begun_ += work_.size();
    work_.clear();
  }

  Work take_before(std::uint64_t position) {
    const std::lock_guard lock(mutex_);
    if (begun_ >= position || work_.empty()) return {};
    Work next = std::move(work_.front());
    work_.pop_front();
    ++begun_;
    ++running_;
    return next;
  }

  struct Running {
    Queue& queue;
    ~Running() {
      const std::lock_guard lock(queue.mutex_);
      --queue.running_;
    }
  };

  EmulatedCard& of_card_;
  mutable std::mutex mutex_;
  std::deque<Work> work_;
  std::uint64_t begun_ = 0;  // pieces
  int running_ = 0;
};

struct Event::State {
  std::weak_ptr<Queue> queue;  // empty: passed, or never recorded
  std::uint64_t position = 0;
};

struct Graph::State {
  std::vector<Work> work;
};

struct Stream::State final : EmulatedStream {
  EmulatedCard& of_card = card();
  std::shared_ptr<Queue> queue = std::make_shared<Queue>(of_card);
  bool capturing = false;
  std::vector<Work> captured;

  std::uint64_t add(Work work) override {
    if (!capturing) return queue->add(std::move(work));
    captured.push_back(std::move(work));
    return 0;
  }
  void run_until(std::uint64_t position) override { queue->run_until(position); }
};

int card_count(std::string& reason) {
  reason.clear();
  return emulated_card_count();
}

CardInfo card_info(int index) {
  if (index < 0 || index >= emulated_card_count())
    throw GpuError(GpuError::Kind::kOther, "there is no such emulated card");
  const EmulatedCard& emulated = emulated_card(index);
  return {"emulated", 8, 0, 4, 13000, emulated.total_bytes, emulated.total_bytes - emulated.used_bytes};
}

void use_card(int index) {
  current_card = index;
}

void allow_access(int /*card*/, int /*other*/) {}

void* allocate(std::int64_t bytes) {
  const std::lock_guard lock(card_at_work());
  EmulatedCard& emulated = card();
  if (bytes > emulated.total_bytes - emulated.used_bytes) {
    throw GpuError(GpuError::Kind::kOutOfMemory, "taking " + std::to_string((bytes >> 20) + 1) +
                                                     " MiB of the card's memory: out of memory");
  }
  void* memory = emulation::allocate_pages(bytes);
  emulated.used_bytes += bytes;
  emulated.allocations[memory] = bytes;
  return memory;
}

void release(void* memory) {
  if (memory == nullptr) return;
  const std::lock_guard lock(card_at_work());
  for (EmulatedCard& emulated : machine().cards) {
    const auto found = emulated.allocations.find(memory);
    if (found == emulated.allocations.end()) continue;
    emulated.used_bytes -= found->second;
    emulated.allocations.erase(found);
    if (!emulated.is_lost) return emulation::release_pages(memory);
    machine().of_lost_cards.emplace_back(memory, emulation::release_pages);
    return;
  }
}

void seal(void* memory) {
  if (memory == nullptr) return;
  const std::lock_guard lock(card_at_work());
  emulation::seal_pages(memory);
}

void* allocate_pinned(std::int64_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, 256, static_cast<std::size_t>(bytes)) != 0) throw std::bad_alloc();
  return memory;
}

void release_pinned(void* memory) {
  std::free(memory);
}

Event::Event(bool /*timed*/) : state_(std::make_unique<State>()) {}
Event::~Event() = default;

double Event::elapsed_ms(const Event&, const Event&) {
  throw GpuError(GpuError::Kind::kOther, "the emulation has no clock");
}

Graph::Graph(std::unique_ptr<State> state) : state_(std::move(state)) {}
Graph::~Graph() = default;
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;

Stream::Stream(bool /*urgent*/) : state_(std::make_unique<State>()) {}
Stream::~Stream() = default;

void* Stream::native() const {
  return static_cast<EmulatedStream*>(state_.get());
}

bool Stream::starts_early() const {
  return true;
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

void Stream::copy_from_card(void* to, int to_card, const void* from, int from_card, std::int64_t bytes) {
  if (card_of(to) != to_card || card_of(from) != from_card)
    throw GpuError(GpuError::Kind::kOther, "copying: memory of another card than is said");
  ++state_->of_card.copies_from_others;
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
  event.state() = {state_->queue, state_->queue->end()};
}

void Stream::wait(const Event& event) {
  const Event::State at = event.state();
  if (at.queue.lock() == state_->queue) return;
  state_->add([at] {
    if (const auto queue = at.queue.lock()) queue->run_until(at.position);
  });
}

bool Stream::is_done() {
  check_that_it_lives(state_->of_card);
  return state_->queue->is_done();
}

void Stream::synchronize() {
  if (state_->capturing)
    throw GpuError(GpuError::Kind::kOther, "running: a stream that is captured cannot be waited for");
  EmulatedCard& emulated = state_->of_card;
  ++emulated.synchronizations;
  const std::lock_guard lock(card_at_work());
  if (emulated.fail_next.exchange(false)) {
    Queue::drop_all(emulated);
    throw GpuError(GpuError::Kind::kLost, "running: an emulated failure of the card");
  }
  check_that_it_lives(emulated);
  state_->queue->run_until(state_->queue->end());
}

void Stream::begin_capture() {
  state_->capturing = true;
  state_->captured.clear();
}

Graph Stream::end_capture() {
  state_->capturing = false;
  if (card().refuse_captures) {
    state_->captured.clear();
    throw GpuError(GpuError::Kind::kOther, "instantiating a graph: an emulated refusal");
  }
  auto graph = std::make_unique<Graph::State>();
  graph->work = std::move(state_->captured);
  ++state_->of_card.captures;
  return Graph(std::move(graph));
}

void Stream::drop_capture() {
  state_->capturing = false;
  state_->captured.clear();
}

void Stream::replay(const Graph& graph) {
  ++state_->of_card.replays;
  for (const Work& work : graph.state().work) state_->add(work);
}

namespace detail {

void queue(Stream& stream, std::function<void()> work) {
  ++stream.state().of_card.launches;
  stream.state().add(std::move(work));
}

void run_kernel(Grid grid, unsigned threads, std::size_t shared_bytes, bool early,
                const std::function<void()>& thread) {
  emulation::run_grid({grid.x, grid.y, grid.z}, {threads, 1, 1}, shared_bytes, early, thread);
}

}  // namespace detail
}  // namespace millrace::gpu
