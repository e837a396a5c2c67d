import type { PredictorQuality } from '../../profiler/predictor-metrics.js'
import type { EngineMetrics } from '../../engine/engine-info.js'
import type { ForecastErrors } from '../../engine/measurements.js'
import type { Histogram } from '../../core/histogram.js'
import { byLabel, counter, gauge, histogram, type Labelled, type SampledMetric } from './sampled-metric.js'

/** What vLLM has no counterpart of. */
export const millraceMetrics: readonly SampledMetric[] = [
  // The queue.
  gauge('millrace:queue_sequences', 'Sequences in the queue.', ({ options, scheduler }) => [[{ policy: options.policy }, scheduler.waiting - scheduler.forking]], ['policy']),
  gauge('millrace:queue_prompt_tokens', 'Tokens that those in the queue need computed before their next one.',
    ({ options, scheduler }) => [[{ policy: options.policy }, scheduler.waitingPromptTokens]], ['policy']),
  gauge('millrace:queue_expected_output_tokens', 'Tokens that those in the queue are expected to generate.',
    ({ options, scheduler }) => [[{ policy: options.policy }, scheduler.waitingOutputTokens]], ['policy']),
  counter('millrace:requests_refused_total', 'Requests that were refused at once, by what was in the way: queue_requests and queue_tokens, the bounds of the queue; ' +
    'give_up, a queue in which the client would have given up.', ({ measured: { refused } }) => byLabel('reason', {
    queue_requests: refused.queuedRequests, queue_tokens: refused.queuedTokens, give_up: refused.giveUp
  }), ['reason']),
  counter('millrace:slo_requests_total', 'Requests that asked for times (slo), by outcome: met, missed, refused at once by the forecast, aborted by the caller before the end.',
    ({ measured }) => byLabel('outcome', { ...measured.slo }), ['outcome']),
  histogram('millrace:forecast_error_seconds', 'What the queue forecast at the arrival against what came, by event (wait, ttft, e2e) and whether it came earlier or later.',
    ({ measured }) => [
      ...forecastErrors('wait', measured.forecastWait), ...forecastErrors('ttft', measured.forecastTtft), ...forecastErrors('e2e', measured.forecastE2e)
    ], ['event', 'came']),
  counter('millrace:preemptions_total', 'Running sequences that gave way, by what became of their KV: given up and computed again, or copied to the host tier.',
    ({ stats }) => byLabel('by', { recompute: stats.preemptions - stats.swaps, swap: stats.swaps }), ['by']),

  // The KV cache.
  gauge('millrace:kv_blocks', 'Blocks of the KV cache: held by sequences, cached for later prompts, free.',
    ({ stats: { kv } }) => byLabel('state', { used: kv.usedBlocks, cached: kv.cachedBlocks, free: kv.freeBlocks }), ['state']),
  gauge('millrace:kv_host_blocks', 'Blocks of the host tier.',
    ({ stats: { kv } }) => byLabel('state', { used: kv.hostBlocks - kv.hostFreeBlocks, free: kv.hostFreeBlocks }), ['state']),
  counter('millrace:kv_evictions_total', 'Cached blocks that were taken back.', ({ stats }) => stats.kv.evictions),
  counter('millrace:kv_block_copies_total', 'Shared blocks that were copied to be written.', ({ stats }) => stats.kv.copies),
  counter('millrace:kv_swapped_tokens_total', 'Tokens whose KV was copied to the host tier (out) and back (in).',
    ({ stats: { kv } }) => byLabel('direction', { out: kv.swappedOutTokens, in: kv.swappedInTokens }), ['direction']),

  // Answers that wait for a tool.
  gauge('millrace:parked_sequences', 'Answers that called a tool and whose KV waits for the next turn, by where it is.',
    ({ scheduler: { parkedKv } }) => byLabel('place', { device: parkedKv.deviceSequences, host: parkedKv.hostSequences }), ['place']),
  gauge('millrace:parked_blocks', 'Blocks of these.', ({ scheduler: { parkedKv } }) => byLabel('place', { device: parkedKv.deviceBlocks, host: parkedKv.hostBlocks }), ['place']),
  counter('millrace:parked_ended_total', 'What became of parked KV: the next turn found it kept or swapped; it was dropped by the rule of least waste, evicted because ' +
    'others needed memory, or expired; released: nobody was to come back.', ({ scheduler }) => byLabel('end', { ...scheduler.parkedKv.ends }), ['end']),
  histogram('millrace:tool_duration_seconds', 'Calls of tools that came back, from the end of the turn that called to the arrival of the next.', ({ measured }) => measured.toolSec),
  gauge('millrace:tools_known', 'Tools whose durations are known, by name.', ({ tools }) => tools),

  // Predicted output lengths.
  histogram('millrace:length_prediction_duration_seconds', 'Time that a prediction took; there is one for each request.', ({ measured }) => measured.predictionSec),
  counter('millrace:length_answers_total', 'Answers that predictions were held against; censored: cut by a limit or a caller, which says nothing of the prediction.',
    ({ stats: { profiler } }) => byLabel('kind', { complete: profiler.lengths?.answers ?? 0, censored: profiler.censoredAnswers }), ['kind']),
  quality('millrace:length_top1_ratio', 'Answers whose length was in the predicted bucket.', ({ top1Ratio }) => top1Ratio),
  quality('millrace:length_within1_ratio', 'Answers whose length was in the predicted bucket or one beside it.', ({ within1Ratio }) => within1Ratio),
  quality('millrace:length_coverage_ratio', 'Answers that stayed within what was reserved for them (0.9 is meant).', ({ coverageRatio }) => coverageRatio),
  quality('millrace:length_bucket_error', 'Mean distance to the right bucket.', ({ meanBucketError }) => meanBucketError),
  quality('millrace:length_log_loss', 'Mean log-loss, in nats.', ({ logLoss }) => logLoss),
  quality('millrace:length_calibration_error', 'Expected calibration error, 0 to 1.', ({ calibrationError }) => calibrationError),
  quality('millrace:length_majority_top1_ratio', 'What always guessing the most frequent bucket would have got.', ({ majorityTop1Ratio }) => majorityTop1Ratio),

  counter('millrace:length_external_requests_total', 'Requests by what a lengthPredictor of the embedding program said of them: used, or ours in its place because it failed, ' +
    'was late, gave an invalid answer, or was resting after failures.', ({ externalLengths }) => byLabel('outcome', { ...externalLengths }), ['outcome']),

  // Constrained answers.
  counter('millrace:constraints_total', 'Constraints of requests that were not ready, by what became of them: compiled, or refused because they cannot be kept or take too much.',
    ({ constraints: { compiled, refused } }) => byLabel('outcome', { compiled, refused }), ['outcome']),
  counter('millrace:constraint_masks_total', 'Tokens that were held to a constraint.', ({ constraints }) => constraints.masks),
  counter('millrace:constraint_mask_seconds_total', 'Time in which the tokens that may follow were found, of the thread that also delivers.', ({ constraints }) => constraints.maskMs / 1000),

  // Steps.
  counter('millrace:steps_total', 'Steps of the model.', ({ stats }) => stats.steps.steps),
  counter('millrace:step_rows_total', 'Sequences in steps, summed.', ({ stats }) => stats.steps.rows),
  counter('millrace:step_busy_seconds_total', 'Time that steps computed.', ({ stats }) => stats.steps.busyMs / 1000),
  counter('millrace:step_gap_seconds_total', 'Time between steps while there was work.', ({ stats }) => stats.steps.gapMs / 1000),
  histogram('millrace:step_duration_seconds', 'Duration of a step.', ({ measured }) => measured.stepSec),
  gauge('millrace:step_cost_seconds', 'The fitted cost of a step: fixed, and for each prompt token, decoding sequence, token that one of these attends to, and token that a prompt token attends to.',
    ({ stats: { profiler: { stepCosts } } }) => byLabel('part', {
      fixed: stepCosts.fixedMs / 1000,
      prefill_token: stepCosts.prefillTokenMs / 1000,
      decode: stepCosts.decodeMs / 1000,
      context_token: stepCosts.contextTokenMs / 1000,
      prefill_context_token: stepCosts.prefillContextTokenMs / 1000
    }), ['part']),
  gauge('millrace:step_cost_error_ratio', 'How far the last 256 steps were from what was predicted for them, as a mean share of their duration.',
    ({ stats }) => stats.profiler.stepCostQuality?.meanErrorRatio),
  gauge('millrace:step_cost_bias_ratio', 'The same with its sign: above 0, predictions were too long.', ({ stats }) => stats.profiler.stepCostQuality?.biasRatio)
]

/** Of all answers of this process, and of the last 1000. */
function quality (name: string, help: string, value: (quality: PredictorQuality) => number): SampledMetric {
  const of = (known: PredictorQuality | undefined): number | undefined => known === undefined ? undefined : value(known)
  return gauge(name, help, ({ stats: { profiler } }: EngineMetrics) => byLabel('window', { all: of(profiler.lengths), recent: of(profiler.recentLengths) }), ['window'])
}

function forecastErrors (event: string, { earlier, later }: ForecastErrors): Array<Labelled<Histogram>> {
  return [[{ event, came: 'earlier' }, earlier], [{ event, came: 'later' }, later]]
}
