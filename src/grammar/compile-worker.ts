// Makes automata of constraints on a thread of its own: a large one delays no token of anybody, and one that takes too
// long or too much memory can be stopped.
import { parentPort } from 'node:worker_threads'
import type { ThreadReady } from '../threads/job-thread.js'
import type { CompileJob, CompileReply } from './compile-job.js'
import { compileConstraint } from './compile.js'
import type { Constraint } from './constraint.js'
import { GrammarError } from './errors.js'
import { buildTokenTrie } from './token-trie.js'

parentPort?.on('message', (job: CompileJob) => {
  const answer = reply(job)
  parentPort?.postMessage(answer, buffersOf(answer))
})
parentPort?.postMessage({ kind: 'ready' } satisfies ThreadReady)

function reply (job: CompileJob): CompileReply {
  try {
    if (job.kind === 'vocabulary') return { kind: 'trie', trie: buildTokenTrie(job.vocabulary) }
    return { kind: 'automaton', automaton: compileConstraint(JSON.parse(job.constraint) as Constraint, job.specialIds, job.maxTokenBytes) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return error instanceof GrammarError ? { kind: 'refused', message, path: error.path } : { kind: 'failed', message }
  }
}

/** Handed over, not copied. */
function buffersOf (answer: CompileReply): ArrayBuffer[] {
  const parts = answer.kind === 'trie' ? answer.trie : answer.kind === 'automaton' ? answer.automaton : {}
  return Object.values(parts).flatMap(part => ArrayBuffer.isView(part) ? [part.buffer as ArrayBuffer] : [])
}
