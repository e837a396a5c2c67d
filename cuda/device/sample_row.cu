#include "device/sample_row.hpp"

namespace millrace::gpu {

CardSampleRow card_sample_row(const MillraceSampleRow& row) {
  CardSampleRow out;
  out.inverse_temperature = row.inverse_temperature;
  out.top_k = row.top_k;
  out.top_p = row.top_p;
  out.min_p = row.min_p;
  out.min_p_depth = row.min_p_depth;
  out.repetition_penalty = row.repetition_penalty;
  out.frequency_penalty = row.frequency_penalty;
  out.presence_penalty = row.presence_penalty;
  out.seed = row.seed;
  out.position = row.position;
  out.num_counts = row.num_counts;
  out.num_biases = row.num_biases;
  out.num_banned = row.num_banned;
  out.mask_start = row.mask == nullptr ? -1 : 0;
  out.want_logprobs = row.want_logprobs != 0;
  out.top_logprobs = out.want_logprobs ? row.top_logprobs : 0;
  return out;
}

}  // namespace millrace::gpu
