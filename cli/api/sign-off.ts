/** The calls by which a review gets into the log: what there is to sign, and the signed statement. */
import { join } from 'node:path'
import type { ApiRoute } from '../../admin/api.ts'
import { ApiRefusal, onlyFields, textField } from '../../admin/api-refusal.ts'
import { coarsened } from '../../audit/coarse.ts'
import type { Checkpoint } from '../../audit/proof/checkpoint.ts'
import { CHECKPOINTS, readCheckpoints } from '../../audit/proof/checkpoint-file.ts'
import { newestCheckpoint } from '../../audit/proof/look-up.ts'
import { isSignedByText, parseStatement, type Statement } from '../../audit/proof/sign-off.ts'
import { quoted } from '../../rules/address.ts'
import type { SystemEvent } from '../../rules/events.ts'
import { howMany } from '../../rules/words.ts'
import type { ApiParts } from './parts.ts'

const MOST_STATEMENT = 4096
const PATH = '/api/v1/sign-off'

export interface ReviewAnswer {
  /** The last record that is signed off; 0: none. */
  readonly reviewed: number
  /** Records of traffic behind it; null: they are being counted. */
  readonly unreviewed: number | null
  /** The newest checkpoint; null: nothing is signed yet. */
  readonly checkpoint: string | null
}

export interface SignOffAnswer {
  /** The reference of the record. */
  readonly record: string
}

/** `GET /api/v1/sign-off`: how far the log is reviewed, and the checkpoint that a reviewer signs. */
export function reviewRoute({ audit, config }: ApiParts): ApiRoute {
  return {
    method: 'GET',
    path: PATH,
    roles: ['auditor'],
    answer: async (): Promise<ReviewAnswer> => {
      const newest = await newestCheckpoint(config.audit.dir, [])
      const { reviewed = 0, unreviewed = null } = audit.reviewed() ?? {}
      return { reviewed, unreviewed, checkpoint: newest?.checkpoint.text ?? null }
    },
  }
}

/** `POST /api/v1/sign-off`: records a statement that is signed by its reviewer and fits a checkpoint of this log. */
export function signOffRoute({ audit, keeper, config }: ApiParts): ApiRoute {
  return {
    method: 'POST',
    path: PATH,
    roles: ['auditor'],
    answer: async ({ user, body }): Promise<SignOffAnswer> => {
      onlyFields(body, 'statement', 'key')
      const text = body.statement
      const key = textField(body, 'key', { most: 400 })
      const statement = typeof text === 'string' && text.length <= MOST_STATEMENT ? parseStatement(text) : null
      if (statement === null || typeof text !== 'string')
        throw new ApiRefusal(400, '"statement" is no signed statement', 'landline audit sign-off makes them')
      if (isSignedByText(text, key) !== true)
        throw new ApiRefusal(400, 'the statement is not signed by "key"', "give the reviewer's public key")
      if (!(await isOfThisLog(config.audit.dir, statement)))
        throw new ApiRefusal(
          409,
          `the statement names a checkpoint of ${howMany(statement.size, 'record')} that this log does not have`,
          'sign off against a checkpoint of this log: landline audit verify tells whether the copy is the same',
        )
      if (config.audit.privacy === 'pseudonymous') refuseAddresses(statement)
      const { from, to, size, root, verdict, reviewer, role, note } = statement
      const facts = { from, to, size, root, verdict, reviewer, role, key, user: user.name, statement: text }
      const event: SystemEvent = { action: 'sign-off', outcome: 'success', reason: note, policy: keeper.policy, facts }
      return { record: await audit.record(event) }
    },
  }
}

/** What is signed stands word for word: an address in it could not be made coarse as in other records. */
function refuseAddresses({ reviewer, role, note }: Statement): void {
  const naming = [reviewer, role ?? '', note].find((text) => coarsened(text) !== text)
  if (naming === undefined) return
  throw new ApiRefusal(
    400,
    `the statement names an address, in ${quoted(naming)}; this log holds none (audit.privacy)`,
    'sign one that names the segment, a reference or a pseudonym instead',
  )
}

async function isOfThisLog(dir: string, { origin, size, root }: Statement): Promise<boolean> {
  const isSame = (found: Checkpoint) =>
    found.size === size && found.origin === origin && found.root.toString('base64') === root
  for await (const entry of readCheckpoints(join(dir, CHECKPOINTS)))
    if (entry.kind === 'checkpoint' && isSame(entry.checkpoint)) return true
  return false
}
