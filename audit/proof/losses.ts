/**
 * What starts of the proxy found missing from the beginning of the log. That is a fault for as long as the record of it is there, whatever
 * is purged later, unless it was put back.
 */
import { howMany } from '../../rules/words.ts'
import type { Place, Problems } from '../problems.ts'
import type { AuditRecord } from '../read.ts'

interface Loss {
  readonly count: number
  readonly sequence: number
  readonly place: Place
}

export class Losses {
  readonly #losses: Loss[] = []
  readonly #purges: { readonly from: number; readonly sequence: number }[] = []

  told({ event, landline: { facts = {} } }: AuditRecord, place: Place): void {
    const { missing_records: count, from } = facts
    if (event.action === 'recovered' && typeof count === 'number' && count > 0)
      this.#losses.push({ count, sequence: event.sequence, place })
    if (event.action === 'purge' && typeof from === 'number') this.#purges.push({ from, sequence: event.sequence })
  }

  /** `gone`: so many records are not there now. `counts`: whether a record has a say in what belongs to the log. */
  end(gone: number, problems: Problems, counts: (sequence: number) => boolean): void {
    const purges = this.#purges.filter(({ sequence }) => counts(sequence))
    for (const { count, sequence, place } of this.#losses) {
      const wereBack = gone < count || purges.some((purge) => purge.sequence > sequence && purge.from <= count)
      if (wereBack || !counts(sequence)) continue
      const what = `the proxy found at its start that ${howMany(count, 'record was', 'records were')} missing from the beginning of the log, and that no purge which was signed explains it`
      problems.add('missing-segment', place, sequence, what)
    }
  }
}
