/** Where Landline starts: the command line, and the one place that knows the real clock, streams and environment. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { adminHash } from './admin-hash.ts'
import { auditConsistency } from './audit/consistency.ts'
import { auditExport } from './audit/export.ts'
import { auditForget } from './audit/forget.ts'
import { auditKeygen } from './audit/keygen.ts'
import { auditQuery } from './audit/query.ts'
import { recordingFor } from './audit/recording.ts'
import { auditReveal } from './audit/reveal.ts'
import { auditRules } from './audit/rules.ts'
import { auditShow } from './audit/show.ts'
import { auditSignOff } from './audit/sign-off.ts'
import { auditVerify } from './audit/verify.ts'
import { auditVerifyExport } from './audit/verify-export.ts'
import { EXIT, type ExitCode, type Io, UsageError } from './io.ts'
import { type CommandLine, parseCommandLine } from './options.ts'
import { check } from './rules/check.ts'
import { classify } from './rules/classify.ts'
import { diff } from './rules/diff.ts'
import { explain } from './rules/explain.ts'
import { importSegments } from './rules/import.ts'
import { QUICK_START } from './rules/load.ts'
import { matrix } from './rules/matrix.ts'
import { segments } from './rules/segments.ts'
import { simulate } from './rules/simulate.ts'
import { test } from './rules/test.ts'
import { AdminError } from './running/admin-client.ts'
import { adminStatus } from './running/admin-status.ts'
import { breakglass } from './running/breakglass.ts'
import { doctor } from './running/doctor.ts'
import { whoami } from './running/whoami.ts'
import { readSecret } from './secret.ts'

/** Nobody reads the output any more. */
let isUnread = false
const input = () => createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
let reading: ReturnType<typeof input> | null = null

const io: Io = {
  print: (line) => void (isUnread || process.stdout.write(`${line}\n`)),
  drained: async () => {
    // Rejects where nobody reads any more, which is told below.
    if (!isUnread && process.stdout.writableNeedDrain) await once(process.stdout, 'drain').catch(() => {})
  },
  complain: (line) => void process.stderr.write(`${line}\n`),
  lines: () => {
    reading = input()
    return reading
  },
  secret: readSecret,
  now: () => Date.now(),
}

async function run(line: CommandLine): Promise<ExitCode> {
  const { positionals } = line
  const [first = '', second = ''] = positionals // their number has been checked
  switch (line.command) {
    case 'serve':
      // What only a proxy needs: the other commands start with a quarter less CPU without it.
      return (await import('./serve/serve.ts')).serve(line.flags, process.env, io)
    case 'check':
      return check({ file: first, catalogue: line.flags.catalog, json: line.flags.json === true }, io)
    case 'explain': {
      const { from = '', to = '', sni, at, catalog, json = false } = line.flags // the first two are required
      const whyNot = line.flags['why-not']
      return explain({ file: first, from, to, sni, at, whyNot, catalogue: catalog, json }, io)
    }
    case 'matrix': {
      const { at, csv, html, json, catalog } = line.flags
      const form = csv ? 'csv' : html ? 'html' : json ? 'json' : 'text'
      return matrix({ file: first, at, form, catalogue: catalog }, io)
    }
    case 'test': {
      const { live, junit, tap, json, catalog, 'client-address': clientAddress } = line.flags
      const form = junit ? 'junit' : tap ? 'tap' : json ? 'json' : 'text'
      return test({ file: first, cases: positionals.slice(1), live, clientAddress, form, catalogue: catalog }, io)
    }
    case 'classify': {
      const { rules, catalog, json = false } = line.flags
      const file = rules ?? (existsSync('rules.yaml') ? 'rules.yaml' : QUICK_START)
      return classify({ file, targets: positionals, catalogue: catalog, json }, io)
    }
    case 'diff': {
      const { at, catalog, json = false } = line.flags
      return diff({ before: first, after: second, at, catalogue: catalog, json }, io)
    }
    case 'segments': {
      const { at, catalog, json = false } = line.flags
      return segments({ file: first, at, catalogue: catalog, json }, io)
    }
    case 'import': {
      const { map = [], column, json = false } = line.flags
      return importSegments({ system: first, file: second, map, column, json }, io)
    }
    case 'whoami':
      return whoami(line.flags, process.env, io)
    case 'doctor':
      return doctor(line.flags, process.env, io)
    case 'simulate': {
      const { rules = '', against = '', since, html, catalog, json = false } = line.flags // the first two are required
      const mostBlocked = line.flags['max-newly-blocked']
      return simulate({ rules, against, since, mostBlocked, html, catalogue: catalog, json }, io)
    }
    case 'audit verify': {
      const { key = [], checkpoint = [], 'reviewer-key': reviewerKeys = [], 'as-of': asOf, json = false } = line.flags
      const files = [...checkpoint, ...positionals.slice(1)]
      return auditVerify({ dir: first, keys: key, checkpoints: files, reviewerKeys, asOf, json }, io)
    }
    case 'audit query':
      return auditQuery({ dir: first, ...line.flags }, io)
    case 'audit show': {
      const { key = [], json = false } = line.flags
      return auditShow({ dir: first, reference: second, keys: key, json }, io)
    }
    case 'audit consistency': {
      const { key = [], json = false } = line.flags
      return auditConsistency({ positionals, keys: key, json }, io)
    }
    case 'audit export':
      return auditExport({ dir: first, ...line.flags }, await recordingFor(first, line.flags, process.env, io), io)
    case 'audit verify-export': {
      const { key = [], checkpoint = [], json = false } = line.flags
      return auditVerifyExport({ dir: first, keys: key, checkpoints: checkpoint, json }, io)
    }
    case 'audit rules':
      return auditRules({ dir: first, ...line.flags }, io)
    case 'audit reveal': {
      const recording = await recordingFor(first, line.flags, process.env, io)
      return auditReveal({ dir: first, wanted: second, ...line.flags }, recording, io)
    }
    case 'audit forget':
      return auditForget({ month: first, ...line.flags }, io)
    case 'audit sign-off':
      return auditSignOff({ dir: positionals[0], ...line.flags }, process.env, io)
    case 'audit keygen':
      return auditKeygen({ file: first, name: line.flags.name, json: line.flags.json === true }, io)
    case 'breakglass':
      return breakglass(line.flags, process.env, io)
    case 'admin hash': {
      const { name, role = [], json = false } = line.flags
      return adminHash({ name, roles: role, json }, io)
    }
    case 'admin status':
      return adminStatus(line.flags, line.flags.json === true, process.env, io)
  }
}

async function main(argv: readonly string[]): Promise<ExitCode> {
  const line = parseCommandLine(argv)
  if ('usage' in line) {
    ;(line.exitCode === EXIT.fine ? io.print : io.complain)(line.usage)
    return line.exitCode
  }
  try {
    return await run(line)
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof AdminError)) throw error
    io.complain(`landline ${line.command}: ${error.message}`)
    return error instanceof UsageError ? EXIT.usage : EXIT.wrong
  }
}

// A reader that has seen enough (`landline audit verify … | head`) is no error, and no reason to take what is wrong for fine: the rest is
// not printed, and the exit code is what it would have been.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  isUnread = true
  reading?.close()
  if (error.code === 'EPIPE') return
  io.complain(`landline: the output cannot be written: ${error.message}; make room, or write it elsewhere`)
  process.exit(EXIT.incomplete)
})
// There is nowhere left to tell it.
process.stderr.on('error', () => {})

process.exitCode = await main(process.argv.slice(2))
