import { byLabel, counter, gauge, histogram, type SampledMetric } from './sampled-metric.js'

/**
 * vLLM's metrics that have a counterpart here, by its names, labels and ranges: dashboards, autoscalers and
 * routers made for it work. A "request" is one sequence of tokens there: a request with n choices counts n.
 */
export const vllmMetrics: readonly SampledMetric[] = [
  gauge('vllm:num_requests_running', 'Sequences that hold KV blocks.', ({ stats }) => stats.runningSequences),
  gauge('vllm:num_requests_waiting', 'Sequences that wait to run.', ({ stats }) => stats.waitingSequences),
  gauge('vllm:num_requests_waiting_by_reason',
    'Sequences that wait: for room (capacity), or for a prompt that another computes for them (deferred).',
    ({ scheduler }) => byLabel('reason', { capacity: scheduler.waiting - scheduler.forking, deferred: scheduler.forking }), ['reason']),
  gauge('vllm:kv_cache_usage_perc', 'Share of the KV blocks that sequences hold, 0 to 1.', ({ stats: { kv } }) => kv.usedBlocks / kv.totalBlocks),
  gauge('vllm:cache_config_info', 'How the KV cache is made, in labels; always 1.', ({ options }) => [[{
    block_size: String(options.blockTokens),
    cache_dtype: options.kvDtype,
    enable_prefix_caching: options.prefixCaching ? 'True' : 'False',
    num_cpu_blocks: String(options.kvHostBlocks),
    num_gpu_blocks: String(options.kvBlocks)
  }, 1]], ['block_size', 'cache_dtype', 'enable_prefix_caching', 'num_cpu_blocks', 'num_gpu_blocks']),

  counter('vllm:num_preemptions_total', 'Running sequences that gave way to others.', ({ stats }) => stats.preemptions),
  counter('vllm:prompt_tokens_total', 'Prompt tokens of sequences whose prompt is done, cached ones included.', ({ measured }) => measured.promptTokens),
  counter('vllm:prompt_tokens_by_source_total', 'The same by where their KV came from.', ({ measured }) => byLabel('source', {
    local_compute: measured.promptTokens - measured.cachedPromptTokens,
    local_cache_hit: measured.cachedPromptTokens,
    external_kv_transfer: 0
  }), ['source']),
  counter('vllm:prompt_tokens_cached_total', 'Prompt tokens whose KV was cached.', ({ measured }) => measured.cachedPromptTokens),
  counter('vllm:generation_tokens_total', 'Tokens that were generated.', ({ measured }) => measured.generatedTokens),
  counter('vllm:request_success_total', 'Sequences that ended, by how.', ({ measured }) => byLabel('finished_reason', { ...measured.finished, repetition: 0 }), ['finished_reason']),
  counter('vllm:prefix_cache_queries_total', 'Prompt tokens that were looked for in the prefix cache.', ({ stats }) => stats.kv.queryTokens),
  counter('vllm:prefix_cache_hits_total', 'Of these, tokens that were found.', ({ stats }) => stats.kv.hitTokens),
  counter('vllm:spec_decode_num_drafts_total', 'Rows that verified drafted tokens.', ({ scheduler }) => scheduler.speculation.drafts),
  counter('vllm:spec_decode_num_draft_tokens_total', 'Tokens that were drafted.', ({ scheduler }) => scheduler.speculation.draftTokens),
  counter('vllm:spec_decode_num_accepted_tokens_total', 'Of these, tokens that were right.', ({ scheduler }) => scheduler.speculation.acceptedTokens),
  counter('vllm:spec_decode_num_accepted_tokens_per_pos_total', 'The same by their place in the draft, from 0.',
    ({ scheduler }) => byLabel('position', Object.fromEntries(scheduler.speculation.acceptedByPosition.entries())), ['position']),
  counter('vllm:corrupted_requests_total', 'Sequences that failed because the model gave what are no numbers.', ({ measured }) => measured.corrupted),

  histogram('vllm:time_to_first_token_seconds', 'Arrival to first token.', ({ measured }) => measured.ttftSec),
  histogram('vllm:inter_token_latency_seconds', 'Between two tokens of a sequence.', ({ measured }) => measured.interTokenSec),
  histogram('vllm:request_time_per_output_token_seconds', 'Mean time between the tokens of a sequence, of those with two or more.', ({ measured }) => measured.tpotSec),
  histogram('vllm:e2e_request_latency_seconds', 'Arrival to end.', ({ measured }) => measured.e2eSec),
  histogram('vllm:request_queue_time_seconds', 'Arrival to admission.', ({ measured }) => measured.queueSec),
  histogram('vllm:request_inference_time_seconds', 'Admission to last token.', ({ measured }) => measured.inferenceSec),
  histogram('vllm:request_prefill_time_seconds', 'Admission to first token.', ({ measured }) => measured.prefillSec),
  histogram('vllm:request_decode_time_seconds', 'First token to last.', ({ measured }) => measured.decodeSec),
  histogram('vllm:iteration_tokens_total', 'Tokens of a step, of prompts and of answers.', ({ measured }) => measured.stepTokens),
  histogram('vllm:request_prompt_tokens', 'Prompt tokens of a sequence.', ({ measured }) => measured.sequencePromptTokens),
  histogram('vllm:request_generation_tokens', 'Tokens that a sequence generated.', ({ measured }) => measured.sequenceOutputTokens),
  histogram('vllm:request_max_num_generation_tokens', 'Tokens of the longest answer of a request.', ({ measured }) => measured.requestLongestOutput),
  histogram('vllm:request_params_max_tokens', 'Tokens that a sequence could generate: what was asked for, or what the context left.', ({ measured }) => measured.sequenceMaxTokens),
  histogram('vllm:request_params_n', 'Choices of a request.', ({ measured }) => measured.requestN),
  histogram('vllm:request_prefill_kv_computed_tokens', 'Prompt tokens of a sequence that were not in the prefix cache.', ({ measured }) => measured.sequenceComputedTokens)
]
