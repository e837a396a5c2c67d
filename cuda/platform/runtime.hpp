// What the device's code asks of the driver: memory, streams, events, graphs and launches. Two
// implementations: platform/cuda_runtime.cu on the CUDA runtime, emulation/emulated_runtime.cpp without.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "platform/names.hpp"

namespace millrace::gpu {

class GpuError : public std::runtime_error {
 public:
  enum class Kind : std::uint8_t {
    kOutOfMemory,
    kLost,  // the card or its context cannot be used any more by this process
    kOther
  };
  GpuError(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  [[nodiscard]] Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

struct CardInfo {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  int driver_version = 0;  // 12040 = 12.4
  std::int64_t total_bytes = 0, free_bytes = 0;
  std::string reason = {};  // why this build has no code for it; empty where it has
};

// How many cards there are; with 0, `reason` says why.
int card_count(std::string& reason);
CardInfo card_info(int card);  // throws GpuError
// The card of what the calling thread does from now on.
void use_card(int card);
// From now on copies from `other`'s memory to `card`'s go from card to card where the driver can; else they
// go by way of the host's.
void allow_access(int card, int other);

void* allocate(std::int64_t bytes);  // throws GpuError::kOutOfMemory
void release(void* memory);
// From now on nobody writes to this memory, until it is released: kernels may read it before they have waited
// for the kernels before them. Whatever wrote it has ended. The emulation holds all to it.
void seal(void* memory);
void* allocate_pinned(std::int64_t bytes);
void release_pinned(void* memory);

struct Grid {
  unsigned x = 1, y = 1, z = 1;
};

// Marks a point of a stream, for others to wait for; faster when it is not `timed`.
class Event {
 public:
  explicit Event(bool timed = true);
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  struct State;
  [[nodiscard]] State& state() const { return *state_; }
  // Between two recorded events that have passed. Throws GpuError where timing is not there (emulated).
  [[nodiscard]] static double elapsed_ms(const Event& from, const Event& to);

 private:
  std::unique_ptr<State> state_;
};

// Work of a stream, kept to be done again.
class Graph {
 public:
  struct State;
  explicit Graph(std::unique_ptr<State> state);
  ~Graph();
  Graph(Graph&&) noexcept;
  Graph& operator=(Graph&&) noexcept;
  [[nodiscard]] State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// Work in order on one card. Errors of work come out of a later call, as GpuError.
class Stream {
 public:
  // Of the thread's card. Blocks of an `urgent` one begin before those of others that wait.
  explicit Stream(bool urgent = false);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Host memory of these is pinned, or the call may wait.
  void copy_to_device(void* to, const void* from, std::int64_t bytes);
  void copy_to_host(void* to, const void* from, std::int64_t bytes);
  void copy_on_device(void* to, const void* from, std::int64_t bytes);
  void copy_from_card(void* to, int to_card, const void* from, int from_card, std::int64_t bytes);
  // Rows of `bytes`, `to_stride` and `from_stride` bytes apart; between host and device in either direction.
  void copy_rows(void* to, std::int64_t to_stride, const void* from, std::int64_t from_stride,
                 std::int64_t bytes, std::int64_t rows);
  void fill(void* memory, int byte, std::int64_t bytes);

  void record(Event& event);
  void wait(const Event& event);
  void synchronize();
  // Whether all that was queued is done. Any thread may ask.
  [[nodiscard]] bool is_done();

  // Between the two, work is noted and not done.
  void begin_capture();
  [[nodiscard]] Graph end_capture();
  // Ends a capture whose recording failed.
  void drop_capture();
  void replay(const Graph& graph);

  struct State;
  [[nodiscard]] State& state() const { return *state_; }
  // The cudaStream_t, for libraries; where emulated, an EmulatedStream.
  [[nodiscard]] void* native() const;
  // Whether launch_early() starts kernels early here.
  [[nodiscard]] bool starts_early() const;

 private:
  std::unique_ptr<State> state_;
};

#if defined(__CUDACC__)

namespace detail {
void check_launch();
// Tells the driver, where it must be told, that the kernel uses more shared memory than every card gives
// unasked.
void allow_shared_bytes(const void* kernel, std::size_t bytes);
void launch_early(Stream& stream, const void* kernel, Grid grid, unsigned threads, std::size_t shared_bytes,
                  void** params);
}  // namespace detail

// Queues the kernel. Its parameters are taken by value. It starts when everything before it has ended.
template <typename... Params, typename... Args>
void launch(Stream& stream, void (*kernel)(Params...), Grid grid, unsigned threads, std::size_t shared_bytes,
            Args&&... args) {
  detail::allow_shared_bytes(reinterpret_cast<const void*>(kernel), shared_bytes);
  kernel<<<dim3(grid.x, grid.y, grid.z), threads, shared_bytes, static_cast<cudaStream_t>(stream.native())>>>(
      static_cast<Params>(std::forward<Args>(args))...);
  detail::check_launch();
}

// Queues a kernel that may start as soon as the kernel before it lets it (let_next_kernel_start() in
// platform/block.hpp), on cards that can do that: it calls wait_for_previous_kernel(). After a copy, a fill
// or an event it starts as any other.
template <typename... Params, typename... Args>
void launch_early(Stream& stream, void (*kernel)(Params...), Grid grid, unsigned threads,
                  std::size_t shared_bytes, Args&&... args) {
  if (!stream.starts_early())
    return launch(stream, kernel, grid, threads, shared_bytes, std::forward<Args>(args)...);
  detail::allow_shared_bytes(reinterpret_cast<const void*>(kernel), shared_bytes);
  std::tuple<Params...> values(static_cast<Params>(std::forward<Args>(args))...);
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {&value...};
        detail::launch_early(stream, reinterpret_cast<const void*>(kernel), grid, threads, shared_bytes,
                             pointers);
      },
      values);
}

#else

namespace detail {
void queue(Stream& stream, std::function<void()> work);
void run_kernel(Grid grid, unsigned threads, std::size_t shared_bytes, bool early,
                const std::function<void()>& thread);

template <typename... Params, typename... Args>
void queue_kernel(Stream& stream, void (*kernel)(Params...), Grid grid, unsigned threads,
                  std::size_t shared_bytes, bool early, Args&&... args) {
  std::tuple<Params...> values(static_cast<Params>(std::forward<Args>(args))...);
  queue(stream, [=] { run_kernel(grid, threads, shared_bytes, early, [&] { std::apply(kernel, values); }); });
}
}  // namespace detail

template <typename... Params, typename... Args>
void launch(Stream& stream, void (*kernel)(Params...), Grid grid, unsigned threads, std::size_t shared_bytes,
            Args&&... args) {
  detail::queue_kernel(stream, kernel, grid, threads, shared_bytes, false, std::forward<Args>(args)...);
}

template <typename... Params, typename... Args>
void launch_early(Stream& stream, void (*kernel)(Params...), Grid grid, unsigned threads,
                  std::size_t shared_bytes, Args&&... args) {
  detail::queue_kernel(stream, kernel, grid, threads, shared_bytes, true, std::forward<Args>(args)...);
}

#endif

}  // namespace millrace::gpu
