/** Children of a node: their keys lie side by side. */
const arity = 4

/**
 * A heap of items whose keys, a few numbers compared in order, are copied into it: with many items, reading
 * keys from the items themselves is a cache miss for each comparison. An item is known inside by a
 * handle that stays the same wherever it moves; insertion, removal and a change of its key are O(log n).
 */
export class KeyHeap<T> {
  readonly #width: number
  /** By place: the key, and the handle of the item. */
  #keys: Float64Array
  #handles: Int32Array
  /** By handle. */
  #places: Int32Array
  readonly #items: Array<T | undefined> = []
  readonly #freeHandles: number[] = []
  #size = 0
  /** The key that is on its way to its place. */
  readonly #moving: Float64Array

  /** @param width numbers of a key */
  constructor (width: number) {
    this.#width = width
    this.#keys = new Float64Array(64 * width)
    this.#handles = new Int32Array(64)
    this.#places = new Int32Array(64)
    this.#moving = new Float64Array(width)
  }

  get size (): number {
    return this.#size
  }

  /** The item with the lowest key. */
  peek (): T | undefined {
    return this.#size === 0 ? undefined : this.#items[this.#handles[0]!]
  }

  /** The item at a place: 0 is the first, and above that there is no order. */
  at (place: number): T {
    return this.#items[this.#handles[place]!]!
  }

  /** Whether this handle is the item's. */
  has (handle: number, item: T): boolean {
    return this.#items[handle] === item
  }

  /** Returns the item's handle, valid until it is removed. */
  push (item: T, ...key: readonly number[]): number {
    if (this.#size === this.#handles.length) this.#grow()
    const handle = this.#freeHandles.pop() ?? this.#items.length
    this.#items[handle] = item
    this.#moving.set(key)
    this.#siftUp(handle, this.#size++)
    return handle
  }

  /** Takes out the item with the lowest key. */
  pop (): T | undefined {
    const item = this.peek()
    if (item !== undefined) this.remove(this.#handles[0]!)
    return item
  }

  remove (handle: number): void {
    const place = this.#places[handle]!
    this.#items[handle] = undefined
    this.#freeHandles.push(handle)
    const last = --this.#size
    if (place === last) return
    this.#take(last)
    this.#restore(this.#handles[last]!, place)
  }

  /** The item has another key now. */
  update (handle: number, ...key: readonly number[]): void {
    this.#moving.set(key)
    this.#restore(handle, this.#places[handle]!)
  }

  * [Symbol.iterator] (): Iterator<T> {
    for (let place = 0; place < this.#size; place++) yield this.at(place)
  }

  #restore (handle: number, place: number): void {
    if (place > 0 && this.#movingIsBefore(parentOf(place))) this.#siftUp(handle, place)
    else this.#siftDown(handle, place)
  }

  #siftUp (handle: number, start: number): void {
    let hole = start
    while (hole > 0) {
      const parent = parentOf(hole)
      if (!this.#movingIsBefore(parent)) break
      this.#move(parent, hole)
      hole = parent
    }
    this.#put(handle, hole)
  }

  #siftDown (handle: number, start: number): void {
    let hole = start
    for (;;) {
      const first = arity * hole + 1
      if (first >= this.#size) break
      const end = Math.min(first + arity, this.#size)
      let least = first
      for (let child = first + 1; child < end; child++) {
        if (this.#isBefore(child, least)) least = child
      }
      if (this.#movingIsBefore(least)) break
      this.#move(least, hole)
      hole = least
    }
    this.#put(handle, hole)
  }

  #isBefore (a: number, b: number): boolean {
    const keys = this.#keys
    const width = this.#width
    for (let i = 0; i < width; i++) {
      const difference = keys[a * width + i]! - keys[b * width + i]!
      if (difference !== 0) return difference < 0
    }
    return false
  }

  #movingIsBefore (place: number): boolean {
    const keys = this.#keys
    const width = this.#width
    const moving = this.#moving
    for (let i = 0; i < width; i++) {
      const difference = moving[i]! - keys[place * width + i]!
      if (difference !== 0) return difference < 0
    }
    return false
  }

  #move (from: number, to: number): void {
    const keys = this.#keys
    const width = this.#width
    for (let i = 0; i < width; i++) keys[to * width + i] = keys[from * width + i]!
    const handle = this.#handles[from]!
    this.#handles[to] = handle
    this.#places[handle] = to
  }

  #take (place: number): void {
    for (let i = 0; i < this.#width; i++) this.#moving[i] = this.#keys[place * this.#width + i]!
  }

  #put (handle: number, place: number): void {
    for (let i = 0; i < this.#width; i++) this.#keys[place * this.#width + i] = this.#moving[i]!
    this.#handles[place] = handle
    this.#places[handle] = place
  }

  #grow (): void {
    const capacity = 2 * this.#handles.length
    this.#keys = copied(new Float64Array(capacity * this.#width), this.#keys)
    this.#handles = copied(new Int32Array(capacity), this.#handles)
    this.#places = copied(new Int32Array(capacity), this.#places)
  }
}

function parentOf (place: number): number {
  return (place - 1) >> 2
}

function copied<A extends Float64Array | Int32Array> (larger: A, smaller: A): A {
  larger.set(smaller)
  return larger
}
