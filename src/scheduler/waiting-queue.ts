import type { Sequence } from './sequence.js'

/**
 * Waiting sequences in policy order: a binary heap whose items know their place, so that insertion,
 * removal of the first and removal of any are O(log n). Keys do not change while an item is inside.
 */
export class WaitingQueue<S extends Sequence> {
  readonly #items: S[] = []
  readonly #compare: (a: Sequence, b: Sequence) => number

  constructor (compare: (a: Sequence, b: Sequence) => number) {
    this.#compare = compare
  }

  get size (): number {
    return this.#items.length
  }

  peek (): S | undefined {
    return this.#items[0]
  }

  push (item: S): void {
    this.#items.push(item)
    this.#siftUp(item, this.#items.length - 1)
  }

  /** Takes out an item that is inside. */
  remove (item: S): void {
    const hole = item.heapIndex
    if (this.#items[hole] !== item) throw new Error(`Sequence ${item.id} is not waiting.`)
    const last = this.#items.pop()!
    item.heapIndex = -1
    if (last === item) return
    const parent = this.#items[(hole - 1) >> 1]
    if (hole > 0 && this.#compare(last, parent!) < 0) this.#siftUp(last, hole)
    else this.#siftDown(last, hole)
  }

  * [Symbol.iterator] (): Iterator<S> {
    yield* this.#items
  }

  #siftUp (item: S, start: number): void {
    let hole = start
    while (hole > 0) {
      const up = (hole - 1) >> 1
      const parent = this.#items[up]!
      if (this.#compare(item, parent) >= 0) break
      this.#place(parent, hole)
      hole = up
    }
    this.#place(item, hole)
  }

  #siftDown (item: S, start: number): void {
    const size = this.#items.length
    let hole = start
    for (;;) {
      let down = 2 * hole + 1
      if (down >= size) break
      if (down + 1 < size && this.#compare(this.#items[down + 1]!, this.#items[down]!) < 0) down++
      const child = this.#items[down]!
      if (this.#compare(child, item) >= 0) break
      this.#place(child, hole)
      hole = down
    }
    this.#place(item, hole)
  }

  #place (item: S, index: number): void {
    this.#items[index] = item
    item.heapIndex = index
  }
}
