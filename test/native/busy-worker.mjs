// Calls the addon without end, in one way, until it is terminated. Plain JavaScript: it starts at once.
import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'

const { addonPath, options, way } = workerData
const addon = createRequire(import.meta.url)(addonPath)

const ways = {
  throwing () {
    const pool = addon.createKvPool(4, 16)
    try { pool.grow(99, 5) } catch {}
  },
  async loading () {
    const model = await addon.loadModel(options, () => {})
    await model.dispose()
  },
  async reading () {
    await addon.readModelFiles(options.path)
  },
  async failing () {
    await addon.readModelFiles('/nowhere').catch(() => {})
  }
}

parentPort.postMessage('busy')
while (true) await ways[way]()
