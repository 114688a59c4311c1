/** `landline audit forget MONTH`: destroys a month's privacy key, so that nobody can tell any more whom its records are about. */
import { AuditError } from '../../audit/error.ts'
import { destroyMonth } from '../../audit/privacy-keys.ts'
import { monthOf } from '../../audit/pseudonym.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import type { Flags } from '../options.ts'
import { textOf } from './recording.ts'

export type AuditForgetFlags = Flags<'audit forget'> & { readonly month: string }

/** 0: destroyed, and the proxy puts it on record; 1: there is no such key. Throws UsageError. */
export function auditForget(flags: AuditForgetFlags, io: Io): ExitCode {
  const { month, 'privacy-key': path = '', json = false } = flags
  if (!/^\d{4}-(?:0[1-9]|1[0-2])$/.test(month)) throw new UsageError(`${month} is no month; write it as in 2026-09`)
  if (month >= monthOf(io.now()))
    throw new UsageError(`${month} is not over yet: its key is in use until it is, and would be needed again`)
  const about = { by: textOf('by', flags.by), reason: textOf('reason', flags.reason) }
  const wasThere = destroyed(path, { month, ...about }, io.now())
  if (json) printJson(io, { month, destroyed: wasThere })
  else if (wasThere) io.print(`${month}: its key is destroyed. A proxy that uses ${path} puts that on record`)
  else io.complain(`${month}: ${path} has no key of that month`)
  return wasThere ? EXIT.fine : EXIT.wrong
}

function destroyed(path: string, destruction: Parameters<typeof destroyMonth>[1], now: number): boolean {
  try {
    return destroyMonth(path, destruction, now)
  } catch (error) {
    if (error instanceof AuditError) throw new UsageError(error.message)
    throw error
  }
}
