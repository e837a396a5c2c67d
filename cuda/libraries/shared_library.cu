#include "libraries/shared_library.hpp"

#include <dlfcn.h>
#include <sys/stat.h>

namespace millrace::gpu {
namespace {

std::vector<std::string> candidates(const std::string& path, std::span<const char* const> names) {
  if (path.empty()) return {names.begin(), names.end()};
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return {path};
  std::vector<std::string> in_folder;
  for (const char* name : names) in_folder.push_back(path + "/" + name);
  return in_folder;
}

}  // namespace

std::unique_ptr<SharedLibrary> SharedLibrary::open(const std::string& path,
                                                   std::span<const char* const> names, std::string& reason) {
  reason.clear();
  for (const std::string& candidate : candidates(path, names)) {
    void* handle = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) {
      reason.clear();
      return std::unique_ptr<SharedLibrary>(new SharedLibrary(handle));
    }
    const char* error = dlerror();
    // That of the newest name: it is the one that should be there.
    if (reason.empty()) reason = error == nullptr ? candidate + " does not load" : error;
  }
  return nullptr;
}

SharedLibrary::~SharedLibrary() {
  dlclose(handle_);
}

void* SharedLibrary::symbol(const char* name, std::string& reason) const {
  void* found = dlsym(handle_, name);
  if (found == nullptr) reason = std::string("it has no function ") + name;
  return found;
}

}  // namespace millrace::gpu
