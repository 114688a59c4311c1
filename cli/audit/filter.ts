/** The filter of `audit query` and `audit export`: which flags there are, and what they mean. */
import { isPseudonym } from '../../audit/pseudonym.ts'
import type { Filter } from '../../audit/query.ts'
import { RECORDED_ACTIONS } from '../../audit/record.ts'
import { parseAddress } from '../../rules/address.ts'
import { parseInstant } from '../../rules/instant.ts'
import { MEDIA } from '../../rules/model.ts'
import { didYouMean } from '../../rules/problems.ts'
import { type Io, UsageError } from '../io.ts'
import { builtInCatalogue } from '../rules/load.ts'

export interface FilterFlags {
  readonly since: string | undefined
  readonly until: string | undefined
  readonly segment: string | undefined
  readonly medium: string | undefined
  readonly service: string | undefined
  readonly rule: string | undefined
  readonly action: readonly string[] | undefined
  readonly ref: string | undefined
  readonly source: string | undefined
}

/** `now`: milliseconds since 1970, for times that are so long ago. Throws UsageError. */
export function filterOf(flags: FilterFlags, now: number): Filter {
  const { segment, medium, service, rule, action, ref, source } = flags
  if (medium !== undefined && !MEDIA.some((known) => known === medium))
    throw new UsageError(`--medium ${medium} is none of ${MEDIA.join(', ')}`)
  if (ref !== undefined && !/^[0-9a-f-]{1,36}$/i.test(ref))
    throw new UsageError(`--ref ${ref} is not the beginning of a reference: hexadecimal digits and hyphens`)
  const unknown = action?.find((name) => !RECORDED_ACTIONS.includes(name))
  if (unknown !== undefined)
    throw new UsageError(
      `--action ${unknown} is none of ${RECORDED_ACTIONS.join(', ')}${didYouMean(unknown, RECORDED_ACTIONS)}`,
    )
  const since = timeOf('since', flags.since, now)
  const until = timeOf('until', flags.until, now)
  if (since !== null && until !== null && since >= until)
    throw new UsageError(`--until ${flags.until} is not after --since ${flags.since}; nothing lies between them`)
  return {
    since,
    until,
    segment: segment ?? null,
    medium: medium ?? null,
    service: service ?? null,
    rule: rule ?? null,
    actions: action ?? null,
    reference: ref?.toLowerCase() ?? null,
    source: sourceOf(source),
  }
}

/** As records name the service, where the filter has an alias of the built-in catalogue; says so. */
export async function withoutAlias(filter: Filter, io: Pick<Io, 'complain'>): Promise<Filter> {
  const { service } = filter
  const id = service === null ? undefined : (await builtInCatalogue())?.aliases.get(service)
  if (id === undefined) return filter
  io.complain(`--service ${service} stands for ${id}`)
  return { ...filter, service: id }
}

/** What to say where nothing matched. An unknown service is no mistake in the call: rules name services of their own. */
export async function nothingMatched(total: string, { service }: Filter): Promise<string> {
  const catalogue = service === null ? null : await builtInCatalogue()
  const known = new Set(catalogue?.services.map(({ id }) => id))
  const names = [...known, ...(catalogue?.aliases.keys() ?? [])]
  const near = service === null || catalogue === null || known.has(service) ? '' : didYouMean(service, names)
  const unknown = near === '' ? '' : `; --service ${service} is not in the catalogue${near}`
  return `${total} matches${unknown}`
}

function sourceOf(text: string | undefined): string | null {
  if (text === undefined || isPseudonym(text)) return text ?? null
  const address = parseAddress(text)
  if (address === null) throw new UsageError(`--source ${text} is no address, and no pseudonym`)
  return address.text
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A time, or how long ago: `90m`, `24h`, `7d`. Throws UsageError. */
export function timeOf(flag: string, text: string | undefined, now: number): number | null {
  if (text === undefined) return null
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return now - Number(count) * (UNIT_MS[unit] ?? 0)
  const time = parseInstant(text)
  if (typeof time === 'string') throw new UsageError(`--${flag}: ${time}; or 90m, 24h, 7d ago`)
  return time
}

/** Every record. */
export const ANY: Filter = {
  since: null,
  until: null,
  segment: null,
  medium: null,
  service: null,
  rule: null,
  actions: null,
  reference: null,
  source: null,
}
