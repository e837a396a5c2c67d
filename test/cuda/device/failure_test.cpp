// What goes wrong with a card: each failure has a code, and nothing hangs.
#include "device/plugin_fixture.hpp"
#include "runtime/tiny_model.hpp"

namespace millrace::test {
namespace {

using Map = std::vector<DeviceMapEntry>;

// Forgets lost cards when it goes: other tests use the card.
struct OwnPlugin {
  Plugin plugin{millrace_device_plugin()};
  [[nodiscard]] std::shared_ptr<Device> open() const { return plugin.open(0, DType::kF32, 1); }
};

TEST("a card that is lost fails its step and all later ones with a code, at once, on every map") {
  for (const int ranks : {1, 2}) {
    for (const int stages : {1, 2}) {
      const OwnPlugin own;
      Map map;
      for (int stage = 0; stage < stages; ++stage) {
        map.push_back({stage * 2 / stages, (stage + 1) * 2 / stages, {}});
        for (int rank = 0; rank < ranks; ++rank) map.back().devices.push_back(own.open());
      }
      TinyRuntime tiny(std::move(map));
      const Slot slot = tiny.open(), other = tiny.open();
      REQUIRE(tiny.step({{slot, {1, 2, 3}, 0}}).error_code.empty());
      gpu::emulated_card().fail_next = true;
      tiny.submit({{slot, {-1}, 3}});
      tiny.submit({{other, {1, 2}, 0}});
      CHECK_EQ(tiny.wait().error_code, "ERR_DEVICE_LOST");
      CHECK_EQ(tiny.wait().error_code, "ERR_DEVICE_LOST");
      CHECK_EQ(tiny.step({{tiny.open(), {3}, 0}}).error_code, "ERR_DEVICE_LOST");
      gpu::emulated_card().fail_next = false;
    }
  }
}

TEST("a plugin lists a lost card with the reason, and opens it no more") {
  const OwnPlugin own;
  CHECK_EQ(own.plugin.list().at(0).reason, "");
  const auto device = own.open();
  gpu::emulated_card().fail_next = true;
  CHECK_CONTAINS(CHECK_THROWS_CODE(device->synchronize(), "ERR_DEVICE_LOST"), "cuda:0");
  CHECK_CONTAINS(own.plugin.list().at(0).reason, "emulated failure");
  CHECK_CONTAINS(CHECK_THROWS_CODE(own.open(), "ERR_DEVICE_UNAVAILABLE"), "emulated failure");
}

TEST("memory that a card does not have is refused with the numbers and what to change, and nothing is kept") {
  gpu::EmulatedCard& card = gpu::emulated_card();
  const auto device = open_card();
  const std::int64_t used = card.used_bytes;
  const std::string message =
      CHECK_THROWS_CODE(device->allocate(card.total_bytes + (std::int64_t{1} << 20)), "ERR_OUT_OF_MEMORY");
  CHECK_CONTAINS(message, "cuda:0: 1025 MiB are wanted");
  CHECK_CONTAINS(message, " of 1024 MiB are free");
  CHECK_CONTAINS(message, "--kv-cache-memory");
  CHECK_EQ(card.used_bytes, used);
  // A model that does not fit: what it had taken is given back.
  const std::int64_t total = card.total_bytes;
  card.total_bytes = used + 60000;
  CHECK_THROWS_CODE(TinyRuntime(Map{{0, 2, {device}}}), "ERR_OUT_OF_MEMORY");
  card.total_bytes = total;
  CHECK_EQ(card.used_bytes, used);
}

TEST("a device that is let go gives all of the card's memory back") {
  const std::int64_t used = gpu::emulated_card().used_bytes;
  {
    TinyRuntime tiny(Map{{0, 2, {open_card()}}}, 4);
    CHECK(gpu::emulated_card().used_bytes > used);
  }
  CHECK_EQ(gpu::emulated_card().used_bytes, used);
}

TEST("cards past the last are refused, and a table of another version says what to do") {
  CHECK_CONTAINS(CHECK_THROWS_CODE(emulated_plugin().open(1, DType::kF32, 1), "ERR_DEVICE_UNAVAILABLE"),
                 "the last one is cuda:0");
  MillraceDeviceTable other = *millrace_device_plugin();
  other.abi += 1;
  CHECK_CONTAINS(CHECK_THROWS_CODE(Plugin(&other), "ERR_DEVICE_UNAVAILABLE"), "npm run build:cuda");
}

TEST("a plugin without cards lists why") {
  MillraceDeviceTable none = *millrace_device_plugin();
  none.count_cards = [](std::int32_t* count, MillraceError* error) -> std::int32_t {
    *count = 0;
    std::snprintf(error->message, sizeof error->message, "no driver");
    return 0;
  };
  const Plugin plugin(&none);
  REQUIRE(plugin.list().size() == 1);
  CHECK_EQ(plugin.list()[0].name, "cuda");
  CHECK_EQ(plugin.list()[0].reason, "no driver");
  CHECK_CONTAINS(CHECK_THROWS_CODE(plugin.open(0, DType::kF32, 1), "ERR_DEVICE_UNAVAILABLE"), "no driver");
}

}  // namespace
}  // namespace millrace::test
