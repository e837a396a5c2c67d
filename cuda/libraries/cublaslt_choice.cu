#include "libraries/cublaslt_choice.hpp"

#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "core/error.hpp"
#include "libraries/cublaslt_functions.hpp"

namespace millrace::gpu {
namespace {

constexpr const char* kVariable = "MILLRACE_CUBLASLT";

std::string wish() {
  const char* const value = std::getenv(kVariable);
  return value == nullptr ? "" : value;
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw Error("ERR_DEVICE_UNAVAILABLE", std::string(kVariable) + " is " + path + ", which cannot be used: " +
                                            reason + ". It takes the library, its folder, or off");
}

std::string version_text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

struct Found {
  int version = 0;  // 0: none
  std::string reason = {};
};

// Once for each wish: loading it takes a while.
Found look_for(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, Found> known;
  const std::lock_guard lock(mutex);
  const auto before = known.find(path);
  if (before != known.end()) return before->second;
  Found found;
  if (const auto functions = cublaslt::Functions::find(path, found.reason); functions != nullptr)
    found.version = functions->version();
  return known.emplace(path, std::move(found)).first->second;
}

}  // namespace

std::unique_ptr<CublasLt> open_cublaslt(const CublasLt::Say& say) {
  const std::string path = wish();
  if (path == "off") return nullptr;
  std::string reason;
  auto library = CublasLt::load(path, reason, say);
  if (library != nullptr) return library;
  if (!path.empty()) refuse(path, reason);
  if (look_for(path).version != 0) say("cuBLASLt was found and is not used: " + reason);
  return nullptr;
}

std::string describe_products() {
  const std::string path = wish();
  if (path == "off") return std::string("own kernels: ") + kVariable + " is off";
  const Found found = look_for(path);
  if (found.version != 0) return "cuBLASLt " + version_text(found.version);
  if (!path.empty()) refuse(path, found.reason);
  return "own kernels: " + found.reason;
}

}  // namespace millrace::gpu
