// A file of its own: the compute threads belong to the process.
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import t from 'tap'
import { Engine } from '../../src/engine/engine.js'
import { fixture } from '../support/fixtures.js'

/** The processors that each thread of this process may run on, such as '0-1'. */
function processorsOfThreads (): string[] {
  return readdirSync('/proc/self/task').map(id => /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync(`/proc/self/task/${id}/status`, 'utf8'))![1]!)
}

t.test('pinned compute threads have a processor each, and no other thread of the process is pinned', {
  skip: (process.platform !== 'linux' && 'threads are pinned on Linux only') || (availableParallelism() < 2 && 'there is one processor')
}, async t => {
  const before = processorsOfThreads()
  const model = fixture('models/qwen3')
  const engine = await Engine.load(model, { threads: 2, pinThreads: true })
  // Long enough that it is not computed by one thread alone.
  const prompt = Array.from({ length: 200 }, (_, i) => 5 + i)
  const { usage } = await engine.complete({ prompt, maxTokens: 4, ignoreEos: true }).result()
  t.equal(usage.completionTokens, 4)
  const pinned = processorsOfThreads().filter(processors => !before.includes(processors))
  t.match(pinned, [/^\d+$/, /^\d+$/], 'the two compute threads')
  t.not(pinned[0], pinned[1])
  t.equal(engine.info.options.pinThreads, true)
  await t.rejects(Engine.load(model, { threads: 2 }), { code: 'ERR_INVALID_OPTION', message: /pinThreads is false, but .* are pinned/ })
  await engine.close()
})
