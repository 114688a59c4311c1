/**
 * The calls that put on record who took something out of the log, or looked behind a pseudonym. The record is written before the
 * answer: what cannot be recorded is not given out.
 */
import type { ApiRoute } from '../../admin/api.ts'
import { type ApiBody, ApiRefusal, onlyFields, textField } from '../../admin/api-refusal.ts'
import { AuditError } from '../../audit/error.ts'
import { type Manifest, manifestDigest, parseManifest, signManifest } from '../../audit/extract/manifest.ts'
import { readMonthKey } from '../../audit/privacy-keys.ts'
import { type Client, isPseudonym, openSealed } from '../../audit/pseudonym.ts'
import type { SystemEvent } from '../../rules/events.ts'
import { knownKeys } from '../audit/files.ts'
import type { ApiParts } from './parts.ts'

/** Longer than any that `audit export` makes. */
const MAX_MANIFEST = 16_384
const MAX_TEXT = 1000
const REFERENCE = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/

export interface ExportAnswer {
  /** The reference of the record. */
  readonly record: string
  /** The manifest's signed note. */
  readonly note: string
}

/** `POST /api/v1/export`: records an export, and signs its manifest. */
export function exportRoute({ audit, keeper, config, signingKey }: ApiParts): ApiRoute {
  const isPlain = config.audit.privacy === 'plain'
  return {
    method: 'POST',
    path: '/api/v1/export',
    roles: ['auditor', 'privacy-officer'],
    answer: async ({ user, body }): Promise<ExportAnswer> => {
      onlyFields(body, 'manifest')
      const { json, manifest } = manifestIn(body)
      await refuseOther(manifest, signingKey.verifier.text, config.audit.dir)
      const digest = manifestDigest(json)
      const facts = { user: user.name, by: manifest.by, ...exportFacts(manifest, isPlain), manifest: digest }
      const record = await recorded(audit, systemEvent('export', manifest.reason, keeper.policy, facts))
      return { record, note: signManifest(digest, record, signingKey) }
    },
  }
}

/** An export of another log has no place in this one. Keys that signed this log before count as its own. */
async function refuseOther({ checkpoint: { key } }: Manifest, own: string, dir: string): Promise<void> {
  if (key === own || (await knownKeys(dir)).some(({ text }) => text === key)) return
  throw new ApiRefusal(
    409,
    `the extract is of a log signed by ${key}, this proxy signs by ${own}`,
    'ask the proxy whose log it is, or leave --user and --admin out for a copy of another log',
  )
}

async function recorded(audit: ApiParts['audit'], event: SystemEvent): Promise<string> {
  try {
    return await audit.record(event)
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    throw new ApiRefusal(503, `this cannot be put on record: ${error.message}`, 'nothing was given out; ask again')
  }
}

function manifestIn(body: ApiBody): { readonly json: string; readonly manifest: Manifest } {
  const json = body.manifest
  const manifest =
    typeof json === 'string' && json.length <= MAX_MANIFEST ? parseManifest(json) : 'it is missing or long'
  if (typeof json === 'string' && typeof manifest !== 'string') return { json, manifest }
  throw new ApiRefusal(
    400,
    `"manifest" is none of an extract: ${manifest}`,
    'use the same version of landline on both sides',
  )
}

/** An address that was asked for has no place in a log that holds none. */
function exportFacts(manifest: Manifest, isPlain: boolean): SystemEvent['facts'] {
  const { records, first_sequence, last_sequence, contiguous, checkpoint, rendering, filter } = manifest
  const conditions = Object.entries(filter).flatMap(([name, value]) => {
    if (value === null) return []
    return [name === 'source' && !isPlain && !isPseudonym(value) ? 'source (an address)' : `${name} ${value}`]
  })
  const { size: checkpoint_size } = checkpoint
  const range = { first_sequence, last_sequence, contiguous, checkpoint_size }
  return { format: rendering.format, filter: conditions, records, ...range }
}

export interface RevealAnswer {
  readonly record: string
  /** null where the call did not ask the proxy to open what is sealed. */
  readonly client: Client | null
}

/** `POST /api/v1/reveal`: records that somebody looks behind a pseudonym; where `sealed` is given, opens it with the proxy's own key. */
export function revealRoute({ audit, keeper, config }: ApiParts): ApiRoute {
  return {
    method: 'POST',
    path: '/api/v1/reveal',
    roles: ['privacy-officer'],
    answer: async ({ user, body }): Promise<RevealAnswer> => {
      onlyFields(body, 'reference', 'pseudonym', 'sealed', 'reason', 'by')
      const reference = textField(body, 'reference')
      const pseudonym = textField(body, 'pseudonym')
      if (!REFERENCE.test(reference))
        throw new ApiRefusal(400, '"reference" is no whole reference', 'give it as in the record')
      if (!isPseudonym(pseudonym)) throw new ApiRefusal(400, '"pseudonym" is none', 'give it as in the record')
      const reason = textField(body, 'reason', { most: MAX_TEXT })
      const by = textField(body, 'by', { most: MAX_TEXT })
      const sealed = body.sealed === undefined ? null : textField(body, 'sealed', { most: MAX_MANIFEST })
      const client = sealed === null ? null : unsealed(config.audit.privacyKey, pseudonym, sealed)
      const facts = { user: user.name, by, reference, pseudonym }
      return { record: await recorded(audit, systemEvent('reveal', reason, keeper.policy, facts)), client }
    },
  }
}

function unsealed(path: string, pseudonym: string, sealed: string): Client {
  try {
    const client = openSealed((month) => readMonthKey(path, month), pseudonym, sealed)
    if (client === 'no key') throw new ApiRefusal(410, 'the key of that month is gone', 'nobody can reveal it any more')
    if (client === 'no fit')
      throw new ApiRefusal(
        409,
        'what is sealed in the record does not fit its pseudonym',
        'verify the log that it is from',
      )
    return client
  } catch (error) {
    if (error instanceof AuditError)
      throw new ApiRefusal(409, error.message, 'see audit.privacy_key in the server file')
    throw error
  }
}

function systemEvent(
  action: 'export' | 'reveal',
  reason: string,
  policy: SystemEvent['policy'],
  facts: SystemEvent['facts'],
): SystemEvent {
  return { action, outcome: 'success', reason, policy, facts }
}
