/**
 * Which rules no request can reach, because earlier ones decide every case that they could match. A case is a class of
 * segments, a class of services and a minute of the week; what an exception may lift hides nothing.
 */
import { missOf } from '../conditions.ts'
import type { During, RuleEntry } from '../model.ts'
import type { Policy, Rule } from '../policy.ts'
import { listed } from '../words.ts'

const DAY_MINUTES = 24 * 60
const WEEK_MINUTES = 7 * DAY_MINUTES
/** Beyond this many weighings (rules × classes of segments × classes of services), seconds of work, nothing is reported. */
const MAX_WEIGHINGS = 100_000_000

export interface Unreachable {
  readonly rule: RuleEntry
  readonly because: string
}

/** Never names a rule that could match at `now` or later. Rules that are off are left out: that is what off is for. */
export function unreachableRules(policy: Policy, now: number): readonly Unreachable[] {
  const { rules, candidates } = policy
  const suspects = new Set(rules.filter(({ entry }) => entry.mode !== 'off'))
  const cells = populatedCells(policy)
  if (rules.length * cells.length > MAX_WEIGHINGS) return []
  for (const [segmentKind, serviceKind] of cells) {
    if (suspects.size === 0) return []
    const segment = candidates.segmentKinds[segmentKind]?.[0]?.id ?? 'unknown'
    for (const rule of reachable(candidates.of(segmentKind, serviceKind), segment, now)) suspects.delete(rule)
  }
  return [...suspects].map((rule) => ({ rule: rule.entry, because: reasonOf(policy, rule, cells) }))
}

type Cell = readonly [segmentKind: number, serviceKind: number]

/** The pairs of classes in which there can be a client and a request. */
function populatedCells(policy: Policy): readonly Cell[] {
  const { segmentKinds, serviceKinds } = policy.candidates
  const hasClients = (id: string) =>
    id === 'unknown' ? policy.unknownClients === 'classify' : (policy.segments.get(id)?.prefixes.length ?? 0) > 0
  const segments = [...segmentKinds.keys()].filter((kind) => segmentKinds[kind]?.some(({ id }) => hasClients(id)))
  const services = [...serviceKinds.keys()].filter((kind) =>
    serviceKinds[kind]?.some(({ entry }) => entry.domains.length + entry.hosts.length + entry.prefixes.length > 0),
  )
  return segments.flatMap((segment) => services.map((service) => [segment, service] as const))
}

/** Of the rules that match a case but for time, those that some instant leaves to them. */
function reachable(list: readonly Rule[], segment: string, now: number): readonly Rule[] {
  const found: Rule[] = []
  const taken = new TakenTime()
  for (const rule of list) {
    const { during } = rule.entry
    if (taken.covers(during)) continue
    found.push(rule)
    const mayBeLifted = rule.lifts.some(
      ({ exception: { entry, segments } }) => entry.expiresAt > now && (segments === null || segments.has(segment)),
    )
    if (!mayBeLifted) taken.add(during)
  }
  return found
}

/** The time that rules have taken: minutes of the week, by time zone, since the wall clocks of two zones cannot be compared. */
class TakenTime {
  #isAll = false
  readonly #zones = new Map<string, Uint8Array>()

  add(during: During | null): void {
    if (during === null) {
      this.#isAll = true
      return
    }
    const week = this.#zones.get(during.zone) ?? new Uint8Array(WEEK_MINUTES)
    this.#zones.set(during.zone, week)
    forEachMinute(during, (minute) => {
      week[minute] = 1
    })
  }

  covers(during: During | null): boolean {
    if (this.#isAll) return true
    for (const [zone, week] of this.#zones) {
      if (during !== null && during.zone === zone) {
        let isCovered = true
        forEachMinute(during, (minute) => {
          if (week[minute] === 0) isCovered = false
        })
        if (isCovered) return true
      } else if (!week.includes(0)) return true
    }
    return false
  }
}

function forEachMinute({ days, fromMinute, toMinute }: During, visit: (minute: number) => void): void {
  const length = toMinute - fromMinute + (toMinute <= fromMinute ? DAY_MINUTES : 0)
  for (let day = 0; day < 7; day++) {
    if ((days & (1 << day)) === 0) continue
    const start = day * DAY_MINUTES + fromMinute
    for (let minute = start; minute < start + length; minute++) visit(minute % WEEK_MINUTES)
  }
}

/** Names the rules that stand in the way, three at most. */
function reasonOf({ candidates }: Policy, rule: Rule, cells: readonly Cell[]): string {
  const earlier = new Set<string>()
  for (const [segmentKind, serviceKind] of cells) {
    const segment = candidates.segmentKinds[segmentKind]?.[0]
    const service = candidates.serviceKinds[serviceKind]?.[0]
    if (segment === undefined || service === undefined || missOf(rule, segment, service) !== null) continue
    for (const { entry } of candidates.of(segmentKind, serviceKind)) if (entry !== rule.entry) earlier.add(entry.id)
    if (earlier.size > 3) break
  }
  // A rule that meets any case and can never match has another before it there.
  if (earlier.size === 0)
    return 'no client and no service in these files meet its conditions; correct them, or remove the rule'
  const named = [...earlier].slice(0, 3).map((id) => `"${id}"`)
  if (earlier.size > 3) named.push('others')
  return `${listed(named, 'and')} ${earlier.size === 1 ? 'decides' : 'decide'} every case before it; move it up, or remove it`
}
