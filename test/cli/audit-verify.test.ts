/** `landline audit verify`: what it says of the end of a log, of a copy's and of one that is not what was signed. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CHECKPOINTS } from '../../audit/checkpoint-file.ts'
import { type AuditVerifyFlags, auditVerify } from '../../cli/audit-verify.ts'
import type { Io } from '../../cli/io.ts'
import { DAY, LATER, newKey, writeSigned } from '../audit/evidence-helpers.ts'
import { NOON, readLog } from '../audit/helpers.ts'

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
