#include "libraries/nccl.hpp"

#include <map>
#include <mutex>
#include <utility>

namespace millrace::gpu {
namespace {

constexpr const char* kNames[] = {"libnccl.so.2", "libnccl.so"};
// 2.18 is the oldest whose communicators of one process end together, so that one can be aborted while a call
// of another still runs.
constexpr int kLeastVersion = 21800, kMostVersion = 29999;

std::unique_ptr<Nccl> open(const std::string& path, std::string& reason) {
  auto nccl = std::make_unique<Nccl>();
  nccl->library = SharedLibrary::open(path, kNames, reason);
  if (nccl->library == nullptr) return nullptr;
  const SharedLibrary& in = *nccl->library;
  nccl::GetVersion* get_version = nullptr;
  const bool all =
      in.find("ncclGetVersion", get_version, reason) &&
      in.find("ncclGetErrorString", nccl->error_string, reason) &&
      in.find("ncclGetLastError", nccl->last_error, reason) &&
      in.find("ncclCommInitAll", nccl->init_all, reason) &&
      in.find("ncclCommDestroy", nccl->destroy, reason) && in.find("ncclCommAbort", nccl->abort, reason) &&
      in.find("ncclCommGetAsyncError", nccl->async_error, reason) &&
      in.find("ncclGroupStart", nccl->group_start, reason) &&
      in.find("ncclGroupEnd", nccl->group_end, reason) && in.find("ncclAllReduce", nccl->all_reduce, reason);
  if (!all) return nullptr;
  const nccl::Result result = get_version(&nccl->version);
  if (result == 0 && nccl->version >= kLeastVersion && nccl->version <= kMostVersion) return nccl;
  reason = result != 0 ? "it does not say its version"
                       : "its version is " + nccl->version_text() + "; 2.18 or a newer one of 2 is needed";
  return nullptr;
}

}  // namespace

const Nccl* Nccl::load(const std::string& path, std::string& reason) {
  static std::mutex mutex;
  static auto* loaded = new std::map<std::string, std::unique_ptr<Nccl>>;  // never destroyed
  const std::lock_guard lock(mutex);
  const auto found = loaded->find(path);
  if (found != loaded->end()) return found->second.get();
  auto opened = open(path, reason);
  if (opened == nullptr) return nullptr;
  return loaded->emplace(path, std::move(opened)).first->second.get();
}

std::string Nccl::version_text() const {
  // Until 2.8 it was written with a digit less.
  const int major = version < 10000 ? version / 1000 : version / 10000;
  const int minor = version < 10000 ? version / 100 % 10 : version / 100 % 100;
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(version % 100);
}

std::string Nccl::describe(nccl::Result result) const {
  const char *text = error_string(result), *detail = last_error(nullptr);
  std::string all = "NCCL: " + std::string(text == nullptr ? "an unknown error" : text);
  if (detail != nullptr && detail[0] != 0) all += ": " + std::string(detail);
  return all;
}

}  // namespace millrace::gpu
