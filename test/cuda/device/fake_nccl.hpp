// The NCCL of test/fakes/nccl.cpp.
#pragma once
#include <dlfcn.h>

namespace millrace::test {

constexpr const char* kFakeNccl = MILLRACE_FAKE_NCCL;

template <typename Function>
Function* in_fake_nccl(const char* name) {
  static void* const fake = dlopen(kFakeNccl, RTLD_NOW);  // stays, so that it goes on counting
  return reinterpret_cast<Function*>(dlsym(fake, name));
}

inline int nccl_leaks() {
  return in_fake_nccl<int()>("fake_nccl_leaks")();
}
inline int nccl_aborts() {
  return in_fake_nccl<int()>("fake_nccl_aborts")();
}
inline int nccl_sums() {
  return in_fake_nccl<int()>("fake_nccl_sums")();
}

// While it lives, the fake goes wrong in this way.
class NcclGoesWrong {
 public:
  explicit NcclGoesWrong(const char* how) { in_fake_nccl<void(const char*)>("fake_nccl_go_wrong")(how); }
  ~NcclGoesWrong() { in_fake_nccl<void(const char*)>("fake_nccl_go_wrong")(""); }
  NcclGoesWrong(const NcclGoesWrong&) = delete;
  NcclGoesWrong& operator=(const NcclGoesWrong&) = delete;
};

}  // namespace millrace::test
