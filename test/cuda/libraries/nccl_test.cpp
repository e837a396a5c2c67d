#include "libraries/nccl.hpp"

#include "device/fake_nccl.hpp"
#include "harness.hpp"

namespace millrace::test {
namespace {

TEST("an NCCL that is not there, is none or is too old is refused with the reason") {
  std::string reason;
  CHECK(gpu::Nccl::load("/nowhere/libnccl.so.2", reason) == nullptr);
  CHECK_CONTAINS(reason, "/nowhere/libnccl.so.2");
  CHECK(gpu::Nccl::load("/", reason) == nullptr);
  CHECK_CONTAINS(reason, "//libnccl.so.2");
  CHECK(gpu::Nccl::load("libdl.so.2", reason) == nullptr);
  CHECK_CONTAINS(reason, "no function ncclGetVersion");
  const NcclGoesWrong old("version");
  // By another path, since one that was loaded stays.
  CHECK(gpu::Nccl::load(std::string("/") + kFakeNccl, reason) == nullptr);
  CHECK_CONTAINS(reason, "its version is 2.8.5; 2.18");
}

TEST("an NCCL is loaded once, and says its version and what a result means") {
  std::string reason;
  const gpu::Nccl* nccl = gpu::Nccl::load(kFakeNccl, reason);
  REQUIRE(nccl != nullptr);
  CHECK(gpu::Nccl::load(kFakeNccl, reason) == nccl);
  CHECK_EQ(nccl->version_text(), "2.23.4");
  CHECK_EQ(nccl->describe(5), "NCCL: invalid usage: by the fake");
}

}  // namespace
}  // namespace millrace::test
