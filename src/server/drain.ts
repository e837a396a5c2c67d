import type { Api } from './api.js'

/** Time for the last error events to reach their clients. */
const farewellMs = 1000

/** Takes no new requests, and waits for the running ones; those that are not done in time end with an error. */
export async function drain ({ host, requests }: Api, timeoutMs: number): Promise<void> {
  host.drain()
  if (await requests.whenIdle(timeoutMs)) return
  requests.abortAll('draining')
  await requests.whenIdle(farewellMs)
}
