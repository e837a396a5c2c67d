// A server in a process of its own, that says what its main thread has cost: bench/serving/main.ts talks to it.
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Engine, type Generation } from '../../src/index.js'
import { plain } from '../lib/engine-runs.js'
import { questionOf, type Cost, type EngineRun, type FromChild, type ToChild } from './messages.js'

const delayResolutionMs = 5

const [model, maxNumSeqs] = process.argv.slice(2)
const engine = await Engine.load(model!, { maxNumSeqs: Number(maxNumSeqs), servedModelName: 'bench' })
const server = await engine.listen({ port: 0 })
const delay = monitorEventLoopDelay({ resolution: delayResolutionMs })
let marked = counters()

function send (message: FromChild): void {
  process.send!(message)
}

/** On the processor, in seconds: the kernel's own count of the thread that runs JavaScript, in nanoseconds. */
function mainThreadSec (): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9
}

interface Counters { readonly cpuSec: number, readonly wallMs: number, readonly tokens: number, readonly steps: number, readonly gapMs: number }

function counters (): Counters {
  const { generatedTokens, steps } = engine.stats()
  return { cpuSec: mainThreadSec(), wallMs: performance.now(), tokens: generatedTokens, steps: steps.steps, gapMs: steps.gapMs }
}

function mark (): void {
  delay.reset()
  delay.enable()
  marked = counters()
}

function costSinceMark (): Cost {
  const present = counters()
  delay.disable()
  const tokens = present.tokens - marked.tokens
  const wallMs = present.wallMs - marked.wallMs
  const steps = present.steps - marked.steps
  const delayMs = (percent: number): number => Math.max(0, delay.percentile(percent) / 1e6 - delayResolutionMs)
  return {
    tokens,
    tokensPerSec: tokens / wallMs * 1000,
    stepMs: wallMs / steps,
    idleMsPerStep: (present.gapMs - marked.gapMs) / steps,
    cpuUsPerToken: (present.cpuSec - marked.cpuSec) / tokens * 1e6,
    loopDelayP50Ms: delayMs(50),
    loopDelayP99Ms: delayMs(99),
    loopDelayMaxMs: delayMs(100)
  }
}

/** The same streams without HTTP: what the engine itself costs. */
async function measureEngine ({ streams, seconds, tokens }: EngineRun): Promise<Cost> {
  let waiting = streams
  let start!: () => void
  const begun = new Promise<void>(resolve => { start = resolve })
  const consume = async (generation: Generation): Promise<void> => {
    let isFirst = true
    for await (const _ of generation) {
      if (isFirst && --waiting === 0) start()
      isFirst = false
    }
  }
  const generations = Array.from({ length: streams }, (_, i) => engine.chat({ messages: questionOf(i), maxTokens: tokens, ...plain }))
  const consumed = Promise.all(generations.map(consume))
  await begun
  mark()
  await sleep(seconds * 1000)
  const cost = costSinceMark()
  for (const generation of generations) generation.abort()
  await consumed
  return cost
}

process.on('message', (message: ToChild) => {
  switch (message.type) {
    case 'mark': mark(); break
    case 'cost': send({ type: 'cost', cost: costSinceMark() }); break
    case 'engine': void measureEngine(message).then(cost => { send({ type: 'cost', cost }) }); break
    case 'stop': void server.close({ timeoutMs: 0 }).then(async () => { await engine.close(); process.disconnect() })
  }
})
send({ type: 'ready', port: server.port, maxModelLen: engine.info.options.maxModelLen })
