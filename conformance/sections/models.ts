import { okBody } from '../lib/answers.js'
import type { Checks } from '../lib/run.js'
import type { Target } from '../lib/target.js'
import { expect, show } from '../lib/verdict.js'

export const models: Checks = {
  21: async target => {
    const body = okBody(await target.send('/v1/models'), 'GET /v1/models')
    expect(body.object === 'list' && Array.isArray(body.data) && body.data.length > 0, `the list is ${show(body)}`)
    for (const entry of body.data) expectEntry(entry)
  },
  22: async target => {
    // A letter that is encoded without need must do as well, and so must a slash in an id.
    const spellings = [encodeURI(target.model), encodeURIComponent(target.model), `%${target.model.charCodeAt(0).toString(16)}${encodeURIComponent(target.model.slice(1))}`]
    for (const spelling of new Set(spellings)) {
      const entry = okBody(await target.send(`/v1/models/${spelling}`), `GET /v1/models/${spelling}`)
      expectEntry(entry)
      expect(entry.id === target.model, `GET /v1/models/${spelling} gave ${show(entry.id)}`)
    }
    const { status } = await target.send('/v1/models/no-such-model-7')
    expect(status === 404, `an unknown model got ${status}`)
  },
  23: async target => {
    const { data } = okBody(await target.send('/v1/models'), 'GET /v1/models')
    const ids: string[] = data.map((entry: any) => entry.id)
    expect(new Set(ids).size === ids.length, `names repeat: ${show(ids)}`)
    for (const entry of data) {
      const { id, root, parent, max_model_len: maxModelLen, permission } = entry
      expect(root === undefined || typeof root === 'string', `root of ${id} is ${show(root)}`)
      expect(parent == null || ids.includes(parent), `parent of ${id} is ${show(parent)}, which is not in the list`)
      expect(maxModelLen == null || Number.isInteger(maxModelLen), `max_model_len of ${id} is ${show(maxModelLen)}`)
      expect(permission === undefined || Array.isArray(permission), `permission of ${id} is ${show(permission)}`)
      if (id !== target.options.embeddingModel) await target.chatOk({ model: id, max_tokens: 1 }, `the listed model ${id}`)
    }
  },
  24: async target => {
    const medians: number[] = []
    // What else the machine does adds to a wait, so that the shortest of three tells of the server.
    for (let attempt = 0; attempt < 3 && Math.min(...medians) >= 100; attempt++) medians.push(await medianMsBesideStreams(target))
    expect(Math.min(...medians) < 100, `the list takes ${Math.min(...medians).toFixed(0)} ms (median of 9) beside 12 streams`)
  }
}

async function medianMsBesideStreams (target: Target): Promise<number> {
  const controller = new AbortController()
  const { signal } = controller
  const busy = Array.from({ length: 12 }, async () => { await target.chatStream({ max_tokens: 400, ignore_eos: true }, { signal }).catch(() => {}) })
  await new Promise(resolve => setTimeout(resolve, 200))
  const times = await listTimes(target)
  controller.abort()
  await Promise.all(busy)
  return times.sort((a, b) => a - b)[times.length >> 1]!
}

function expectEntry (entry: any): void {
  const { id, object, created, owned_by: ownedBy } = entry ?? {}
  expect(typeof id === 'string' && id !== '', `an id is ${show(id)}`)
  expect(object === 'model', `object of ${id} is ${show(object)}`)
  expect(Number.isInteger(created) && created >= 0 && created < 1e11, `created of ${id} is ${show(created)}, no time in seconds`)
  expect(typeof ownedBy === 'string', `owned_by of ${id} is ${show(ownedBy)}`)
}

async function listTimes (target: Target): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < 9; i++) {
    const { ms, status } = await target.send('/v1/models')
    expect(status === 200, `the list got ${status} beside 12 streams`)
    times.push(ms)
  }
  return times
}
