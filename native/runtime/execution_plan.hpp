#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/device.hpp"
#include "runtime/model_spec.hpp"

namespace millrace {

// A part of a line: [start, end).
struct Range {
  int start = 0;
  int end = 0;
  [[nodiscard]] int size() const { return end - start; }
};

// What one device does of a stage: some KV heads with their query heads, and some of the FFN's columns.
// The ranks of a stage are summed after attention and after the FFN.
struct Rank {
  int index = 0;  // over all stages
  std::shared_ptr<Device> device;
  Range kv_heads;
  Range ffn;
};

struct Stage {
  Range layers;
  std::vector<Rank> ranks;
};

// The device map, compiled: stages in the order in which a token passes them. The first rank of the first
// stage embeds; the first rank of the last stage computes logits and samples.
struct ExecutionPlan {
  std::vector<Stage> stages;
};

// One entry of a device map: layers [start, end) on the ranks' devices.
struct DeviceMapEntry {
  int start = 0;
  int end = 0;
  std::vector<std::shared_ptr<Device>> devices;
};

// Throws ERR_DEVICE_MAP unless the entries cover the model's layers once and in order, each has a
// device, and the number of its devices divides the KV heads. FFN columns are shared in runs of 32.
ExecutionPlan compile_plan(const ModelSpec& spec, std::span<const DeviceMapEntry> map);

}  // namespace millrace
