// A library that is looked for when the program runs, so that nothing depends on it being there.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace millrace::gpu {

class SharedLibrary {
 public:
  // The first that loads: `path` alone when one is given, a file or a folder; else each name as the system
  // finds it. Null when none does, and `reason` then says why.
  static std::unique_ptr<SharedLibrary> open(const std::string& path, std::span<const char* const> names,
                                             std::string& reason);
  ~SharedLibrary();
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;

  // Sets `function` to the symbol. False, and `reason`, when the library has none of that name.
  template <typename Function>
  bool find(const char* name, Function*& function, std::string& reason) const {
    function = reinterpret_cast<Function*>(symbol(name, reason));
    return function != nullptr;
  }

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  [[nodiscard]] void* symbol(const char* name, std::string& reason) const;
  void* handle_;
};

}  // namespace millrace::gpu
