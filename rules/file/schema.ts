/**
 * The rule file as written: keys, types and the form of each value, with a description for editors. The one source of
 * validation and of rules.schema.json. What needs more than one value to judge (ids, prefixes, dates) is checked in parse-*.ts.
 */
import * as z from 'zod'
import { quoted } from '../address.ts'
import { hiddenIn } from '../hidden.ts'
import { CATEGORIES, ID, MEDIA, MODES, RULE_ACTIONS, RULE_MODES, VERDICT_ACTIONS } from '../model.ts'
import { unknownKey } from '../problems.ts'

const DAY = '(mon|tue|wed|thu|fri|sat|sun)'
const DAYS = new RegExp(`^${DAY}(-${DAY})?(,${DAY}(-${DAY})?)*$`)
const HOURS = /^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$/

/** Keys that only the main file may have. */
const MAIN_KEYS = ['version', 'name', 'include', 'unknown_clients', 'mode', 'otherwise', 'ip_literals']

// `error` texts go on after "must be", see shape.ts.
const id = z.string().regex(ID, {
  error: '1 to 64 lower-case letters, digits, "-", "_" or ".", the first a letter or digit',
})
const text = (longest: number) =>
  z
    .string()
    .max(longest)
    .refine((value) => hiddenIn(value) === null, {
      error: ({ input }) => `text without the hidden character ${hiddenIn(String(input))} (leave it out)`,
    })
    .regex(/\S/, { error: 'text that is not blank' })
/** A line break in a name would tear a line of output or of a log apart. */
const line = (longest: number) => text(longest).regex(/^[^\t\n]*$/, { error: 'one line of text' })
const named = line(256)
const oneOrList = <T extends z.ZodType>(item: T) => z.union([item, z.array(item).min(1)])
const anyNumberOf = <T extends z.ZodType>(item: T) => z.union([item, z.array(item)])

/** A map with these keys and no other. The message for unknown keys has one line for each, in their order. */
function map<S extends z.ZodRawShape>(shape: S) {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined
      return issue.keys.map((key) => keyProblem(key, known)).join('\n')
    },
  })
}

function keyProblem(key: string, known: readonly string[]): string {
  const isMainKey = MAIN_KEYS.includes(key) && known.includes('segments')
  return isMainKey ? `${quoted(key)} stands only in the main file; move it there` : unknownKey(key, known)
}

const action = z.enum(RULE_ACTIONS)
const texts = z.union([
  text(2000),
  z
    .record(
      z.string().regex(/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/, { error: 'a language tag such as en or de-CH' }),
      text(2000),
    )
    .meta({ minProperties: 1 }),
])
const prefix = named.describe('A prefix (10.20.0.0/16, 2001:db8::/32), an address, or a range a-b.')
const time = named.meta({ format: 'date-time', description: 'RFC 3339 with offset, as in 2026-12-31T18:00:00+01:00.' })
const port = z.union([
  z.int().min(1).max(65535),
  z.string().regex(/^\d{1,5}(-\d{1,5})?$/, { error: 'a port or a range of ports such as 8801-8810' }),
])
const media = oneOrList(z.enum(MEDIA)).describe('Media of the client’s segment; a list means any of.')
const segments = oneOrList(named).describe('Segments, or groups of segments; a list means any of.')

const segment = map({
  medium: z.enum(MEDIA).describe('How clients of this segment are connected.'),
  prefixes: anyNumberOf(prefix).optional().describe('Where the segment’s clients are; the longest prefix wins.'),
  file: named.optional().describe('A CSV file of more prefixes, header prefix[,description]; relative to this file.'),
  shared: z.boolean().optional().describe('Many people behind one address (NAT).'),
}).meta({
  description: 'A named set of client addresses.',
  anyOf: [{ required: ['prefixes'] }, { required: ['file'] }],
})

const service = map({
  name: named.describe('The name that people know.'),
  category: z.enum(CATEGORIES),
  domains: anyNumberOf(named).optional().describe('Names that count with everything below them.'),
  hosts: anyNumberOf(named).optional().describe('Names that count alone.'),
  prefixes: anyNumberOf(prefix).optional().describe('Addresses that are used by this service alone.'),
  ports: anyNumberOf(port).optional().describe('TCP ports of its own: numbers, or ranges "a-b".'),
}).describe('A conferencing service; the same id replaces the built-in one as a whole.')

const groups = map({
  segments: z.record(id, oneOrList(named)).optional().describe('Group id → segments or groups.'),
  services: z.record(id, oneOrList(named)).optional().describe('Group id → services or groups.'),
}).describe('Names usable wherever a segment or a service is.')

const except = map({
  medium: media.optional(),
  segment: segments.optional(),
  service: oneOrList(named).optional().describe('Services, or groups of services.'),
}).meta({ description: 'The rule does not apply where all that is named here holds.', minProperties: 1 })

