#include "emulation/grid.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>
#include <string>

#include "emulation/stack_notes.hpp"
#include "kernel_fixture.hpp"
#include "platform/block.hpp"

namespace millrace::test {
namespace {

struct Shared {
  float values[64];
};

// Every thread writes its value; each reads its neighbour's. Without the barrier, one that ran first reads
// what the memory held at first.
template <bool kWithBarrier>
void rotate(float* out) {
  Shared& shared = gpu::block_shared<Shared>();
  shared.values[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (kWithBarrier) __syncthreads();
  out[threadIdx.x] = shared.values[(threadIdx.x + 1) % 64];
}

bool is_rotated(const std::vector<float>& values) {
  for (std::size_t i = 0; i < 64; ++i) {
    if (!(values[i] == static_cast<float>((i + 1) % 64))) return false;
  }
  return true;
}

// Every thread reads its neighbour's value, then writes another in its own place. Without the second barrier,
// a warp that is ahead has written already.
template <bool kWithBarrier>
void read_and_write(float* out) {
  Shared& shared = gpu::block_shared<Shared>();
  shared.values[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = shared.values[(threadIdx.x + 1) % 64];
  if (kWithBarrier) __syncthreads();
  shared.values[threadIdx.x] = gpu::warp_sum(-1.0F);
}

int orders_with_right_results(void (*kernel)(float*)) {
  int right = 0;
  in_every_order([&] {
    const CardArray<float> out(64);
    gpu::Stream stream;
    gpu::launch(stream, kernel, {}, 64, sizeof(Shared), out.data());
    stream.synchronize();
    right += is_rotated(out.values()) ? 1 : 0;
  });
  return right;
}

void wait_for_nothing(float* out) {
  out[threadIdx.x] += 1;
  __syncthreads();
  out[threadIdx.x] += 1;
}

struct CopyShared {
  alignas(16) float values[4 * 64];
};

void copy_rotated(const float* from, float* to) {
  CopyShared& shared = gpu::block_shared<CopyShared>();
  gpu::copy_async_16(&shared.values[4 * threadIdx.x], &from[4 * threadIdx.x]);
  gpu::commit_async();
  gpu::wait_async<0>();
  __syncthreads();
  for (unsigned i = 0; i < 4; ++i) to[4 * threadIdx.x + i] = shared.values[(4 * threadIdx.x + 4 + i) % 256];
}

#if defined(MILLRACE_ADDRESS_SANITIZER)
void read_beyond_shared(float* out) {
  const float* values = gpu::block_shared<Shared>().values;
  out[threadIdx.x] = values[threadIdx.x + 1];
}

void read_beyond_array(float* out) {
  out[threadIdx.x] = out[threadIdx.x + 1];
}

bool ends_the_process(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    body();
    _exit(0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && status != 0;
}
#endif

// Adds a weight to what the kernel before wrote.
void add_weight(float* x, const float* weight) {
  gpu::let_next_kernel_start();
  const float own = weight[threadIdx.x];
  gpu::wait_for_previous_kernel();
  x[threadIdx.x] += own;
}

void add_without_waiting(float*, const float* weight) {
  (void)gpu::load_streamed(reinterpret_cast<const gpu::Vec<float, 4>*>(weight));
}

void wait_in_some_threads(float* x, const float* weight) {
  if (threadIdx.x >= 32) return;
  gpu::wait_for_previous_kernel();
  x[threadIdx.x] += weight[threadIdx.x];
}

void read_too_early(float* x, const float* weight) {
  const float sum = x[threadIdx.x] + weight[threadIdx.x];
  gpu::wait_for_previous_kernel();
  x[threadIdx.x] = sum;
}

void write_too_early(float* x, const float* weight) {
  x[threadIdx.x] = weight[threadIdx.x];
  gpu::wait_for_previous_kernel();
}

// The copy is not done before it is waited for, but it may be.
void copy_too_early(float* x, const float* weight) {
  CopyShared& shared = gpu::block_shared<CopyShared>();
  gpu::copy_async_16(&shared.values[4 * threadIdx.x], x);
  gpu::commit_async();
  gpu::wait_for_previous_kernel();
  gpu::wait_async<0>();
  x[threadIdx.x] = shared.values[4 * threadIdx.x] + weight[threadIdx.x];
}

void meet_before_and_behind_the_wait(float*, const float*) {
  if (threadIdx.x < 32) gpu::wait_for_previous_kernel();
  __syncthreads();
  if (threadIdx.x >= 32) gpu::wait_for_previous_kernel();
}

void write_weight(float*, const float* weight) {
  gpu::wait_for_previous_kernel();
  const_cast<float*>(weight)[threadIdx.x] = 1;
}

void read_behind(float* x, const float*) {
  gpu::wait_for_previous_kernel();
  x[threadIdx.x] = x[threadIdx.x + 1];
}

void read_before(float* x, const float*) {
  gpu::wait_for_previous_kernel();
  x[threadIdx.x] = x[static_cast<int>(threadIdx.x) - 1024];
}

void part_at_barrier() {
  if (threadIdx.x < 32) __syncthreads();
  if (threadIdx.x == 40) __shfl_sync(gpu::kFullWarp, 1, 0);
}

void different_lanes() {
  if (threadIdx.x == 3) {
    __syncwarp();
  } else {
    __shfl_xor_sync(gpu::kFullWarp, 1, 1);
  }
}

void too_much_shared() {
  gpu::block_shared<Shared>().values[0] = 1;
}

void sum_up(int* out) {
  const int sum = gpu::warp_sum(static_cast<int>(threadIdx.x));
  out[threadIdx.x] = sum;
}

// What is said of two launches of the kernel, each to start early; "" when the results are right.
std::string complaint_of_early(void (*kernel)(float*, const float*)) {
  const std::vector<float> values(64, 1.0F);
  const CardArray<float> x{std::span<const float>(values)};
  CardArray<float> weight{std::span<const float>(values)};
  weight.seal();
  gpu::Stream stream;
  for (int i = 0; i < 2; ++i)
    gpu::launch_early(stream, kernel, {}, 64, sizeof(CopyShared), x.data(), weight.data());
  try {
    stream.synchronize();
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return x.values() == std::vector<float>(64, 3.0F) ? "" : "wrong results";
}

template <typename Kernel, typename... Args>
void run(Kernel kernel, unsigned threads, Args... args) {
  gpu::Stream stream;
  gpu::launch(stream, kernel, {}, threads, 0, args...);
  stream.synchronize();
}

template <typename Kernel>
std::string complaint_of(Kernel kernel, unsigned threads) {
  try {
    run(kernel, threads);
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST("a barrier lets every thread of a block see what the others wrote") {
  CHECK_EQ(orders_with_right_results(rotate<true>), 3);
  CHECK_EQ(orders_with_right_results(read_and_write<true>), 3);
}

TEST("a missing barrier gives a wrong result in some order of the threads") {
  CHECK(orders_with_right_results(rotate<false>) < 3);
}

TEST("a missing barrier before memory is used again gives a wrong result in some order of the threads") {
  CHECK(orders_with_right_results(read_and_write<false>) < 3);
}

TEST("leaving out a barrier gives other results, and a redundant one is found") {
  const auto rotated = [] {
    const CardArray<float> out(64);
    gpu::Stream stream;
    gpu::launch(stream, rotate<true>, {}, 64, sizeof(Shared), out.data());
    gpu::launch(stream, wait_for_nothing, {}, 64, 0, out.data());
    stream.synchronize();
    return bytes_of(out.values());
  };
  check_every_barrier_matters(rotated, {"wait_for_nothing 1"});
}

TEST("leaving out a wait for copies gives other results") {
  check_every_barrier_matters([] {
    auto rng = make_rng(901);
    const auto values = random_values(rng, 4 * 64);
    const CardArray<float> from{std::span<const float>(values)}, to(4 * 64);
    gpu::Stream stream;
    gpu::launch(stream, copy_rotated, {}, 64, sizeof(CopyShared), from.data(), to.data());
    stream.synchronize();
    return bytes_of(to.values());
  });
}

TEST("lanes of a warp exchange values") {
  const CardArray<int> out(64);
  run(sum_up, 64, out.data());
  CHECK_EQ(out.values()[5], 31 * 32 / 2);
  CHECK_EQ(out.values()[40], 31 * 32 / 2 + 32 * 32);
}

TEST("threads of a block that wait for each other in vain are an error") {
  CHECK_CONTAINS(complaint_of(part_at_barrier, 64), "wait in vain");
}

TEST("lanes that meet in different operations are an error") {
  CHECK_CONTAINS(complaint_of(different_lanes, 32), "meet in different operations");
}

TEST("AddressSanitizer sees what a kernel reads beyond its shared memory, or beyond an array of the card") {
#if defined(MILLRACE_ADDRESS_SANITIZER)
  for (const auto kernel : {read_beyond_shared, read_beyond_array}) {
    CHECK(ends_the_process([&] {
      const CardArray<float> array(64);
      gpu::Stream stream;
      gpu::launch(stream, kernel, {}, 64, sizeof(Shared), array.data());
      stream.synchronize();
    }));
  }
#else
  SKIP("needs AddressSanitizer");
#endif
}

TEST("a kernel that starts early reads weights, waits, and has what the kernel before it wrote") {
  in_every_order([] { CHECK_EQ(complaint_of_early(add_weight), ""); });
}

TEST("a kernel that starts early and does not wait in every thread is an error") {
  CHECK_CONTAINS(complaint_of_early(add_without_waiting), "without having waited");
  CHECK_CONTAINS(complaint_of_early(wait_in_some_threads), "without having waited");
  CHECK_CONTAINS(complaint_of_early(meet_before_and_behind_the_wait),
                 "wait in vain: 32 for the kernel before");
}

TEST("a kernel that starts early needs its wait") {
  check_every_barrier_matters([] {
    const std::vector<float> values(64, 1.0F);
    const CardArray<float> x{std::span<const float>(values)};
    CardArray<float> weight{std::span<const float>(values)};
    weight.seal();
    gpu::Stream stream;
    gpu::launch_early(stream, add_weight, {}, 64, 0, x.data(), weight.data());
    stream.synchronize();
    return bytes_of(x.values());
  });
}

#if defined(MILLRACE_ADDRESS_SANITIZER) || defined(MILLRACE_THREAD_SANITIZER)
#define SKIP_WITHOUT_PAGES() SKIP("needs protected pages, which sanitizers do without")
#else
#define SKIP_WITHOUT_PAGES() (void)0
#endif

TEST("a kernel that starts early and touches what is not sealed before it waits is an error") {
  SKIP_WITHOUT_PAGES();
  in_every_order([] {
    CHECK_CONTAINS(complaint_of_early(read_too_early), "of an array of 256, before it has waited");
    CHECK_CONTAINS(complaint_of_early(write_too_early), "of an array of 256, before it has waited");
    CHECK_CONTAINS(complaint_of_early(copy_too_early), "byte 0 of an array of 256, before it has waited");
  });
}

TEST("a kernel that writes to a weight is an error") {
  SKIP_WITHOUT_PAGES();
  CHECK_CONTAINS(complaint_of_early(write_weight), "byte 0 of an array of 256, which is sealed");
}

TEST("a kernel that reads behind or before an array of the card is an error") {
  SKIP_WITHOUT_PAGES();
  CHECK_EQ(complaint_of_early(read_behind), "a kernel touches 0 bytes behind an array of 256");
  CHECK_EQ(complaint_of_early(read_before), "a kernel touches 4096 bytes before an array of 256");
  // After an error the emulation goes on.
  CHECK_EQ(complaint_of_early(add_weight), "");
}

TEST("more shared memory than the launch gave is an error") {
  CHECK_CONTAINS(complaint_of(too_much_shared, 32), "its launch gave 0");
}

}  // namespace millrace::test
