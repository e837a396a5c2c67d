#pragma once
#include <memory>
#include <string>

#include "runtime/collective.hpp"
#include "runtime/execution_plan.hpp"

namespace millrace {

struct PlanCollective {
  std::unique_ptr<Collective> collective;
  // For people: how cards that split layers sum; empty when none do.
  std::string description;
};

// The exchange between the ranks of a plan. Ranks of a stage sum in a group of their devices where those have
// one, else by way of the host.
PlanCollective make_collective(const ExecutionPlan& plan);

}  // namespace millrace
