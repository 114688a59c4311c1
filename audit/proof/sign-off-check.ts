/** Holds the sign-offs of a log against their reviewers' keys, and against the checkpoints that they name. */

import { howMany } from '../../rules/words.ts'
import type { Place, Problems } from '../problems.ts'
import type { AuditRecord } from '../read.ts'
import type { Checkpoint } from './checkpoint.ts'
import { readCheckpoints } from './checkpoint-file.ts'
import type { VerifierKey } from './note.ts'
import { isSignedBy, isSignedByText, parseStatement, type Statement } from './sign-off.ts'

interface Pending {
  readonly statement: Statement
  readonly place: Place
  readonly sequence: number
}

/** A log with more is beyond what anybody reviews; the rest is checked but for its checkpoint. */
const MOST = 10_000

export class SignOffCheck {
  readonly #problems: Problems
  readonly #keys: readonly VerifierKey[]
  #pending: Pending[] = []
  /** Signed by a key that was given, and by one that only the record names. */
  byGiven = 0
  byOthers = 0
  /** The vkeys of the latter. */
  readonly others = new Set<string>()

  constructor(problems: Problems, keys: readonly VerifierKey[]) {
    this.#problems = problems
    this.#keys = keys
  }

  told({ event, landline: { facts = {} } }: AuditRecord, place: Place): void {
    if (event.action !== 'sign-off') return
    const statement = typeof facts.statement === 'string' ? parseStatement(facts.statement) : null
    const why = statement === null ? 'it holds no statement' : this.#fault(statement, facts, event.reason)
    if (statement === null || why !== null) {
      this.#problems.add('false-sign-off', place, event.sequence, `the sign-off does not hold: ${why}`)
      return
    }
    const text = String(facts.statement)
    if (this.#keys.some((key) => isSignedBy(text, key))) this.byGiven++
    else {
      this.byOthers++
      this.others.add(String(facts.key))
    }
    if (this.#pending.length < MOST) this.#pending.push({ statement, place, sequence: event.sequence })
  }

  #fault(statement: Statement, facts: NonNullable<AuditRecord['landline']['facts']>, reason: unknown): string | null {
    const names = ['from', 'to', 'size', 'root', 'verdict', 'reviewer', 'role'] as const
    const other = names.find((name) => facts[name] !== statement[name])
    if (other !== undefined || reason !== statement.note) return `its ${other ?? 'note'} is not what was signed`
    const isSigned = isSignedByText(String(facts.statement), String(facts.key))
    return isSigned === true ? null : 'it is not signed by the key that it names'
  }

  /** To be called after the last record: each must name a checkpoint of the log, unless that is purged or not compared. */
  async end(path: string, purged: number, good: number): Promise<void> {
    const nameOf = (size: number, root: string) => `${size} ${root}`
    const open = this.#pending.filter(({ statement: { size } }) => size >= purged && size <= good)
    const missing = new Set(open.map(({ statement: { size, root } }) => nameOf(size, root)))
    if (missing.size === 0) return
    const found = ({ size, root }: Checkpoint) => missing.delete(nameOf(size, root.toString('base64')))
    for await (const entry of readCheckpoints(path)) if (entry.kind === 'checkpoint') found(entry.checkpoint)
    for (const { statement, place, sequence } of open) {
      if (!missing.has(nameOf(statement.size, statement.root))) continue
      const what = `the sign-off does not hold: its checkpoint of ${howMany(statement.size, 'record')} is none of this log`
      this.#problems.add('false-sign-off', place, sequence, what)
    }
  }
}
