#include "platform/built_for.hpp"

#include "harness.hpp"

namespace millrace::test {
namespace {

constexpr int kAll[] = {800, 860, 900}, kOne[] = {860}, kNewest[] = {900};

TEST("a plugin runs on cards of its numbers, on newer ones of the same major, and on all that are newer") {
  for (const int card : {80, 86, 87, 89, 90, 100, 121})
    CHECK_EQ(gpu::why_no_code(kAll, card / 10, card % 10), "");
  CHECK_EQ(gpu::why_no_code(kOne, 8, 9), "");
  CHECK_EQ(gpu::why_no_code(kOne, 9, 0), "");
}

TEST("a plugin that was built for other cards says for which, and how to build it for this one") {
  CHECK_EQ(gpu::why_no_code(kOne, 8, 0),
           "the plugin was built for compute capability 8.6; build it for this one: npm run build:cuda -- "
           "--arch=80");
  CHECK_CONTAINS(gpu::why_no_code(kNewest, 8, 6), "built for compute capability 9.0; ");
  CHECK_CONTAINS(gpu::why_no_code(kAll, 7, 5), "8.0, 8.6, 9.0");
}

}  // namespace
}  // namespace millrace::test
