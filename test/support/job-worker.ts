// A thread for tests of threads: it doubles numbers, and does what some words say.
import { parentPort, threadId } from 'node:worker_threads'

parentPort!.on('message', (job: unknown) => {
  if (job === 'throw') throw new Error('a fault')
  while (job === 'hang');
  const all: object[][] = []
  while (job === 'fill') all.push(new Array(1e6).fill({}) as object[])
  parentPort!.postMessage({ kind: 'done', value: job === 'who' ? threadId : 2 * Number(job) })
})
parentPort!.postMessage({ kind: 'ready' })
