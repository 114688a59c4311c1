/** The manifest of an extract: who took what, by which filter, from which log at which checkpoint. Written as JSON that anybody can read. */
import { hash } from 'node:crypto'
import * as z from 'zod'
import { MEDIA } from '../../rules/model.ts'
import {
  checkSignature,
  parseNote,
  parseVerifierKey,
  type SigningKey,
  signNote,
  type VerifierKey,
} from '../proof/note.ts'
import type { Filter } from '../query.ts'
import { FORMATS } from '../render/rendering.ts'

const FORMAT = 'landline-extract/1'
const TITLE = 'landline-extract/v1'

const time = z.iso.datetime().nullable()
const text = z.string().nullable()
const count = z.int().min(0)
const sum = z.strictObject({ bytes: count, sha256: z.string().regex(/^[0-9a-f]{64}$/) })

const schema = z.strictObject({
  format: z.literal(FORMAT),
  created: z.iso.datetime(),
  by: z.string().min(1),
  reason: z.string().min(1),
  rendering: z.strictObject({ format: z.enum(FORMATS), version: count }),
  filter: z.strictObject({
    since: time,
    until: time,
    segment: text,
    medium: z.enum(MEDIA).nullable(),
    service: text,
    rule: text,
    /** Several with commas between them. */
    action: text,
    reference: text,
    source: text,
  }),
  records: count,
  /** null: there are none. */
  first_sequence: count.nullable(),
  last_sequence: count.nullable(),
  /** Whether every record from the first to the last is here. */
  contiguous: z.boolean(),
  /** Of the filter, but behind the checkpoint: not yet signed, and not in the extract. */
  unsigned_left_out: count,
  /** The vkey of who took the extract; null: the log's own key signs it, or nobody does. */
  signer: text,
  checkpoint: z.strictObject({ origin: z.string(), size: count, root: z.string(), key: z.string() }),
  files: z.record(z.string(), sum),
})

export type Manifest = z.output<typeof schema>

export function manifestOf(told: Omit<Manifest, 'format'>): Manifest {
  return { format: FORMAT, ...told }
}

export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/** The manifest, or what is wrong with the text. */
export function parseManifest(json: string): Manifest | string {
  try {
    const { data, error } = schema.safeParse(JSON.parse(json))
    return data ?? error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
  } catch {
    return 'it is not JSON'
  }
}

/** As it stands in the manifest. */
export function formatFilter({ since, until, actions, ...rest }: Filter): Manifest['filter'] {
  const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString())
  const medium = MEDIA.find((known) => known === rest.medium) ?? null
  return { since: iso(since), until: iso(until), ...rest, action: actions?.join(',') ?? null, medium }
}

export function filterOfManifest({ filter: { since, until, action, ...rest } }: Manifest): Filter {
  const at = (iso: string | null) => (iso === null ? null : Date.parse(iso))
  return { since: at(since), until: at(until), ...rest, actions: action?.split(',') ?? null }
}

/** `sha256:` and 64 hexadecimal digits, over the file's text. */
export function manifestDigest(json: string): string {
  return `sha256:${hash('sha256', json, 'hex')}`
}

/**
 * A signed note that vouches for a manifest; `reference`: of the record in the log that tells of the export, null where there
 * is none. Its second line is no number, so that the same key's signature can never be taken for one of a checkpoint.
 */
export function signManifest(digest: string, reference: string | null, key: SigningKey): string {
  return signNote(`${TITLE}\nmanifest ${digest}\nrecord ${reference ?? 'none'}\n`, key)
}

export interface ManifestSignature {
  readonly digest: string
  readonly reference: string | null
  /** Whose it is, among the keys; null: of none of them. */
  readonly key: VerifierKey | null
}

/** null where the text is no such note, or a signature of one of the keys does not fit it. */
export function readManifestNote(note: string, keys: readonly VerifierKey[]): ManifestSignature | null {
  const parsed = parseNote(note)
  const parts = /^landline-extract\/v1\nmanifest (sha256:[0-9a-f]{64})\nrecord ([0-9a-f-]{36}|none)\n$/.exec(
    parsed?.text ?? '',
  )
  const [, digest = '', reference = ''] = parts ?? []
  if (parsed === null || parts === null) return null
  const checks = keys.map((key) => ({ key, check: checkSignature(parsed, key) }))
  if (checks.some(({ check }) => check === 'bad')) return null
  const key = checks.find(({ check }) => check === 'good')?.key ?? null
  return { digest, reference: reference === 'none' ? null : reference, key }
}

/** The keys that the manifest itself names: the log's, and that of who took the extract. */
export function namedKeys({ checkpoint, signer }: Manifest): readonly VerifierKey[] {
  return [checkpoint.key, signer].flatMap((vkey) => (vkey === null ? [] : (parseVerifierKey(vkey) ?? [])))
}
