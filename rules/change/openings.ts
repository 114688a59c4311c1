/** What one policy lets through that another does not: by segment and service, or for one client. */
import { judge, seatOf } from '../decide.ts'
import type { Evidence, VerdictAction } from '../model.ts'
import type { Policy } from '../policy.ts'
import { cellsAt, NO_SERVICE } from './matrix.ts'

export interface Opening {
  /** A segment's id, or a client's address. */
  readonly who: string
  readonly isSegment: boolean
  /** Ids; `none` is the bare address of no service. */
  readonly services: readonly string[]
}

/** For whole segments, as of `at`. */
export function openingsOf(before: Policy, after: Policy, at: number): readonly Opening[] {
  const cellBefore = cellsAt(before, at)
  const cellAfter = cellsAt(after, at)
  const services = classesOf([...after.services.keys()], serviceKinds(before), serviceKinds(after))
  const segments = classesOf([...after.segments.keys()], segmentKinds(before), segmentKinds(after))
  // Unknown clients may be refused whatever the rules say, so none is like them.
  return [...segments, ['unknown']].flatMap((peers) => {
    const [segment = 'unknown'] = peers
    const opened = [...services, [NO_SERVICE]].filter(([service = NO_SERVICE]) =>
      isOpened(cellBefore(segment, service)?.action, cellAfter(segment, service)?.action),
    )
    const ids = opened.flat()
    return ids.length === 0 ? [] : peers.map((who) => ({ who, isSegment: true, services: ids }))
  })
}

/** For the client of the evidence alone, other services than those that it names. */
export function openingsFor(before: Policy, after: Policy, { source, at, host }: Evidence): readonly Opening[] {
  if (source === null) return []
  const asked = host === null ? undefined : after.names.lookup(host)?.service?.id
  const actionOf = (policy: Policy, id: string): VerdictAction | undefined => {
    const seat = seatOf(policy, source)
    if (seat === policy.unknownSeat && policy.unknownClients === 'refuse') return 'refuse'
    const service = policy.services.get(id)
    return service && judge(policy, seat, service, source, at).action
  }
  const services = [...after.services.keys()].filter(
    (id) => id !== asked && isOpened(actionOf(before, id), actionOf(after, id)),
  )
  return services.length === 0 ? [] : [{ who: source.text, isSegment: false, services }]
}

function isOpened(before: VerdictAction | undefined, after: VerdictAction | undefined): boolean {
  const wasStopped = before === 'block' || before === 'refuse'
  return wasStopped && after !== undefined && after !== 'block' && after !== 'refuse'
}

/** Ids that neither policy tells apart, together. */
function classesOf(
  ids: readonly string[],
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): readonly (readonly string[])[] {
  const classes = new Map<string, string[]>()
  for (const id of ids) {
    const key = `${before.get(id)} ${after.get(id)}`
    const peers = classes.get(key)
    if (peers === undefined) classes.set(key, [id])
    else peers.push(id)
  }
  return [...classes.values()]
}

function segmentKinds({ candidates }: Policy): ReadonlyMap<string, number> {
  return new Map(candidates.segmentKinds.flatMap((peers, kind) => peers.map(({ id }) => [id, kind] as const)))
}

function serviceKinds({ services }: Policy): ReadonlyMap<string, number> {
  return new Map([...services.values()].map(({ id, kind }) => [id, kind]))
}
