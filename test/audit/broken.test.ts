/** A log that was cut or changed and went on: what `verify` says of it is true, short, and does not grow with the log. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CHECKPOINTS } from '../../audit/proof/checkpoint-file.ts'
import { checkpointsOf, newKey, verify, writeSigned } from './evidence-helpers.ts'
import { readLog } from './helpers.ts'

t.test('after a log was cut, each finding is told once, however long it goes on', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  const often = { records: 4 }
  await writeSigned(dir, key, 60, {}, often)
  const signed = (await checkpointsOf(dir)).map(({ size }) => size)
  const path = join(dir, readLog(dir).files[0] ?? '')
  const lines = readFileSync(path, 'utf8').split('\n')
  writeFileSync(path, `${lines.slice(0, 14).join('\n')}\n`)
  let before = 0
  for (const round of [1, 2]) {
    await writeSigned(dir, key, 6, {}, often)
    const records = readLog(dir).records.length
    t.ok(records > before && records < (signed.at(-1) ?? 0), 'it is not as long as it was')
    before = records
    const { result, problems } = await verify(dir, [key.verifier], (await checkpointsOf(dir)).at(-1))
    t.equal(result, 'tampered')
    const namesSigned = /^it names (a|the) checkpoint of \d+ records?,? (that|which) is not in/
    for (const { message } of problems) t.notMatch(message, namesSigned, 'it is there, as anybody can see')
    t.notMatch(problems.map(({ message }) => message).join('\n'), 'kept elsewhere is not in', 'nor is this one missing')
    const early = problems.filter(({ message }) => message.startsWith('it names the checkpoint of '))
    t.match(early, [{ kind: 'replaced-checkpoint', sequence: 16 }])
    t.match(early[0]?.message, /, and only 15 stand before it: .*; \d later records name such a checkpoint too$/)
    const misplaced = problems.filter(({ file }) => file === CHECKPOINTS)
    const behind = (await checkpointsOf(dir)).length - signed.length - 1
    t.match(misplaced, [
      {
        kind: 'replaced-checkpoint',
        message: new RegExp(`stands after one of ${signed.at(-1)}, and so do ${behind} behind it$`),
      },
    ])
    t.equal(problems.length, 5, `round ${round}: no longer`)
  }
})
