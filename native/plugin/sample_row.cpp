#include "plugin/sample_row.hpp"

#include <cstddef>

namespace millrace {

static_assert(sizeof(TokenCounts::Entry) == sizeof(MillraceTokenCount) &&
              offsetof(TokenCounts::Entry, in_output) == offsetof(MillraceTokenCount, in_output));

MillraceSampleRow to_c(const SampleRow& row) {
  const SamplingParams& params = *row.params;
  MillraceSampleRow out{};
  if (params.temperature > 0) out.inverse_temperature = inverse_temperature(params.temperature);
  out.top_k = params.top_k;
  out.top_p = params.top_p;
  out.min_p = params.min_p;
  if (params.min_p > 0 && params.temperature > 0)
    out.min_p_depth = min_p_depth(params.min_p, out.inverse_temperature);
  out.repetition_penalty = params.repetition_penalty;
  out.frequency_penalty = params.frequency_penalty;
  out.presence_penalty = params.presence_penalty;
  out.seed = params.seed;
  out.position = row.position;
  if (row.counts != nullptr && params.has_penalties()) {
    const auto entries = row.counts->entries();
    out.counts = reinterpret_cast<const MillraceTokenCount*>(entries.data());
    out.num_counts = static_cast<int>(entries.size());
  }
  out.bias_ids = params.bias_ids.data();
  out.biases = params.biases.data();
  out.num_biases = static_cast<int>(params.bias_ids.size());
  out.banned = row.banned.data();
  out.num_banned = static_cast<int>(row.banned.size());
  out.mask = row.mask;
  out.top_logprobs = params.top_logprobs;
  out.want_logprobs = row.want_logprobs ? 1 : 0;
  return out;
}

}  // namespace millrace
