#include <cuda.h>
#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "platform/built_for.hpp"
#include "platform/runtime.hpp"

namespace millrace::gpu {
namespace {

// What this file, and so every kernel, was compiled for.
#if defined(__CUDA_ARCH_LIST__)
constexpr int kBuiltFor[] = {__CUDA_ARCH_LIST__};
#else
constexpr int kBuiltFor[] = {0};
#endif

// Errors after which every later call fails too. Those that are not listed here are told by the next call.
bool is_lost(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return false;
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorHardwareStackError:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorDevicesUnavailable:
    case cudaErrorUnknown:
      return true;
    default: {
      std::size_t free_bytes = 0, total_bytes = 0;
      const cudaError_t next = cudaMemGetInfo(&free_bytes, &total_bytes);
      (void)cudaGetLastError();
      return next != cudaSuccess;
    }
  }
}

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  (void)cudaGetLastError();  // a later call is not to report this one again
  const auto kind = error == cudaErrorMemoryAllocation ? GpuError::Kind::kOutOfMemory
                    : is_lost(error)                   ? GpuError::Kind::kLost
                                                       : GpuError::Kind::kOther;
  throw GpuError(kind,
                 std::string(what) + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ")");
}

void check_memory(cudaError_t error, std::int64_t bytes, const char* where) {
  if (error == cudaSuccess) return;
  check(error, ("taking " + std::to_string((bytes >> 20) + 1) + " MiB of " + where).c_str());
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// The driver's own functions, of the library that the runtime has loaded.
template <typename Function>
Function* driver_function(const char* name) {
  static void* const library = dlopen("libcuda.so.1", RTLD_LAZY);
  return library == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(library, name));
}

// Asks in a context of its own, unless the process has one there: a context takes hundreds of MiB, and on a
// card that nobody chose it is not to stay. The memory is what is free beside a context either way.
cudaError_t memory_of(int card, std::size_t& free_bytes, std::size_t& total_bytes) {
  auto* const retain = driver_function<CUresult(CUcontext*, CUdevice)>("cuDevicePrimaryCtxRetain");
  auto* const release = driver_function<CUresult(CUdevice)>("cuDevicePrimaryCtxRelease_v2");
  auto* const push = driver_function<CUresult(CUcontext)>("cuCtxPushCurrent_v2");
  auto* const pop = driver_function<CUresult(CUcontext*)>("cuCtxPopCurrent_v2");
  auto* const info = driver_function<CUresult(std::size_t*, std::size_t*)>("cuMemGetInfo_v2");
  if (retain == nullptr || release == nullptr || push == nullptr || pop == nullptr || info == nullptr)
    return cudaErrorInsufficientDriver;
  CUcontext context = nullptr;
  CUresult result = retain(&context, card);  // cards have the numbers that they have for the runtime
  if (result != CUDA_SUCCESS) return static_cast<cudaError_t>(result);
  result = push(context);
  if (result == CUDA_SUCCESS) {
    result = info(&free_bytes, &total_bytes);
    (void)pop(&context);
  }
  (void)release(card);
  return static_cast<cudaError_t>(result);  // the numbers are the same
}

}  // namespace

struct Event::State {
  cudaEvent_t event = nullptr;
};

struct Graph::State {
  cudaGraphExec_t graph = nullptr;
};

struct Stream::State {
  cudaStream_t stream = nullptr;
  bool starts_early = false;
};

namespace {

__global__ void do_nothing() {}

cudaError_t queue_early(cudaStream_t stream, const void* kernel, dim3 grid, unsigned threads,
                        std::size_t shared_bytes, void** params) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelExC(&config, kernel, params);
}

// Kernels with and without it are recorded, and the graph is run.
bool records_early_launches(cudaStream_t stream) {
  const auto* kernel = reinterpret_cast<const void*>(do_nothing);
  const auto queue_both = [&] {
    const cudaError_t error = cudaLaunchKernel(kernel, dim3(1), dim3(32), nullptr, 0, stream);
    return error != cudaSuccess ? error : queue_early(stream, kernel, dim3(1), 32, 0, nullptr);
  };
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t ready = nullptr;
  bool works = queue_both() == cudaSuccess &&
               cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess;
  if (works) {
    works = queue_both() == cudaSuccess;
    works = cudaStreamEndCapture(stream, &graph) == cudaSuccess && works;
  }
  works = works && cudaGraphInstantiate(&ready, graph, 0) == cudaSuccess &&
          cudaGraphLaunch(ready, stream) == cudaSuccess;
  works = cudaStreamSynchronize(stream) == cudaSuccess && works;
  if (ready != nullptr) (void)cudaGraphExecDestroy(ready);
  if (graph != nullptr) (void)cudaGraphDestroy(graph);
  (void)cudaGetLastError();
  return works;
}

