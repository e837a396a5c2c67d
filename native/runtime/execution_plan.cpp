#include "runtime/execution_plan.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace millrace {
namespace {

// Q8_0 weights can be split between columns only at multiples of their block.
constexpr int kFfnGranule = 32;

[[noreturn]] void refuse(const std::string& problem) {
  throw Error("ERR_DEVICE_MAP", "Device map: " + problem);
}

Range heads_of(int total, int parts, int part) {
  const int each = total / parts;
  return {each * part, each * (part + 1)};
}

// In whole granules, as evenly as they go; the last part may end in a fraction of one.
Range columns_of(int total, int parts, int part) {
  const int granules = (total + kFfnGranule - 1) / kFfnGranule;
  const auto edge = [&](int p) { return std::min(total, granules * p / parts * kFfnGranule); };
  return {edge(part), edge(part + 1)};
}

}  // namespace

ExecutionPlan compile_plan(const ModelSpec& spec, std::span<const DeviceMapEntry> map) {
  ExecutionPlan plan;
  int next_layer = 0, next_rank = 0;
  for (const DeviceMapEntry& entry : map) {
    const std::string name = "stage " + std::to_string(plan.stages.size());
    if (entry.start != next_layer || entry.end <= entry.start) {
      refuse(name + " covers layers [" + std::to_string(entry.start) + ", " + std::to_string(entry.end) +
             "); it must begin at layer " + std::to_string(next_layer) + " and hold at least one layer.");
    }
    next_layer = entry.end;
    const int ranks = static_cast<int>(entry.devices.size());
    if (ranks < 1) refuse(name + " has no device.");
    if (spec.num_kv_heads % ranks != 0) {
      refuse(name + " has " + std::to_string(ranks) + " devices, which do not divide the model's " +
             std::to_string(spec.num_kv_heads) + " KV heads.");
    }
    if (spec.ffn_size < ranks * kFfnGranule && ranks > 1) {
      refuse(name + " has " + std::to_string(ranks) + " devices for " + std::to_string(spec.ffn_size) +
             " FFN columns; each needs at least " + std::to_string(kFfnGranule) + ".");
    }
    Stage stage{{entry.start, entry.end}, {}};
    for (int r = 0; r < ranks; ++r) {
      stage.ranks.push_back({next_rank++, entry.devices[static_cast<std::size_t>(r)],
                             heads_of(spec.num_kv_heads, ranks, r), columns_of(spec.ffn_size, ranks, r)});
    }
    plan.stages.push_back(std::move(stage));
  }
  if (next_layer != spec.num_layers) {
    refuse("it covers " + std::to_string(next_layer) + " layers; the model has " +
           std::to_string(spec.num_layers) + ".");
  }
  return plan;
}

}  // namespace millrace
