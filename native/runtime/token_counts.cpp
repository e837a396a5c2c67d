#include <algorithm>

#include "runtime/sampling.hpp"

namespace millrace {
namespace {

std::size_t home(std::int32_t token, std::size_t size) {
  // Multiplicative hashing (Knuth, TAOCP 3, section 6.4); size is a power of two.
  return static_cast<std::size_t>((static_cast<std::uint32_t>(token) * 2654435769ULL) >> 7) & (size - 1);
}

}  // namespace

void TokenCounts::add_prompt(std::span<const std::int32_t> tokens) {
  for (const std::int32_t token : tokens) find(token).in_prompt = true;
}

void TokenCounts::add_output(std::int32_t token) {
  ++find(token).in_output;
}

TokenCounts::Entry& TokenCounts::find(std::int32_t token) {
  // At most half full, so that runs of occupied slots stay short.
  if ((entries_.size() + 1) * 2 > slots_.size()) {
    slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), -1);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      std::size_t at = home(entries_[i].token, slots_.size());
      while (slots_[at] >= 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = static_cast<std::int32_t>(i);
    }
  }
  std::size_t at = home(token, slots_.size());
  for (; slots_[at] >= 0; at = (at + 1) & (slots_.size() - 1)) {
    Entry& entry = entries_[static_cast<std::size_t>(slots_[at])];
    if (entry.token == token) return entry;
  }
  slots_[at] = static_cast<std::int32_t>(entries_.size());
  return entries_.emplace_back(Entry{token, 0, false});
}

}  // namespace millrace