// Cards have it from 9.0 on, and graphs from the driver of CUDA 12.3 on. It is tried, because not every
// driver can do it on every card.
bool can_start_early(cudaStream_t stream) {
  const char* wish = std::getenv("MILLRACE_CUDA_EARLY_LAUNCH");
  if (wish != nullptr && std::strcmp(wish, "0") == 0) return false;
  constexpr int kCardMajor = 9, kDriver = 12030;
  int card = 0, major = 0, driver = 0;
  check(cudaGetDevice(&card), "reading the thread's card");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, card),
        "reading the card's properties");
  check(cudaDriverGetVersion(&driver), "reading the driver's version");
  if (major < kCardMajor || driver < kDriver) return false;
  static std::mutex mutex;
  static std::unordered_map<int, bool> cards;
  const std::lock_guard lock(mutex);
  const auto [entry, is_new] = cards.try_emplace(card, false);
  if (is_new) entry->second = records_early_launches(stream);
  return entry->second;
}

}  // namespace

int card_count(std::string& reason) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    (void)cudaGetLastError();
    reason = cudaGetErrorString(error);
    int driver = 0, runtime = 0;
    if (error != cudaErrorInsufficientDriver || cudaDriverGetVersion(&driver) != cudaSuccess ||
        cudaRuntimeGetVersion(&runtime) != cudaSuccess)
      return 0;
    reason = driver == 0
                 ? "there is no NVIDIA driver here (libcuda.so.1)"
                 : "the driver is for CUDA " + version_text(driver) + ", and the plugin was built with " +
                       version_text(runtime) + ": update the driver, or build with an older toolkit";
    return 0;
  }
  if (count == 0) reason = "the driver reports no card";
  return count;
}

CardInfo card_info(int card) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, card), "reading the card's properties");
  CardInfo info;
  info.name = properties.name;
  info.major = properties.major;
  info.minor = properties.minor;
  info.multiprocessors = properties.multiProcessorCount;
  check(cudaDriverGetVersion(&info.driver_version), "reading the driver's version");
  info.reason = why_no_code(kBuiltFor, info.major, info.minor);
  std::size_t free_bytes = 0, total_bytes = 0;
  check(memory_of(card, free_bytes, total_bytes), "reading the card's memory");
  info.free_bytes = static_cast<std::int64_t>(free_bytes);
  info.total_bytes = static_cast<std::int64_t>(total_bytes);
  return info;
}

void use_card(int card) {
  check(cudaSetDevice(card), "choosing the card");
}

void allow_access(int card, int other) {
  int can = 0;
  check(cudaDeviceCanAccessPeer(&can, card, other), "asking for access to another card");
  if (can == 0) return;
  use_card(card);
  // What it refuses, such as one card too many, costs speed only. That access is there already is an error
  // too.
  if (cudaDeviceEnablePeerAccess(other, 0) != cudaSuccess) (void)cudaGetLastError();
}

#if defined(MILLRACE_MEMORY_FOR_TESTS)
// Memory that the host may read and write too, as the emulation's, and filled with NaN as that is.
void* allocate(std::int64_t bytes) {
  void* memory = nullptr;
  check_memory(cudaMallocManaged(&memory, static_cast<std::size_t>(bytes)), bytes, "the card's memory");
  check(cudaMemset(memory, 0xFF, static_cast<std::size_t>(bytes)), "filling memory of the card");
  check(cudaDeviceSynchronize(), "filling memory of the card");
  return memory;
}
#else
void* allocate(std::int64_t bytes) {
  void* memory = nullptr;
  check_memory(cudaMalloc(&memory, static_cast<std::size_t>(bytes)), bytes, "the card's memory");
  return memory;
}
#endif

void release(void* memory) {
  (void)cudaFree(memory);  // fails only where the context is lost, and the memory with it
}

void seal(void*) {}

void* allocate_pinned(std::int64_t bytes) {
  void* memory = nullptr;
  check_memory(cudaHostAlloc(&memory, static_cast<std::size_t>(bytes), cudaHostAllocPortable), bytes,
               "the host's memory, pinned");
  return memory;
}

void release_pinned(void* memory) {
  (void)cudaFreeHost(memory);
}

Event::Event(bool timed) : state_(std::make_unique<State>()) {
  check(cudaEventCreateWithFlags(&state_->event, timed ? cudaEventDefault : cudaEventDisableTiming),
        "making an event");
}

Event::~Event() {
  (void)cudaEventDestroy(state_->event);
}

double Event::elapsed_ms(const Event& from, const Event& to) {
  float ms = 0;
  check(cudaEventElapsedTime(&ms, from.state().event, to.state().event), "timing");
  return ms;
}

Graph::Graph(std::unique_ptr<State> state) : state_(std::move(state)) {}
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;

