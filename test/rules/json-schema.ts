/** As much of JSON Schema 2020-12 as rules.schema.json uses, read plainly: whether a value conforms. Throws on any other keyword. */

type Schema = Readonly<Record<string, unknown>>
type Check = (value: unknown, wanted: never, schema: Schema) => boolean

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const always = () => true

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  object: isMap,
}

// A keyword says nothing about values of other types than its own.
const CHECKS: Readonly<Record<string, Check>> = {
  $schema: always,
  title: always,
  description: always,
  default: always,
  format: always,
  type: (value, type: string) => TYPES[type]?.(value) ?? false,
  const: (value, wanted) => value === wanted,
  enum: (value, values: readonly unknown[]) => values.includes(value),
  pattern: (value, pattern: string) => typeof value !== 'string' || new RegExp(pattern, 'u').test(value),
  maxLength: (value, most: number) => typeof value !== 'string' || value.length <= most,
  minimum: (value, least: number) => typeof value !== 'number' || value >= least,
  maximum: (value, most: number) => typeof value !== 'number' || value <= most,
  minItems: (value, least: number) => !Array.isArray(value) || value.length >= least,
  items: (value, schema: Schema) => !Array.isArray(value) || value.every((item) => conforms(item, schema)),
  minProperties: (value, least: number) => !isMap(value) || Object.keys(value).length >= least,
  required: (value, keys: readonly string[]) => !isMap(value) || keys.every((key) => key in value),
  propertyNames: (value, schema: Schema) => !isMap(value) || Object.keys(value).every((key) => conforms(key, schema)),
  properties: (value, schemas: Readonly<Record<string, Schema>>) =>
    !isMap(value) || Object.entries(schemas).every(([key, schema]) => !(key in value) || conforms(value[key], schema)),
  additionalProperties: (value, wanted: Schema | false, { properties = {} }) => {
    if (!isMap(value)) return true
    const others = Object.keys(value).filter((key) => !(key in (properties as object)))
    return wanted === false ? others.length === 0 : others.every((key) => conforms(value[key], wanted))
  },
  allOf: (value, schemas: readonly Schema[]) => schemas.every((schema) => conforms(value, schema)),
  anyOf: (value, schemas: readonly Schema[]) => schemas.some((schema) => conforms(value, schema)),
  oneOf: (value, schemas: readonly Schema[]) => schemas.filter((schema) => conforms(value, schema)).length === 1,
}

export function conforms(value: unknown, schema: Schema): boolean {
  return Object.entries(schema).every(([keyword, wanted]) => {
    const check = CHECKS[keyword]
    if (check === undefined) throw new Error(`no check for the keyword ${keyword}`)
    return check(value, wanted as never, schema) // each keyword's own check knows the type of what it wants
  })
}
