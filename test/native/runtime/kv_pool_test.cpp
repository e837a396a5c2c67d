#include "runtime/kv_pool.hpp"

#include <map>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "harness.hpp"

namespace millrace {
namespace {

const Digest kRoot = prefix_root(std::vector<std::string>{"kv1", "m", "bf16", "4", "", "", ""});

std::vector<std::int32_t> tokens_from(std::int32_t first, int count) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

std::vector<std::uint8_t> keys_of(const std::vector<std::int32_t>& tokens, int block_tokens) {
  std::vector<std::uint8_t> keys;
  Digest digest = kRoot;
  const auto width = static_cast<std::size_t>(block_tokens);
  for (std::size_t i = 0; i + width <= tokens.size(); i += width) {
    digest = prefix_key(digest, std::span(tokens).subspan(i, width));
    keys.insert(keys.end(), digest.begin(), digest.end());
  }
  return keys;
}

// A sequence whose tokens are in the cache, and no longer in a slot.
void cache(KvPool& pool, const std::vector<std::int32_t>& tokens) {
  const Slot slot = pool.open();
  REQUIRE(pool.grow(slot, static_cast<std::int64_t>(tokens.size())));
  pool.publish(slot, kRoot, tokens);
  pool.close(slot);
}

TEST("prefix keys are the chain of SHA-256 over the parts and the tokens") {
  const auto keys = keys_of({0, 1, 2, 3, 4, 5, 6, 7}, 4);
  const std::uint8_t first[] = {0xb8, 0x99, 0xb2, 0x09, 0x45, 0x0b, 0xce, 0x1f};
  const std::uint8_t second[] = {0xcb, 0xf2, 0x56, 0x90, 0xb2, 0xa8, 0xbe, 0xce};
  CHECK_EQ(keys.size(), 64U);
  CHECK(std::equal(std::begin(first), std::end(first), keys.begin()));
  CHECK(std::equal(std::begin(second), std::end(second), keys.begin() + 32));
}

TEST("a slot that cannot grow keeps what it has, and nothing leaks") {
  KvPool pool(4, 16);
  const Slot a = pool.open(), b = pool.open();
  CHECK(pool.grow(a, 33));
  CHECK(!pool.grow(b, 32));
  CHECK_EQ(pool.stats().free_blocks, 1);
  CHECK(pool.grow(b, 16));
  CHECK(!pool.grow(a, 49));
  CHECK(pool.grow(a, 48));
  pool.close(b);
  CHECK(pool.grow(a, 49));
  CHECK_EQ(pool.audit(), "");
}

TEST("freed blocks of a published prefix are found again, up to the last token but one") {
  KvPool pool(8, 4);
  const auto tokens = tokens_from(0, 12);
  cache(pool, tokens);
  const auto keys = keys_of(tokens, 4);
  CHECK_EQ(pool.stats().cached_blocks, 3);
  CHECK_EQ(pool.lookup(keys, 13), 12);
  CHECK_EQ(pool.lookup(keys, 12), 8);
  CHECK_EQ(pool.lookup(keys, 5), 4);
  CHECK_EQ(pool.lookup(keys, 4), 0);
  const Slot slot = pool.open();
  CHECK_EQ(pool.attach(slot, keys, 13), 12);
  CHECK_EQ(pool.stats().used_blocks, 3);
  CHECK_EQ(pool.stats().hit_tokens, 12);
  CHECK_EQ(pool.audit(), "");
}

TEST("an attached block is not written: the next tokens go into new blocks") {
  KvPool pool(8, 4);
  const auto tokens = tokens_from(0, 8);
  cache(pool, tokens);
  const Slot slot = pool.open();
  pool.attach(slot, keys_of(tokens, 4), 9);
  CHECK(pool.grow(slot, 9));
  CHECK_EQ(pool.table(slot).size(), 3U);
  CHECK(pool.take_block_ops().empty());
}

TEST("a fork shares blocks, and who writes first into a shared one gets a copy") {
  KvPool pool(8, 4);
  const Slot parent = pool.open();
  CHECK(pool.grow(parent, 6));
  const Slot child = pool.fork(parent, 5);
  CHECK_EQ(pool.stats().used_blocks, 2);
  CHECK(pool.grow(child, 6));
  const BlockOps ops = pool.take_block_ops();
  const auto copies = ops.all();
  REQUIRE(copies.size() == 1);
  CHECK_EQ(copies[0].from, pool.table(parent)[1]);
  CHECK_EQ(copies[0].to, pool.table(child)[1]);
  CHECK_EQ(pool.table(parent)[0], pool.table(child)[0]);
  CHECK(pool.grow(parent, 7));
  CHECK(pool.take_block_ops().empty());
  CHECK_EQ(pool.audit(), "");
}

TEST("a fork into a block of the index copies it, though no other slot holds it") {
  KvPool pool(8, 4);
  const Slot parent = pool.open();
  CHECK(pool.grow(parent, 8));
  pool.publish(parent, kRoot, tokens_from(0, 8));
  const Slot child = pool.fork(parent, 7);
  pool.close(parent);
  CHECK(pool.grow(child, 8));
  CHECK_EQ(pool.take_block_ops().all().size(), 1U);
  CHECK_EQ(pool.lookup(keys_of(tokens_from(0, 8), 4), 9), 8);
}

TEST("eviction takes the least recently used sequence, its end first") {
  KvPool pool(4, 4);
  const auto old_tokens = tokens_from(0, 8), new_tokens = tokens_from(100, 8);
  cache(pool, old_tokens);
  cache(pool, new_tokens);
  const Slot slot = pool.open();
  CHECK(pool.grow(slot, 4));
  CHECK_EQ(pool.lookup(keys_of(old_tokens, 4), 9), 4);
  CHECK(pool.grow(slot, 8));
  CHECK_EQ(pool.lookup(keys_of(old_tokens, 4), 9), 0);
  CHECK_EQ(pool.lookup(keys_of(new_tokens, 4), 9), 8);
  CHECK_EQ(pool.stats().evictions, 2);
}

TEST("a tenant's root keeps its blocks from everybody else's") {
  KvPool pool(8, 4);
  cache(pool, tokens_from(0, 8));
  const Digest other = prefix_root(std::vector<std::string>{"kv1", "m", "bf16", "4", "", "", "tenant"});
  const auto tokens = tokens_from(0, 8);
  const Digest key = prefix_key(other, std::span(tokens).first(4));
  CHECK_EQ(pool.lookup(key, 9), 0);
}

TEST("calls on a slot that is not open are refused and change nothing") {
  KvPool pool(4, 4);
  const Slot slot = pool.open();
  pool.close(slot);
  CHECK_THROWS_CODE(pool.close(slot), "ERR_BAD_SLOT");
  CHECK_THROWS_CODE(pool.grow(-1, 4), "ERR_BAD_SLOT");
  CHECK_THROWS_CODE(pool.grow(99, 4), "ERR_BAD_SLOT");
  const Slot again = pool.open();
  CHECK_EQ(again, slot);
  CHECK(pool.grow(again, 4));
  CHECK_THROWS_CODE(pool.fork(again, 5), "ERR_INVALID_PARAMETER");
  CHECK_THROWS_CODE(pool.publish(again, kRoot, tokens_from(0, 5)), "ERR_INVALID_PARAMETER");
  CHECK_EQ(pool.audit(), "");
}

TEST("a slot that is swapped out gives its blocks back at once, and comes back in blocks of its own") {
  KvPool pool(4, 4, 5);
  const Slot slot = pool.open(), other = pool.open();
  REQUIRE(pool.grow(slot, 10));
  CHECK(pool.swap_out(slot));
  CHECK(pool.is_swapped(slot));
  CHECK_EQ(pool.stats().free_blocks, 4);
  CHECK_EQ(pool.stats().host_free_blocks, 2);
  CHECK_EQ(pool.stats().swapped_out_tokens, 10);
  CHECK(pool.grow(other, 16));
  CHECK(!pool.swap_in(slot));
  CHECK_EQ(pool.audit(), "");
  pool.close(other);
  CHECK(pool.swap_in(slot));
  CHECK(!pool.is_swapped(slot));
  CHECK_EQ(pool.table(slot).size(), 3U);
  CHECK_EQ(pool.grown_tokens(slot), 10);
  CHECK_EQ(pool.stats().host_free_blocks, 5);
  CHECK_EQ(pool.stats().swapped_in_tokens, 10);
  CHECK_EQ(pool.take_block_ops().all().size(), 6U);
  CHECK(pool.grow(slot, 16));
  CHECK_EQ(pool.audit(), "");
}

TEST("a host tier that is too small refuses a slot and changes nothing") {
  KvPool pool(8, 4, 3);
  const Slot slot = pool.open(), other = pool.open();
  REQUIRE(pool.grow(slot, 8));
  REQUIRE(pool.grow(other, 8));
  CHECK(pool.swap_out(slot));
  CHECK(!pool.swap_out(other));
  CHECK_EQ(pool.table(other).size(), 2U);
  CHECK_EQ(pool.stats().host_free_blocks, 1);
  CHECK_EQ(pool.take_block_ops().all().size(), 2U);
  CHECK_EQ(pool.audit(), "");
}

TEST("blocks that a swapped-out slot shared stay with the others") {
  KvPool pool(8, 4, 8);
  const Slot parent = pool.open();
  REQUIRE(pool.grow(parent, 8));
  const Slot child = pool.fork(parent, 6);
  CHECK(pool.swap_out(parent));
  CHECK_EQ(pool.stats().used_blocks, 2);
  CHECK(pool.grow(child, 7));  // nobody else holds the block any more: no copy
  CHECK_EQ(pool.stats().copies, 0);
  CHECK(pool.swap_in(parent));
  CHECK_EQ(pool.stats().used_blocks, 4);
  CHECK_EQ(pool.audit(), "");
}

TEST("published blocks stay cached when their slot is swapped out, and are shared again when it comes back") {
  KvPool pool(8, 4, 8);
  const auto tokens = tokens_from(0, 10);
  const Slot slot = pool.open();
  REQUIRE(pool.grow(slot, 10));
  pool.publish(slot, kRoot, tokens);
  CHECK(pool.swap_out(slot));
  CHECK_EQ(pool.stats().cached_blocks, 2);
  CHECK_EQ(pool.lookup(keys_of(tokens, 4), 10), 8);
  pool.take_block_ops();
  CHECK(pool.swap_in(slot));
  CHECK_EQ(pool.take_block_ops().all().size(), 1U);
  CHECK_EQ(pool.stats().used_blocks, 3);
  CHECK_EQ(pool.audit(), "");
}

TEST("published blocks that were evicted meanwhile are in the index again when their slot comes back") {
  KvPool pool(4, 4, 8);
  const auto tokens = tokens_from(0, 12);
  const Slot slot = pool.open(), other = pool.open();
  REQUIRE(pool.grow(slot, 12));
  pool.publish(slot, kRoot, std::span(tokens).first(8));
  CHECK(pool.swap_out(slot));
  REQUIRE(pool.grow(other, 12));  // evicts the second block
  CHECK_EQ(pool.lookup(keys_of(tokens, 4), 13), 4);
  CHECK(!pool.swap_in(slot));
  pool.close(other);
  CHECK(pool.swap_in(slot));
  CHECK_EQ(pool.lookup(keys_of(tokens, 4), 13), 8);
  pool.publish(slot, kRoot, tokens);
  CHECK_EQ(pool.lookup(keys_of(tokens, 4), 13), 12);
  CHECK_EQ(pool.audit(), "");
}

TEST("a swapped-out slot can be closed and freed, and is refused by what needs its blocks") {
  KvPool pool(8, 4, 8);
  const auto tokens = tokens_from(0, 4);
  const Slot slot = pool.open();
  CHECK_THROWS_CODE(pool.swap_in(slot), "ERR_BAD_SLOT");
  REQUIRE(pool.grow(slot, 8));
  CHECK(pool.swap_out(slot));
  CHECK_CONTAINS(CHECK_THROWS_CODE(pool.grow(slot, 9), "ERR_BAD_SLOT"), "slot: 0 is swapped out");
  CHECK_THROWS_CODE(pool.fork(slot, 4), "ERR_BAD_SLOT");
  CHECK_THROWS_CODE(pool.attach(slot, keys_of(tokens, 4), 5), "ERR_BAD_SLOT");
  CHECK_THROWS_CODE(pool.publish(slot, kRoot, tokens), "ERR_BAD_SLOT");
  CHECK_THROWS_CODE(pool.swap_out(slot), "ERR_BAD_SLOT");
  CHECK_EQ(pool.stats().host_free_blocks, 6);
  pool.free(slot);
  CHECK(!pool.is_swapped(slot));
  CHECK_EQ(pool.stats().host_free_blocks, 8);
  CHECK(pool.grow(slot, 8));
  CHECK(pool.swap_out(slot));
  pool.close(slot);
  CHECK_EQ(pool.stats().host_free_blocks, 8);
  CHECK_EQ(pool.audit(), "");
}

TEST("block operations run in order, and those from the first that fails on stay") {
  BlockOps ops, later;
  ops.add(BlockOp::kOut, {0, 10});
  ops.add(BlockOp::kOut, {1, 11});
  ops.add(BlockOp::kIn, {12, 0});
  later.add(BlockOp::kIn, {13, 1});
  later.add(BlockOp::kCopy, {0, 2});
  ops.append(later);
  std::vector<std::pair<BlockOp, std::size_t>> runs;
  bool fails = true;
  const auto note = [&](BlockOp kind, std::span<const BlockCopy> copies) {
    if (kind == BlockOp::kIn && std::exchange(fails, false)) throw Error("ERR_TEST", "");
    runs.emplace_back(kind, copies.size());
  };
  CHECK_THROWS_CODE(ops.run(note), "ERR_TEST");
  CHECK_EQ(ops.all().size(), 3U);
  CHECK_EQ(ops.all().front().from, 12);
  ops.run(note);
  CHECK(ops.empty());
  CHECK((runs == std::vector<std::pair<BlockOp, std::size_t>>{
                     {BlockOp::kOut, 2}, {BlockOp::kIn, 2}, {BlockOp::kCopy, 1}}));
}

// Blocks with content, so that two sequences that should not share a block overwrite each other.
struct Contents {
  using Blocks = std::vector<std::vector<std::int32_t>>;
  explicit Contents(KvPool& of)
      : pool(of), blocks(empty(of, of.total_blocks())), on_host(empty(of, of.host_blocks())) {}
  static Blocks empty(const KvPool& pool, std::int64_t count) {
    return Blocks(static_cast<std::size_t>(count),
                  std::vector<std::int32_t>(static_cast<std::size_t>(pool.block_tokens()), -1));
  }
  std::int32_t& at(Slot slot, std::size_t position) {
    const auto width = static_cast<std::size_t>(pool.block_tokens());
    return blocks[static_cast<std::size_t>(pool.table(slot)[position / width])][position % width];
  }
  void run_block_ops() {
    pool.take_block_ops().run([this](BlockOp kind, std::span<const BlockCopy> copies) {
      const Blocks& source = kind == BlockOp::kIn ? on_host : blocks;
      Blocks& target = kind == BlockOp::kOut ? on_host : blocks;
      for (const BlockCopy& copy : copies)
        target[static_cast<std::size_t>(copy.to)] = source[static_cast<std::size_t>(copy.from)];
    });
  }
  // What a step does: the block operations, then the tokens from `start` on.
  void write(Slot slot, const std::vector<std::int32_t>& tokens, std::size_t start) {
    run_block_ops();
    for (std::size_t i = start; i < tokens.size(); ++i) at(slot, i) = tokens[i];
  }
  bool holds(Slot slot, const std::vector<std::int32_t>& tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (at(slot, i) != tokens[i]) return false;
    }
    return true;
  }
  KvPool& pool;
  Blocks blocks, on_host;
};

TEST("after any series of operations blocks add up, and every sequence still finds its own tokens") {
  auto rng = test::make_rng(1);
  const auto draw = [&](int low, int high) {
    return low + static_cast<int>(rng() % static_cast<unsigned>(high - low + 1));
  };
  std::int64_t evictions = 0, copies = 0, hits = 0, swapped_in = 0, full_tiers = 0;
  for (int round = 0; round < 60; ++round) {
    KvPool pool(draw(3, 24), draw(1, 5), draw(0, 12));
    Contents contents(pool);
    std::map<Slot, std::vector<std::int32_t>> live;  // tokens of each slot
    const auto add = [&] {
      // Prompts come from a small alphabet, so that prefixes meet.
      std::vector<std::int32_t> prompt(static_cast<std::size_t>(draw(1, 20)));
      for (auto& token : prompt) token = draw(0, 1);
      const Slot slot = pool.open();
      const auto cached = pool.attach(slot, keys_of(prompt, pool.block_tokens()), std::ssize(prompt));
      CHECK(cached < std::ssize(prompt));
      hits += cached > 0;
      if (!pool.grow(slot, std::ssize(prompt))) return pool.close(slot);
      contents.write(slot, prompt, static_cast<std::size_t>(cached));
      live[slot] = prompt;
    };
    for (int i = 0; i < 400; ++i) {
      const int action = live.empty() ? 0 : draw(0, 11);
      if (action <= 2) {
        add();
      } else {
        const auto chosen = std::next(live.begin(), draw(0, static_cast<int>(live.size()) - 1));
        auto& [slot, tokens] = *chosen;
        if (action > 9 || (pool.is_swapped(slot) && action <= 7)) {
          if (pool.is_swapped(slot)) {
            swapped_in += pool.swap_in(slot);
          } else {
            full_tiers += !pool.swap_out(slot);
          }
        } else if (action <= 5) {
          tokens.push_back(draw(0, 1));
          if (pool.grow(slot, std::ssize(tokens))) {
            contents.write(slot, tokens, tokens.size() - 1);
          } else {
            tokens.pop_back();
          }
        } else if (action == 6) {
          pool.publish(slot, kRoot, tokens);
        } else if (action == 7) {
          std::vector<std::int32_t> prefix(tokens.begin(),
                                           tokens.begin() + draw(0, static_cast<int>(tokens.size())));
          live[pool.fork(slot, std::ssize(prefix))] = prefix;
        } else {
          pool.close(slot);
          live.erase(chosen);
        }
      }
      REQUIRE(pool.audit().empty());
      const KvStats stats = pool.stats();
      REQUIRE(stats.free_blocks + stats.used_blocks + stats.cached_blocks == stats.total_blocks);
      // Block operations wait for a step, which does not come after every change.
      if (draw(0, 2) == 0) continue;
      contents.run_block_ops();
      for (const auto& [slot, tokens] : live) REQUIRE(pool.is_swapped(slot) || contents.holds(slot, tokens));
    }
    evictions += pool.stats().evictions;
    copies += pool.stats().copies;
    for (const auto& [slot, tokens] : live) pool.close(slot);
    pool.clear_cache();
    CHECK_EQ(pool.stats().free_blocks, pool.total_blocks());
    CHECK_EQ(pool.stats().host_free_blocks, pool.host_blocks());
  }
  CHECK(evictions > 100);
  CHECK(copies > 100);
  CHECK(hits > 100);
  CHECK(swapped_in > 100);
  CHECK(full_tiers > 100);
}

}  // namespace
}  // namespace millrace
