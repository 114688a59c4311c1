/** Where addresses are kept out of the records, a segment of a few of them still tells who it was, by its very name. */
import type { Prefix } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'
import type { ServerConfig } from '../settings/settings.ts'

interface Log {
  warn(fields: object, message: string): void
}

/** Fewer than these behind one name are few. */
const FEW = 16
const WIDTH_V6 = 128

/** Warns where `audit.privacy: pseudonymous` protects less than it seems to. */
export function warnOfSmallSegments({ file }: Pick<Policy, 'file'>, { audit }: ServerConfig, log: Log): void {
  const segments = audit.privacy === 'plain' ? [] : smallSegments(file)
  if (segments.length > 0)
    log.warn({ segments }, 'audit.privacy: segments of few addresses tell by their names whom a record is about')
}

/** Ids of segments without as many addresses as would hide one; those that are shared hide people behind each. */
export function smallSegments({ segments }: Pick<Policy['file'], 'segments'>): readonly string[] {
  const small = segments.filter(({ shared, prefixes }) => !shared && sizeOf(prefixes) < FEW)
  return small.map(({ id }) => id)
}

function sizeOf(prefixes: readonly Prefix[]): number {
  return prefixes.reduce((sum, { base, length }) => sum + 2 ** ((base.family === 4 ? 32 : WIDTH_V6) - length), 0)
}
