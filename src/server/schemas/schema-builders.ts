// JSON schemas that know their TypeScript types. The types are TypeBox's; its builders are not used, because importing
// them takes 374 modules and 0.2 s of every start.
import type { Type as TypeBox } from 'typebox'

type Schema = Readonly<Record<string, unknown>>
type Builders = Pick<typeof TypeBox,
  'Array' | 'Boolean' | 'Enum' | 'Integer' | 'Null' | 'Number' | 'Object' | 'Optional' | 'Record' | 'String' | 'Union'>

const optional = new WeakSet<Schema>()
const ofType = (type: string) => (options: Schema = {}): Schema => ({ type, ...options })

const builders = {
  Array: (items: Schema, options: Schema = {}): Schema => ({ type: 'array', items, ...options }),
  Boolean: ofType('boolean'),
  Enum: (values: readonly string[], options: Schema = {}): Schema => ({ enum: values, ...options }),
  Integer: ofType('integer'),
  Null: ofType('null'),
  Number: ofType('number'),
  Object: (properties: Readonly<Record<string, Schema>>, options: Schema = {}): Schema => {
    const required = Object.keys(properties).filter(name => !optional.has(properties[name]!))
    return { type: 'object', ...required.length > 0 ? { required } : {}, properties, ...options }
  },
  Optional: (schema: Schema): Schema => {
    const marked = { ...schema }
    optional.add(marked)
    return marked
  },
  /** `key` has a pattern. */
  Record: (key: Schema, value: Schema, options: Schema = {}): Schema =>
    ({ type: 'object', patternProperties: { [key.pattern as string]: value }, ...options }),
  String: ofType('string'),
  Union: (anyOf: readonly Schema[], options: Schema = {}): Schema => ({ anyOf, ...options })
}

export const Type = builders as unknown as Builders