const during = map({
  days: oneOrList(z.string().regex(DAYS, { error: 'days such as mon-fri or sat,sun' }))
    .optional()
    .describe('Days such as mon-fri, sat,sun or a list; without it, every day.'),
  hours: z
    .string()
    .regex(HOURS, { error: 'a span such as 08:00-18:00, or 22:00-06:00 over midnight' })
    .optional()
    .describe('A span such as 08:00-18:00; 22:00-06:00 belongs to the day it starts on; without it, all day.'),
  zone: named.describe('IANA time zone, as in Europe/Berlin.'),
}).meta({
  description: 'When the rule applies.',
  anyOf: [{ required: ['days'] }, { required: ['hours'] }],
})

const rule = map({
  id: id.describe('What records and metrics call the rule.'),
  service: oneOrList(named)
    .optional()
    .describe('Services, groups of services, or: any. Exactly one of service and category.'),
  category: oneOrList(z.enum(CATEGORIES))
    .optional()
    .describe('Categories of service. Exactly one of service and category.'),
  medium: media.optional(),
  segment: segments.optional(),
  except: except.optional(),
  action: action.describe('log lets through and records.'),
  mode: z
    .enum(RULE_MODES)
    .optional()
    .describe('monitor records what a block would do; off is as if the rule were not there.'),
  reason: texts.optional().describe('Why, for the client and the record: text, or texts by language.'),
  alternative: texts.optional().describe('What to use instead: text, or texts by language.'),
  during: during.optional(),
}).meta({
  description: 'The first rule of which every condition holds decides.',
  oneOf: [{ required: ['service'] }, { required: ['category'] }],
})

const exception = map({
  id: id.describe('What records and metrics call the exception.'),
  rule: oneOrList(named).describe('The rules that it lifts, no other.'),
  from: oneOrList(prefix).optional().describe('For which clients. Exactly one of from and segment.'),
  segment: segments.optional(),
  starts: time.optional(),
  expires: time.describe('At most 90 days after starts, or from now; RFC 3339 with offset.'),
  reason: text(2000),
  ticket: named,
  approver: named,
}).meta({
  description: 'Takes its rules out of the search, for a time.',
  oneOf: [{ required: ['from'] }, { required: ['segment'] }],
})

const test = map({
  from: named.describe('The client’s address.'),
  to: line(2000).describe('A URL, host, host:port, address or [v6]:port.'),
  sni: named.optional().describe('The server name of the ClientHello.'),
  at: time.optional(),
  expect: z.enum(VERDICT_ACTIONS),
  rule: named.optional().describe('The rule that decides, or: otherwise, ip_literals, unknown_clients, none.'),
}).describe('A case that `landline test` and every reload try.')

const lists = {
  segments: z.record(id, segment).optional().describe('Segment id → where its clients are.'),
  services: z.record(id, service).optional().describe('Service id → services besides the catalogue’s.'),
  groups: groups.optional(),
  rules: z.array(rule).optional().describe('Tried in order; the first match wins.'),
  exceptions: z.array(exception).optional(),
  tests: z.array(test).optional(),
}

/** A file named by `include`: the lists and maps go on there. */
export const includedSchema = map(lists)

/** A file of cases for `landline test`: it adds tests, and nothing that they test. */
export const casesSchema = map({ tests: lists.tests })

export const ruleFileSchema = map({
  version: z.literal(1).describe('Version of this form.'),
  name: line(64).optional().meta({ default: 'rules', description: 'What records and metrics call these rules.' }),
  include: anyNumberOf(named)
    .optional()
    .describe('Files in which the lists and maps go on, in this order; relative to this one.'),
  unknown_clients: z
    .enum(['refuse', 'classify'])
    .describe('Clients of no segment: refuse them, or classify them as segment and medium "unknown".'),
  mode: z
    .enum(MODES)
    .optional()
    .meta({ default: 'enforce', description: 'Ceiling over rules, otherwise and ip_literals.' }),
  ...lists,
  otherwise: action.optional().meta({ default: 'allow', description: 'Conferencing that no rule matched.' }),
  ip_literals: action
    .optional()
    .meta({ default: 'log', description: 'A bare address of no service, asked for by a client that is not wired.' }),
}).meta({ title: 'Landline rule file' })

export type WrittenRuleFile = z.infer<typeof ruleFileSchema>
export type WrittenCases = z.infer<typeof casesSchema>
export type WrittenLists = z.infer<typeof includedSchema>
export type WrittenSegment = z.infer<typeof segment>
export type WrittenService = z.infer<typeof service>
export type WrittenRule = z.infer<typeof rule>
export type WrittenException = z.infer<typeof exception>
export type WrittenTest = z.infer<typeof test>
export type WrittenDuring = z.infer<typeof during>
export type WrittenTexts = z.infer<typeof texts>

/** The JSON Schema (2020-12) of the rule file, for editors: what rules/rules.schema.json holds. */
export function jsonSchema(): object {
  return z.toJSONSchema(ruleFileSchema, { io: 'input' })
}
