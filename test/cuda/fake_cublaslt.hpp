// A cuBLASLt that multiplies on the CPU, test/fakes/cublaslt.cpp.
#pragma once
#include <dlfcn.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "libraries/cublaslt.hpp"

namespace millrace::test {

constexpr const char* kFakeCublasLt = MILLRACE_FAKE_CUBLASLT;

// A variable of the environment, while it lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* const name_;
};

// While it lives, the fake goes wrong in this way.
inline Variable goes_wrong(const char* how) {
  return {"FAKE_CUBLASLT", how};
}

// One of the fake's counters: leaks (handles and other objects that were not destroyed), questions (for an
// algorithm), products.
inline int of_fake_cublaslt(const char* counter) {
  static void* const fake = dlopen(kFakeCublasLt, RTLD_NOW);  // stays, so that it goes on counting
  const std::string name = std::string("fake_cublaslt_") + counter;
  return reinterpret_cast<int (*)()>(dlsym(fake, name.c_str()))();
}

}  // namespace millrace::test
