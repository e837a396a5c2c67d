/**
 * A binary heap whose items know their place, so that insertion, removal of any item and a change of
 * its key are O(log n).
 */
export class IndexedHeap<T> {
  readonly #items: T[] = []
  readonly #compare: (a: T, b: T) => number
  readonly #setIndex: (item: T, index: number) => void

  /** @param compare a total order @param setIndex keeps the item's place for it; -1 = not inside */
  constructor (compare: (a: T, b: T) => number, setIndex: (item: T, index: number) => void) {
    this.#compare = compare
    this.#setIndex = setIndex
  }

  get size (): number {
    return this.#items.length
  }

  peek (): T | undefined {
    return this.#items[0]
  }

  at (index: number): T | undefined {
    return this.#items[index]
  }

  push (item: T): void {
    this.#items.push(item)
    this.#siftUp(item, this.#items.length - 1)
  }

  /** Takes out the item at `index`. */
  remove (index: number): void {
    const item = this.#items[index]!
    const last = this.#items.pop()!
    this.#setIndex(item, -1)
    if (last !== item) this.#restore(last, index)
  }

  /** Puts the item at `index` where its changed key belongs. */
  update (index: number): void {
    this.#restore(this.#items[index]!, index)
  }

  * [Symbol.iterator] (): Iterator<T> {
    yield* this.#items
  }

  #restore (item: T, index: number): void {
    if (index > 0 && this.#compare(item, this.#items[(index - 1) >> 1]!) < 0) this.#siftUp(item, index)
    else this.#siftDown(item, index)
  }

  #siftUp (item: T, start: number): void {
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

  #siftDown (item: T, start: number): void {
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

  #place (item: T, index: number): void {
    this.#items[index] = item
    this.#setIndex(item, index)
  }
}
