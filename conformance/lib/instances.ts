import { closeIdleConnections, exchange, send, type Answer, type Streamed } from './http.js'
import type { Instance, Target } from './target.js'
import { fail, notApplicable } from './verdict.js'

const chatPath = '/v1/chat/completions'

/** What became of two long streams, of a new request, and of the process, when an instance got SIGTERM. */
export interface EndedStreams {
  readonly streams: readonly Streamed[]
  readonly refusal: Answer | undefined
  readonly exit: number | string
}

export async function endedStreams (target: Target): Promise<EndedStreams> {
  return await target.once('ended streams', async () => {
    const instance = await started(target)
    await readyAnswer(instance, target)
    const url = new URL(chatPath, instance.url)
    const body = target.chatBody({ stream: true, n: 2, temperature: 1, max_tokens: 100_000, ignore_eos: true })
    const begun: Array<Promise<void>> = []
    const streams = [1, 2].map(async () => {
      let start = (): void => {}
      begun.push(new Promise(resolve => { start = resolve }))
      return await exchange(url, { body, headers: target.authorization, onPiece: () => { start(); return undefined } }).finally(() => { start() })
    })
    const ended = Promise.allSettled(streams)
    await Promise.all(begun)
    instance.terminate()
    await new Promise(resolve => setTimeout(resolve, 50))
    const refusal = await send(url, { body: target.chatBody({ max_tokens: 1 }), headers: target.authorization }).catch(() => undefined)
    const whole = (await ended).map(stream => stream.status === 'fulfilled' ? stream.value : fail(`a stream that the server ended: ${(stream.reason as Error).message}`))
    closeIdleConnections()
    return { streams: whole, refusal, exit: await instance.exited }
  })
}

export async function started (target: Target): Promise<Instance> {
  const instance = await target.options.start?.()
  return instance ?? notApplicable('no --start was given: a command with {port} in it, for instances that the suite may end')
}

/** The story, from an instance that may still be loading. */
export async function readyAnswer (instance: Instance, target: Target): Promise<Answer> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const answer = await send(new URL(chatPath, instance.url), { body: target.chatBody(), headers: target.authorization }).catch(() => undefined)
    if (answer?.status === 200) return answer
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  fail('an instance that was started does not answer')
}
