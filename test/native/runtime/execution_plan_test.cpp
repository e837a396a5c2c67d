#include "runtime/execution_plan.hpp"

#include "cpu/registry.hpp"
#include "harness.hpp"

namespace millrace {
namespace {

ModelSpec small_spec() {
  ModelSpec spec;
  spec.num_layers = 4;
  spec.num_heads = 8;
  spec.num_kv_heads = 4;
  spec.ffn_size = 96;
  return spec;
}

std::shared_ptr<Device> cpu(const char* name) {
  return Registry::instance().device(name, Isa::kScalar);
}

TEST("a device map becomes stages whose ranks share KV heads and FFN columns without gap") {
  const std::vector<DeviceMapEntry> map{{0, 1, {cpu("cpu:0")}}, {1, 4, {cpu("cpu:0"), cpu("cpu:1")}}};
  const ExecutionPlan plan = compile_plan(small_spec(), map);
  REQUIRE(plan.stages.size() == 2 && plan.stages[1].ranks.size() == 2);
  CHECK_EQ(plan.stages[1].layers.start, 1);
  CHECK_EQ(plan.stages[0].ranks[0].kv_heads.size(), 4);
  const Rank &first = plan.stages[1].ranks[0], &second = plan.stages[1].ranks[1];
  CHECK_EQ(first.index, 1);
  CHECK_EQ(second.index, 2);
  CHECK_EQ(first.kv_heads.end, second.kv_heads.start);
  CHECK_EQ(first.ffn.start, 0);
  CHECK_EQ(first.ffn.end, second.ffn.start);
  CHECK_EQ(second.ffn.end, 96);
  CHECK_EQ(first.ffn.end % 32, 0);
}

TEST("a device map with a gap, a missing device or heads that do not divide is refused") {
  const ModelSpec spec = small_spec();
  const auto refused = [&](std::vector<DeviceMapEntry> map) {
    CHECK_THROWS_CODE(compile_plan(spec, map), "ERR_DEVICE_MAP");
  };
  refused({});
  refused({{0, 3, {cpu("cpu:0")}}});
  refused({{1, 4, {cpu("cpu:0")}}});
  refused({{0, 2, {cpu("cpu:0")}}, {3, 4, {cpu("cpu:0")}}});
  refused({{0, 4, {}}});
  refused({{0, 4, {cpu("cpu:0"), cpu("cpu:1"), cpu("cpu:0")}}});
  refused({{0, 5, {cpu("cpu:0")}}});
}

}  // namespace
}  // namespace millrace
