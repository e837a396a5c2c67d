// What kernels use beside CUDA's own names: shared memory with a type, and the instructions that have none.
#pragma once
#include <cstdint>

#include "platform/float_types.hpp"
#include "platform/names.hpp"

namespace millrace::gpu {

constexpr int kWarpLanes = 32;
constexpr unsigned kFullWarp = 0xFFFFFFFFU;

// The block's shared memory as a T. A kernel names one type for all that it shares; the launch gives
// sizeof(T) bytes. What it holds is undefined at first.
template <typename T>
__device__ inline T& block_shared() {
#if defined(__CUDA_ARCH__)
  extern __shared__ __align__(128) unsigned char millrace_shared[];
  return *reinterpret_cast<T*>(millrace_shared);
#elif defined(__CUDACC__)
  return *static_cast<T*>(nullptr);  // the host's pass of nvcc: never called
#else
  return *static_cast<T*>(emulation::shared_memory(sizeof(T)));
#endif
}

// Begins a copy of 16 bytes to shared memory, zeros when not `valid`. Both addresses are multiples of 16.
__device__ inline void copy_async_16(void* shared, const void* global, bool valid = true) {
#if defined(__CUDA_ARCH__)
  const auto to = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes) : "memory");
#elif !defined(__CUDACC__)
  emulation::copy_async(shared, valid ? global : nullptr, 16);
#endif
}

// Closes a group of the copies that this thread began.
__device__ inline void commit_async() {
#if defined(__CUDA_ARCH__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#elif !defined(__CUDACC__)
  emulation::commit_async_copies();
#endif
}

// Waits for all of this thread's groups but the last `kPending`. Other threads see the data after a barrier.
#if defined(__CUDACC__)
template <int kPending>
__device__ inline void wait_async() {
#if defined(__CUDA_ARCH__)
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}
#else
template <int kPending>
inline void wait_async(const std::source_location& place = std::source_location::current()) {
  emulation::wait_async_copies(kPending, place);
}
#endif

// In a kernel that launch_early() queued: returns when the kernel before it has ended, and what it wrote is
// there. Every thread comes by it. Before it, a kernel may read what is sealed (platform/runtime.hpp), its
// parameters, registers and shared memory; it writes nothing else. The kernel before has waited for those
// before it, so all of them have ended too.
#if defined(__CUDACC__)
__device__ inline void wait_for_previous_kernel() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
#else
inline void wait_for_previous_kernel(const std::source_location& place = std::source_location::current()) {
  emulation::wait_for_previous_kernel(place);
}
#endif

// The next kernel, when launch_early() queued it, may have what the card has left, as soon as every block of
// this one came here or ended. Nothing of this kernel is done by then: the next one waits for that. First of
// all in a kernel, that is when its last blocks begin: theirs is all that the card has to hold besides.
__device__ inline void let_next_kernel_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// Has the second cache read what is there. Whatever is in the memory, nobody sees a difference but in time: a
// kernel may do it before it waits for the previous one.
__device__ inline void prefetch(const void* from) {
#if defined(__CUDA_ARCH__)
  asm volatile("prefetch.global.L2 [%0];" ::"l"(from));
#else
  (void)from;
#endif
}

// The same of an array, by the threads of a block together.
template <typename T>
__device__ inline void prefetch_array(const T* from, int count) {
  constexpr int kElements = 32 / static_cast<int>(sizeof(T));  // of what is read at a time
  for (int i = static_cast<int>(threadIdx.x) * kElements; i < count;
       i += static_cast<int>(blockDim.x) * kElements)
    prefetch(from + i);
}

// 16 bytes that are read once and by nobody else: past the first cache. Not a load of constants (.nc): those
// may be read at any time while the kernel runs, and that is before the previous kernel has ended.
template <typename T>
__device__ inline T load_streamed(const T* from) {
  static_assert(sizeof(T) == 16);
#if defined(__CUDA_ARCH__)
  T out;
  auto* words = reinterpret_cast<std::uint32_t*>(&out);
  asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "l"(from));
  return out;
#else
  return *from;
#endif
}

// The same of 4, 8 or 16 bytes into registers, which stay as they are when not `wanted`. Without a branch, so
// that the compiler need not have the values where it could do something with them.
template <int kWords>
__device__ inline void load_streamed_if(bool wanted, std::uint32_t* to, const void* from) {
  static_assert(kWords == 1 || kWords == 2 || kWords == 4);
#if defined(__CUDA_ARCH__)
  if constexpr (kWords == 4) {
    asm volatile(
        "{\n.reg .pred wanted;\nsetp.ne.s32 wanted, %5, 0;\n"
        "@wanted ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];\n}"
        : "+r"(to[0]), "+r"(to[1]), "+r"(to[2]), "+r"(to[3])
        : "l"(from), "r"(static_cast<int>(wanted)));
  } else if constexpr (kWords == 2) {
    asm volatile(
        "{\n.reg .pred wanted;\nsetp.ne.s32 wanted, %3, 0;\n"
        "@wanted ld.global.L1::no_allocate.v2.u32 {%0, %1}, [%2];\n}"
        : "+r"(to[0]), "+r"(to[1])
        : "l"(from), "r"(static_cast<int>(wanted)));
  } else {
    asm volatile(
        "{\n.reg .pred wanted;\nsetp.ne.s32 wanted, %2, 0;\n"
        "@wanted ld.global.L1::no_allocate.u32 %0, [%1];\n}"
        : "+r"(to[0])
        : "l"(from), "r"(static_cast<int>(wanted)));
  }
#else
  if (!wanted) return;
  for (int i = 0; i < kWords; ++i) to[i] = static_cast<const std::uint32_t*>(from)[i];
#endif
}

// 16 bytes of shared memory, loaded each time: in a loop, the compiler would rather hold them in registers.
template <typename T>
__device__ inline T load_shared_again(const T* shared) {
  static_assert(sizeof(T) == 16);
#if defined(__CUDA_ARCH__)
  T out;
  auto* words = reinterpret_cast<std::uint32_t*>(&out);
  const auto from = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("ld.volatile.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(from));
  return out;
#else
  return *shared;
#endif
}

// 2^x to about 2^-22, without the steps that keep subnormal results.
__device__ inline float exp2_approx(float x) {
#if defined(__CUDA_ARCH__)
  float out;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(out) : "f"(x));
  return out;
#else
  return exp2f(x);
#endif
}

template <typename T>
__device__ inline T warp_sum(T value) {
  for (int distance = kWarpLanes / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kFullWarp, value, distance);
  return value;
}

__device__ inline float warp_max(float value) {
  for (int distance = kWarpLanes / 2; distance > 0; distance /= 2)
    value = fmaxf(value, __shfl_xor_sync(kFullWarp, value, distance));
  return value;
}

// Sum over the block, in every thread. `partial` is of shared memory, kWarpLanes values; it may be used again
// after the next barrier. The block has whole warps.
template <typename T>
__device__ inline T block_sum(T value, T* partial) {
  const unsigned warp = threadIdx.x / kWarpLanes, lane = threadIdx.x % kWarpLanes;
  value = warp_sum(value);
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  value = lane < blockDim.x / kWarpLanes ? partial[lane] : T{};
  return warp_sum(value);
}

}  // namespace millrace::gpu
