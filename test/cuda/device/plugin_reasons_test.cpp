// Why a card cannot be used, as the plugin's host says it; what millrace devices prints.
#include <cstdio>

#include "device/plugin_fixture.hpp"
#include "harness.hpp"

namespace millrace::test {
namespace {

MillraceDeviceTable table_with(std::int32_t (*describe)(std::int32_t, MillraceCard*, MillraceError*)) {
  MillraceDeviceTable table = *millrace_device_plugin();
  table.describe_card = describe;
  return table;
}

std::int32_t fill(MillraceCard* out, int major) {
  std::snprintf(out->name, sizeof out->name, "A card");
  out->major = major;
  out->total_bytes = 1 << 20;
  return 0;
}

}  // namespace

TEST("a card before 8.0 is listed with what it has, and cannot be opened") {
  const auto table = table_with([](std::int32_t, MillraceCard* out, MillraceError*) { return fill(out, 7); });
  const Plugin plugin(&table);
  const DeviceInfo card = plugin.list().at(0);
  CHECK_EQ(card.description, "A card");
  CHECK_EQ(card.compute_capability, "7.0");
  CHECK_CONTAINS(card.reason, "8.0 or newer");
  CHECK_CONTAINS(CHECK_THROWS_CODE(plugin.open(0, DType::kF32, 1), "ERR_DEVICE_UNAVAILABLE"), "8.0 or newer");
}

TEST("a card for which the plugin has no code is listed with what it has and how to build for it") {
  const auto table = table_with([](std::int32_t, MillraceCard* out, MillraceError* error) {
    std::snprintf(error->message, sizeof error->message, "the plugin was built for another");
    return fill(out, 8) + 1;
  });
  const Plugin plugin(&table);
  const DeviceInfo card = plugin.list().at(0);
  CHECK_EQ(card.description, "A card");
  CHECK_EQ(card.memory_bytes, 1 << 20);
  CHECK_EQ(card.reason, "the plugin was built for another");
  CHECK_CONTAINS(CHECK_THROWS_CODE(plugin.open(0, DType::kF32, 1), "ERR_DEVICE_UNAVAILABLE"),
                 "cuda:0 cannot be used: the plugin was built for another.");
}

TEST("a card of which nothing is known is listed with the driver's reason") {
  const auto table = table_with([](std::int32_t, MillraceCard*, MillraceError* error) -> std::int32_t {
    std::snprintf(error->message, sizeof error->message, "it is busy");
    return 1;
  });
  const Plugin plugin(&table);
  const DeviceInfo card = plugin.list().at(0);
  CHECK_EQ(card.name, "cuda:0");
  CHECK_EQ(card.description, "NVIDIA GPU");
  CHECK_EQ(card.reason, "it is busy");
}

}  // namespace millrace::test
