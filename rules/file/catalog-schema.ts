/**
 * The form of the files under rules/catalog/: one file per service, `sources.yaml` and `look-alikes.yaml`.
 * Shape only; what needs more than one place (ids, sources, names used twice) is checked in catalog.ts.
 */
import * as z from 'zod'
import { CATEGORIES } from '../model.ts'
import { unknownKey } from '../problems.ts'

/** A map with these keys and no other. The message for unknown keys has one line for each, in their order (see shape.ts). */
function map<S extends z.ZodRawShape>(shape: S) {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? issue.keys.map((key) => unknownKey(key, known)).join('\n') : undefined,
  })
}

// `error` texts go on after "must be", see shape.ts.
const text = z.string().regex(/\S/, { error: 'text that is not blank' })
const id = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, {
  error: 'lower-case letters and digits, joined by single "-", such as cisco-webex',
})
const date = z.iso.date({ error: 'a date such as 2026-11-23' })
const sources = z.array(text).min(1)

const ownName = map({
  name: text,
  confidence: z.enum(['high', 'medium', 'low']),
  sources,
  note: text.optional(),
})

const sharedName = z
  .strictObject({ domain: text.optional(), host: text.optional(), also: text, sources })
  .refine(({ domain, host }) => (domain === undefined) !== (host === undefined), {
    error: 'a name with either domain (the name and all below it) or host, one of the two',
  })

const prefixList = map({
  basis: z.enum(['vendor-published', 'asn-announced', 'community', 'observed', 'historical']),
  scope: text,
  /** Day, month or year of the newest copy that the list was taken from. */
  as_of: z.string().regex(/^(\d{4}(-\d{2}(-\d{2})?)?|undated)$/, { error: 'YYYY-MM-DD, YYYY-MM, YYYY or undated' }),
  matched: z.boolean(),
  sources,
  note: text.optional(),
  list: z.array(text).min(1),
})

const ports = map({
  proto: z.enum(['tcp', 'udp', 'tcp+udp']),
  ports: z.array(z.union([z.number(), z.string()])).min(1),
  use: text,
  /** Only between machines of one network: never asked of a proxy, so never opened for it. */
  lan: z.boolean().default(false),
  sources,
})

/** How the client programs behave; a missing key means: not known. */
const client = map({
  http_connect_proxy: text.optional(),
  media_falls_back_to_tcp_443: text.optional(),
  websocket: text.optional(),
  quic: text.optional(),
  tls_sni: text.optional(),
  tls_inspection: text.optional(),
  certificate_pinning: text.optional(),
  peer_to_peer: text.optional(),
  domain_fronting: text.optional(),
  sources,
})

export const serviceSchema = map({
  id,
  name: text,
  vendor: text,
  country: z.string().regex(/^[A-Z]{2}$/, { error: 'two capital letters (ISO 3166-1), such as DE' }),
  category: z.enum(CATEGORIES),
  status: z
    .string()
    .regex(/^(active|retired|unclear)( .+)?$/, { error: 'active, retired or unclear, with words after it if need be' }),
  /** The day on which the entry was last compared with its sources. */
  date,
  aliases: z.array(id).default([]),
  sources: sources.optional(),
  domains: z.array(ownName).default([]),
  hosts: z.array(ownName).default([]),
  shared: z.array(sharedName).default([]),
  prefixes: z.array(prefixList).default([]),
  ports: z.array(ports).default([]),
  renamed: z.array(map({ was: text, now: text, sources })).default([]),
  built_on: z.array(text).default([]),
  client: client.optional(),
  advice: text.optional(),
  over_block_risk: text.optional(),
  notes: z.array(text).default([]),
  /** Where the vendor keeps its own list. */
  refresh: map({ how: text, sources }).optional(),
})
export type ServiceFile = z.output<typeof serviceSchema>

/** Source id → what it is. `date` is that of the copy read, not of the fact, and may be words. */
export const sourcesSchema = z.record(
  id,
  map({
    kind: text,
    title: text,
    url: z.url({ error: 'a URL' }).optional(),
    commit: z
      .string()
      .regex(/^[0-9a-f]{7,40}$/, { error: '7 to 40 hexadecimal digits' })
      .optional(),
    date: text,
    pages: z.array(z.url({ error: 'a URL' })).optional(),
  }),
)

/** Names that no entry may take for its service. `*.` stands for any name below. */
export const lookAlikesSchema = map({
  generic: z.array(map({ names: z.array(text).min(1), ports: text, why: text, sources })).default([]),
  look_alikes: z.array(map({ names: z.array(text).min(1), why: text })).default([]),
})
