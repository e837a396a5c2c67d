// The part of NCCL's C interface that is used, in own words: its numbers have been the same since 2.10.
#pragma once
#include <cstddef>

namespace millrace::gpu::nccl {

using Communicator = void*;
using Result = int;  // 0: done

constexpr Result kInProgress = 7;
constexpr int kF16 = 6, kF32 = 7, kBF16 = 9;  // types of elements
constexpr int kSum = 0;

using GetVersion = Result(int*);  // 21803 = 2.18.3
using GetErrorString = const char*(Result);
using GetLastError = const char*(Communicator);
using CommInitAll = Result(Communicator* communicators, int count, const int* cards);
using CommDestroy = Result(Communicator);
using CommAbort = Result(Communicator);
using CommGetAsyncError = Result(Communicator, Result*);
using GroupStart = Result();
using GroupEnd = Result();
using AllReduce = Result(const void* from, void* to, std::size_t count, int type, int operation, Communicator,
                         void* stream);

}  // namespace millrace::gpu::nccl
