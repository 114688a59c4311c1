/** What would let a request through, as lines to read. */
import type { Opening } from '../../rules/change/openings.ts'
import type { Remedy, WhyNot } from '../../rules/change/why-not.ts'
import type { Policy } from '../../rules/policy.ts'
import { instantInWords, listed, shortened } from '../../rules/words.ts'
import type { Io } from '../io.ts'

export function printWhyNot(found: WhyNot, policy: Policy, { print }: Pick<Io, 'print'>): void {
  const { letThrough, remedies, elsewhere, opensAt } = found
  print('')
  if (letThrough) {
    print('It is let through already.')
    return
  }
  print(remedies.length === 0 ? 'No small change lets it through.' : 'What would let it through, the narrowest first:')
  for (const [index, remedy] of remedies.entries()) printRemedy(index + 1, remedy, print)
  if (elsewhere.length > 0) print(`As the rules stand, it is let through from ${inWords(elsewhere, policy)}.`)
  if (opensAt !== null) print(`As the rules stand, it is let through from ${instantInWords(opensAt)} on.`)
}

/** The same for programs. */
export function whyNotAsJson({ letThrough, remedies, elsewhere, opensAt }: WhyNot) {
  return {
    let_through: letThrough,
    remedies: remedies.map(({ also, ...remedy }) => ({
      ...remedy,
      also: also.map(({ who, isSegment, services }) => ({ [isSegment ? 'segment' : 'client']: who, services })),
    })),
    elsewhere,
    opens_at: opensAt === null ? null : new Date(opensAt).toISOString(),
  }
}

function printRemedy(number: number, { change, lines, action, rule, also }: Remedy, print: Io['print']): void {
  print(`${number}. ${change} → ${action} by ${rule}`)
  for (const line of lines) print(`       ${line}`)
  print(`     ${also.length === 0 ? 'lets nothing else through' : `also lets through ${openingsInWords(also)}`}`)
}

/** `wifi and vpn: zoom; guests: zoom and teams` */
function openingsInWords(also: readonly Opening[]): string {
  const groups = new Map<string, string[]>()
  for (const { who, isSegment, services } of also) {
    const what = shortened(services.map((id) => (id === 'none' ? 'bare addresses' : id)))
    const whom = isSegment ? who : `${who} alone`
    groups.set(what, [...(groups.get(what) ?? []), whom])
  }
  return [...groups].map(([what, whom]) => `${what} for ${shortened(whom)}`).join('; ')
}

function inWords(segments: readonly string[], { segments: known }: Policy): string {
  const all = segments.map((id) => `${id} (${known.get(id)?.medium})`)
  return all.length <= 6 ? listed(all, 'or') : shortened(all)
}
