type Optional<T> = { [K in keyof T]: undefined extends T[K] ? K : never }[keyof T]
type Defined<T> = { [K in Exclude<keyof T, Optional<T>>]: T[K] } & { [K in Optional<T>]?: Exclude<T[K], undefined> }

/** The object without the keys whose value is undefined, as types with optional keys want it. */
export function defined<T extends object> (object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>
}
