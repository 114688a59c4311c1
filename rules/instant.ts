/** Points in time as people write them in rule files and on command lines: RFC 3339 with its offset, nothing looser. */
import { quoted } from './address.ts'

const FORM = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/
const MINUTE = 60_000

/** Milliseconds since 1970 of an RFC 3339 §5.6 date-time; or what is wrong with it and what to write. No leap seconds. */
export function parseInstant(text: string): number | string {
  const match = FORM.exec(text)
  if (match === null) {
    return `${quoted(text)} is no time; write date, time and offset as in 2026-12-31T18:00:00+01:00 or 2026-12-31T17:00:00Z`
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const milliseconds = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3))
  const utc = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds)
  // Date.UTC carries 30 February over into March, and years below 100 into the 20th century.
  const isSame = new Date(utc).toISOString().startsWith(text.slice(0, 19).toUpperCase())
  const offsetHours = Number(match[9] ?? 0)
  const offsetMinutes = Number(match[10] ?? 0)
  if (!isSame || offsetHours > 23 || offsetMinutes > 59)
    return `${quoted(text)} is no time that exists; look at its parts`
  const offset = (offsetHours * 60 + offsetMinutes) * MINUTE
  return match[8] === '-' ? utc + offset : utc - offset
}
