/** `landline audit verify`: what it says of the end of a log, of a copy's and of one that is not what was signed. */
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CHECKPOINTS } from '../../audit/proof/checkpoint-file.ts'
import { tallyName } from '../../audit/tallies/file.ts'
import { type AuditVerifyFlags, auditVerify } from '../../cli/audit/verify.ts'
import type { Io } from '../../cli/io.ts'
import { parseCommandLine } from '../../cli/options.ts'
import { DAY, LATER, newKey, openSigned, readFiles, writeFiles, writeSigned } from '../audit/evidence-helpers.ts'
import { denial, NOON, readLog } from '../audit/helpers.ts'

async function verify(dir: string, flags: Partial<AuditVerifyFlags> = {}, now = LATER) {
  let out = ''
  const io: Io = {
    print: (line) => (out += `${line}\n`),
    complain: t.fail,
    lines: async function* () {},
    now: () => now,
  }
  const code = await auditVerify({ dir, keys: [], checkpoints: [], json: false, ...flags }, io)
  return { code, out }
}

t.test('behind a fault records are not unsigned: they are not proven', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  let at = NOON
  for (const day of [0, 1]) {
    at = NOON + day * DAY
    await writeSigned(dir, key, 20, { now: () => at++ }, { records: 5 })
  }
  const { files, records } = readLog(dir)
  const [first = '', second = ''] = files.map((name) => join(dir, name))
  const [one, two] = [readFileSync(first, 'utf8'), readFileSync(second, 'utf8')]
  const signed = readFileSync(join(dir, CHECKPOINTS), 'utf8')
    .split('\n')
    .filter((line) => /^\d+$/.test(line))
    .map(Number)
  const lastBefore = (sequence: number) => signed.findLast((size) => size < sequence) ?? 0
  const changed = records.find(({ destination }) => destination?.domain === 'us12web.zoom.us').event.sequence
  const notProven = (last: number, count = records.length - last) =>
    `  not proven: ${count} records after record ${last}, the last that is proven\n`
  const end = (await verify(dir)).out
  t.match(end, `  unsigned: 0 records at the end, after the ${records.length} under the newest checkpoint\n`)

  writeFileSync(first, one.replace('us12web', 'us13web'))
  t.match(await verify(dir), { code: 1, out: notProven(lastBefore(changed)) })
  t.ok(lastBefore(changed) > 0)
  writeFileSync(first, `${one.split('\n').slice(0, 13).join('\n')}\n`)
  rmSync(second)
  t.match(await verify(dir), { code: 1, out: notProven(lastBefore(14), 13 - lastBefore(14)) })
  rmSync(first)
  writeFileSync(second, two)
  const left = two.split('\n').length - 1
  t.match(await verify(dir), { code: 2, out: `  not proven: ${left} records; there is no checkpoint that fits\n` })
})

t.test('a copy of a running log is judged by when it was made, where that is told', async (t) => {
  const dir = t.testdir({ log: {}, copy: {} })
  const [log, copy] = [join(dir, 'log'), join(dir, 'copy')]
  const { audit } = await openSigned(log, newKey(), { now: () => NOON }, { records: 5 })
  for (let n = 0; n < 13; n++) await audit.record(denial(n))
  writeFiles(copy, readFiles(log))
  await audit.close()
  const asOf = (milliseconds: number) => new Date(milliseconds).toISOString()
  const made = NOON + 30_000
  const hint = '--as-of TIME'
  t.match(await verify(copy, {}, made), { code: 0, out: /^consistent: / })
  const old = await verify(copy)
  t.match(old, { code: 2, out: /^\S+: unsigned-tail .* A copy that was made while the proxy ran ends so/ })
  t.match(old.out, hint)
  t.match(JSON.parse((await verify(copy, { json: true })).out), { result: 'incomplete', problems: [{ message: hint }] })
  t.match(await verify(copy, { asOf: asOf(made) }), {
    code: 0,
    out: /^consistent: (.*\n)* {2}as of 2026-11-23T12:00:30Z, when this copy was made by the word of who verifies\n/,
  })
  t.match(await verify(copy, { asOf: '90m' }, made + 90 * 60_000), { code: 0 }, 'so long ago')
  const late = await verify(copy, { asOf: asOf(NOON + 121_000) })
  t.match(late, { code: 2, out: /^\S+: unsigned-tail / })
  t.notMatch(late.out, hint, 'it was given')

  const path = join(copy, readLog(copy).files[0] ?? '')
  writeFileSync(path, readFileSync(path).subarray(0, -5))
  appendFileSync(join(copy, CHECKPOINTS), 'landline-1\n16\n')
  t.match((await verify(copy)).out, /(: torn: .*\n.*)+/)
  t.match(await verify(copy, { asOf: asOf(made) }), { code: 0 }, 'what was being written')
  writeFileSync(join(copy, tallyName(NOON)), '')
  t.match(await verify(copy, { asOf: asOf(made) }), { code: 0 }, 'a tally too')
  t.match((await verify(copy)).out, new RegExp(`${tallyName(NOON)}:1: unsigned-tail: .*${hint}`))

  for (const [text, message] of [
    [asOf(LATER + 1), /--as-of \S+ is still to come; say when the copy was made/],
    ['noon', /--as-of: "noon" is no time; /],
    ['2026-11-23', /--as-of: "2026-11-23" is no time; /],
  ] as const)
    await t.rejects(verify(copy, { asOf: text }), { name: 'UsageError', message })
  const line = parseCommandLine(['audit', 'verify', 'DIR', '--as-of', '2026-11-23T12:00:30Z'])
  t.match(line, { flags: { 'as-of': '2026-11-23T12:00:30Z' } })
})