Graph::~Graph() {
  if (state_ != nullptr) (void)cudaGraphExecDestroy(state_->graph);
}

Stream::Stream(bool urgent) : state_(std::make_unique<State>()) {
  int least = 0, greatest = 0;
  check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "reading the priorities of streams");
  check(cudaStreamCreateWithPriority(&state_->stream, cudaStreamNonBlocking, urgent ? greatest : least),
        "making a stream");
  state_->starts_early = can_start_early(state_->stream);
}

Stream::~Stream() {
  (void)cudaStreamDestroy(state_->stream);
}

void* Stream::native() const {
  return state_->stream;
}

bool Stream::starts_early() const {
  return state_->starts_early;
}

void Stream::copy_to_device(void* to, const void* from, std::int64_t bytes) {
  check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice, state_->stream),
        "copying");
}

void Stream::copy_to_host(void* to, const void* from, std::int64_t bytes) {
  check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost, state_->stream),
        "copying");
}

void Stream::copy_on_device(void* to, const void* from, std::int64_t bytes) {
  check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDefault, state_->stream),
        "copying");
}

void Stream::copy_from_card(void* to, int to_card, const void* from, int from_card, std::int64_t bytes) {
  check(cudaMemcpyPeerAsync(to, to_card, from, from_card, static_cast<std::size_t>(bytes), state_->stream),
        "copying from another card");
}

void Stream::copy_rows(void* to, std::int64_t to_stride, const void* from, std::int64_t from_stride,
                       std::int64_t bytes, std::int64_t rows) {
  check(cudaMemcpy2DAsync(to, static_cast<std::size_t>(to_stride), from,
                          static_cast<std::size_t>(from_stride), static_cast<std::size_t>(bytes),
                          static_cast<std::size_t>(rows), cudaMemcpyDefault, state_->stream),
        "copying");
}

void Stream::fill(void* memory, int byte, std::int64_t bytes) {
  check(cudaMemsetAsync(memory, byte, static_cast<std::size_t>(bytes), state_->stream), "filling");
}

void Stream::record(Event& event) {
  check(cudaEventRecord(event.state().event, state_->stream), "recording an event");
}

void Stream::wait(const Event& event) {
  check(cudaStreamWaitEvent(state_->stream, event.state().event), "waiting for an event");
}

void Stream::synchronize() {
  check(cudaStreamSynchronize(state_->stream), "running");
}

bool Stream::is_done() {
  const cudaError_t error = cudaStreamQuery(state_->stream);
  if (error == cudaErrorNotReady) {
    (void)cudaGetLastError();
    return false;
  }
  check(error, "running");
  return true;
}

void Stream::begin_capture() {
  check(cudaStreamBeginCapture(state_->stream, cudaStreamCaptureModeThreadLocal), "beginning a graph");
}

Graph Stream::end_capture() {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(state_->stream, &graph), "ending a graph");
  auto state = std::make_unique<Graph::State>();
  const cudaError_t error = cudaGraphInstantiate(&state->graph, graph, 0);
  (void)cudaGraphDestroy(graph);
  check(error, "instantiating a graph");
  return Graph(std::move(state));
}

void Stream::drop_capture() {
  cudaGraph_t graph = nullptr;
  (void)cudaStreamEndCapture(state_->stream, &graph);
  if (graph != nullptr) (void)cudaGraphDestroy(graph);
  (void)cudaGetLastError();
}

void Stream::replay(const Graph& graph) {
  check(cudaGraphLaunch(graph.state().graph, state_->stream), "starting a graph");
}

namespace detail {

void check_launch() {
  check(cudaGetLastError(), "launching a kernel");
}

void launch_early(Stream& stream, const void* kernel, Grid grid, unsigned threads, std::size_t shared_bytes,
                  void** params) {
  check(
      queue_early(stream.state().stream, kernel, dim3(grid.x, grid.y, grid.z), threads, shared_bytes, params),
      "launching a kernel");
}

void allow_shared_bytes(const void* kernel, std::size_t bytes) {
  constexpr std::size_t kUnasked = 48 * 1024;
  if (bytes <= kUnasked) return;
  // By kernel and card: the attribute is the card's. Never destroyed: a thread may launch while the process
  // ends.
  constexpr std::size_t kCards = 64;
  static std::mutex& mutex = *new std::mutex;
  static auto& allowed = *new std::unordered_map<const void*, std::array<std::size_t, kCards>>;
  int card = 0;
  check(cudaGetDevice(&card), "reading the thread's card");
  const std::lock_guard lock(mutex);
  std::size_t& most = allowed[kernel][static_cast<std::size_t>(card) % kCards];
  if (bytes <= most) return;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
        "asking for shared memory");
  most = bytes;
}

}  // namespace detail
}  // namespace millrace::gpu
