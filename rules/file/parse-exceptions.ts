/** `exceptions` and `tests` of the rule file: who, what, and times to the second. */

import { parseAddress, parsePrefixes, quoted } from '../address.ts'
import { ALL_RULES } from '../breakglass.ts'
import { canonicalHost } from '../host.ts'
import { parseInstant } from '../instant.ts'
import type { ExceptionEntry, Prefix, TestEntry } from '../model.ts'
import { parseTarget } from '../target.ts'
import type { IdSpace } from './ids.ts'
import { type Ids, namesOf } from './parse-rules.ts'
import type { WrittenCases, WrittenException, WrittenLists, WrittenTest } from './schema.ts'
import type { Draft, Written } from './written.ts'

type Parts = readonly Written<Draft<WrittenLists>>[]

const LONGEST_MS = 90 * 24 * 60 * 60 * 1000

/** Rule names of verdicts that no rule gives; rules cannot have them as ids. */
export const RESERVED_RULES = ['none', 'otherwise', 'ip_literals', 'unknown_clients', ALL_RULES]

/** The exceptions of all files, in order; their ids are added to `own`. `now` is in milliseconds since 1970. */
export function parseExceptions(parts: Parts, ids: Ids, own: IdSpace, now: number): readonly ExceptionEntry[] {
  return parts.flatMap((part) => part.list('exceptions')).map((exception) => parseException(exception, ids, own, now))
}

function parseException(
  exception: Written<Draft<WrittenException>>,
  ids: Ids,
  own: IdSpace,
  now: number,
): ExceptionEntry {
  const { reason = '', ticket = '', approver = '' } = exception.value
  const id = exception.get('id')
  if (id !== null) own.add(id.value, id, id.place)
  const hasFrom = 'from' in exception.value
  const hasSegment = 'segment' in exception.value
  if (hasFrom && hasSegment) exception.error('an exception has "from" or "segment", not both; drop one')
  if (!hasFrom && !hasSegment) exception.error('an exception is for "from" or "segment"; add one')
  return {
    id: id?.value ?? '',
    rules: ids.rules.resolve(exception.list('rule')),
    from: hasFrom ? prefixesOf(exception.list('from')) : null,
    segments: namesOf(exception.list('segment'), ids.segments),
    ...spanOf(exception, now),
    reason,
    ticket,
    approver,
    place: exception.place,
  }
}

function spanOf(exception: Written<Draft<WrittenException>>, now: number) {
  const starts = exception.get('starts')
  const expires = exception.get('expires')
  const startsAt = instantOf(starts)
  const expiresAt = instantOf(expires)
  // What stands in for a time that was not readable does not matter: the file is refused.
  if (expires === null || expiresAt === null || (starts !== null && startsAt === null))
    return { startsAt, expiresAt: 0 }
  if (startsAt !== null && expiresAt <= startsAt)
    expires.error('"expires" is not after "starts"; correct one of the two')
  else if (expiresAt - (startsAt ?? now) > LONGEST_MS) {
    const last = new Date((startsAt ?? now) + LONGEST_MS).toISOString().replace('.000Z', 'Z')
    expires.error(
      `"expires" is more than 90 days after ${startsAt === null ? 'today' : '"starts"'}; ${last} is the latest`,
    )
  } else if (expiresAt <= now) {
    exception.warn(`exception ${quoted(exception.value.id ?? '')} has expired at ${expires.value}; drop it`)
  }
  return { startsAt, expiresAt }
}

/** null where there is no time, or, with the fault reported, none that can be read. */
function instantOf(time: Written<string> | null): number | null {
  if (time === null) return null
  const instant = parseInstant(time.value)
  if (typeof instant === 'number') return instant
  time.error(instant)
  return null
}

function prefixesOf(items: readonly Written<string>[]): readonly Prefix[] {
  const prefixes = new Map<string, Prefix>()
  for (const item of items) {
    const found = parsePrefixes(item.value)
    if (typeof found === 'string') item.error(found)
    else for (const prefix of found) prefixes.set(prefix.text, prefix)
  }
  return [...prefixes.values()]
}

/** The tests of all files, in order. */
export function parseTests(parts: readonly Written<Draft<WrittenCases>>[], ids: Ids): readonly TestEntry[] {
  return parts.flatMap((part) => part.list('tests')).map((test) => parseTest(test, ids))
}

function parseTest(test: Written<Draft<WrittenTest>>, ids: Ids): TestEntry {
  const from = test.get('from')
  const address = from === null ? null : parseAddress(from.value)
  if (from !== null && address === null)
    from.error(`${quoted(from.value)} is no IP address; write one such as 10.20.0.7`)
  const to = test.get('to')
  const target = to === null ? null : parseTarget(to.value)
  if (typeof target === 'string') to?.error(target)
  const rule = test.get('rule')
  if (rule !== null && !RESERVED_RULES.includes(rule.value)) ids.rules.resolve([rule])
  return {
    from: address?.text ?? '',
    to: to?.value ?? '',
    serverName: serverNameOf(test.get('sni')),
    at: instantOf(test.get('at')),
    // `refuse` only ever stands in for what was not readable: the file is refused.
    expect: test.value.expect ?? 'refuse',
    rule: rule?.value ?? null,
    place: test.place,
  }
}

function serverNameOf(sni: Written<string> | null): string | null {
  if (sni === null) return null
  const host = canonicalHost(sni.value)
  if (host.kind === 'name') return host.name
  sni.error(
    host.kind === 'invalid'
      ? host.message
      : `${quoted(sni.value)} is an address; a server name is a name (RFC 6066 §3)`,
  )
  return null
}
