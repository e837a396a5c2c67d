#include "runtime/collective_plan.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "runtime/device_group.hpp"

namespace millrace {
namespace {

std::vector<Device*> devices_of(const Stage& stage) {
  std::vector<Device*> devices;
  for (const Rank& rank : stage.ranks) devices.push_back(rank.device.get());
  return devices;
}

std::string names_of(const Stage& stage) {
  std::string names;
  for (const Rank& rank : stage.ranks) names += (names.empty() ? "" : "+") + rank.device->info().name;
  return names;
}

class GroupedCollective final : public Collective {
 public:
  using Groups = std::map<int, std::unique_ptr<DeviceGroup>>;  // by their first rank

  GroupedCollective(std::unique_ptr<Collective> others, Groups groups)
      : others_(std::move(others)), groups_(std::move(groups)) {}

  void all_reduce(int first, int count, int rank, Tensor mine) override {
    const auto group = groups_.find(first);
    if (group == groups_.end()) return others_->all_reduce(first, count, rank, mine);
    group->second->all_reduce(rank - first, mine);
  }

  void transfer(int from_rank, Tensor from, int to_rank, Tensor to) override {
    others_->transfer(from_rank, from, to_rank, to);
  }

 private:
  const std::unique_ptr<Collective> others_;
  const Groups groups_;
};

}  // namespace

PlanCollective make_collective(const ExecutionPlan& plan) {
  std::vector<Device*> all;
  GroupedCollective::Groups groups;
  std::string description;
  for (const Stage& stage : plan.stages) {
    const std::vector<Device*> devices = devices_of(stage);
    all.insert(all.end(), devices.begin(), devices.end());
    if (devices.size() == 1 || std::ranges::all_of(devices, &Device::has_host_memory)) continue;
    std::string how = "no group of devices of several kinds";
    auto* const grouping = dynamic_cast<GroupingDevice*>(devices.front());
    auto group = grouping == nullptr ? nullptr : grouping->try_group(devices, how);
    description += (description.empty() ? "" : "; ") + names_of(stage) + " by " +
                   (group ? group->name() : "way of the host (" + how + ")");
    if (group) groups.emplace(stage.ranks.front().index, std::move(group));
  }
  auto in_process = make_in_process_collective(all);
  if (groups.empty()) return {std::move(in_process), std::move(description)};
  return {std::make_unique<GroupedCollective>(std::move(in_process), std::move(groups)),
          std::move(description)};
}

}  // namespace millrace
