/** How many records wait for review, over sign-offs, gaps, restarts and purges; and which sign-offs hold. */
import t from 'tap'
import { type Statement, signStatement } from '../../audit/proof/sign-off.ts'
import { verifyLog } from '../../audit/proof/verify.ts'
import type { SystemEvent } from '../../rules/events.ts'
import { checkpointsOf, DAY, LATER, newKey, openSigned } from './evidence-helpers.ts'
import { denial, NOON, systemEvent } from './helpers.ts'

const anna = newKey('Anna-Auer')

function statementOf(change: Partial<Statement> = {}): Statement {
  const about = { verdict: 'in-order', note: 'seen', reviewer: 'Anna Auer', role: null } as const
  return {
    origin: 'landline-1',
    size: 1,
    root: '',
    from: 1,
    to: 1,
    time: '2026-11-23T12:00:00.000Z',
    ...about,
    ...change,
  }
}

function signOff(statement: Statement, change: SystemEvent['facts'] = {}, key = anna): SystemEvent {
  const { from, to, size, root, verdict, reviewer, role, note } = statement
  const signed = { key: key.verifier.text, statement: signStatement(statement, key) }
  const facts = { from, to, size, root, verdict, reviewer, role, ...signed, ...change }
  return { action: 'sign-off', outcome: 'success', reason: note, policy: null, facts }
}

/** What waits, once it is counted. */
async function settled(audit: { reviewed(): { unreviewed: number | null } | null }): Promise<unknown> {
  while (audit.reviewed()?.unreviewed === null) await new Promise((resolve) => setImmediate(resolve))
  return audit.reviewed()
}

t.test('records of traffic wait until an unbroken row of sign-offs covers them', async (t) => {
  const dir = t.testdir()
  const key = newKey()
  let now = NOON
  const open = () => openSigned(dir, key, { now: () => now++ }, { records: 4 })
  const first = await open()
  for (let n = 0; n < 6; n++) await first.audit.record(denial(n))
  await first.audit.record(systemEvent('reload'))
  t.same(await settled(first.audit), { reviewed: 0, unreviewed: 6 }, 'what the system says needs no review')
  await first.audit.record(signOff(statementOf({ from: 1, to: 3 })))
  const before = first.audit.reviewed()?.reviewed
  t.equal(before, 3)
  const waiting = (await settled(first.audit)) as { unreviewed: number }
  await first.audit.record(signOff(statementOf({ from: 6, to: 7 })))
  t.same(await settled(first.audit), waiting, 'a review that leaves some out does not count yet')
  await first.audit.close()
  const second = await open()
  t.same(await settled(second.audit), waiting, 'a restart knows')
  await Promise.all([
    second.audit.record(denial(7)),
    second.audit.record(signOff(statementOf({ from: 4, to: 8 }))),
    second.audit.record(denial(8)),
  ])
  const after = (await settled(second.audit)) as { unreviewed: number }
  t.same(after, { reviewed: 8, unreviewed: 2 }, 'what comes while they are counted is counted')
  await second.audit.close()
  now = NOON + DAY
  const third = await open()
  t.same(await settled(third.audit), after)
  await third.audit.close()
})

t.test('verify tells a sign-off that does not hold', async (t) => {
  const key = newKey()
  const other = newKey('Anna-Auer')
  const good = (size: number, root: string) => statementOf({ size, root, to: size })
  const cases: readonly [name: string, make: (size: number, root: string) => SystemEvent, want: readonly string[]][] = [
    ['as it should be', (size, root) => signOff(good(size, root)), []],
    ['another range in the record', (size, root) => signOff(good(size, root), { from: 2 }), ['its from is not what']],
    ['another note', (size, root) => ({ ...signOff(good(size, root)), reason: 'all fine' }), ['its note is not what']],
    [
      'the key of another',
      (size, root) => signOff(good(size, root), { key: other.verifier.text }),
      ['not signed by the key that it names'],
    ],
    ['no statement', (size, root) => signOff(good(size, root), { statement: 'x' }), ['it holds no statement']],
    [
      'a root that the log never had',
      (size) => signOff(good(size, Buffer.alloc(32).toString('base64'))),
      ['is none of this log'],
    ],
  ]
  for (const [name, make, want] of cases) {
    const dir = t.testdir()
    const signed = await openSigned(dir, key, {}, { records: 3 })
    for (let n = 0; n < 3; n++) await signed.audit.record(denial(n))
    while (signed.told.length === 0) await new Promise((resolve) => setImmediate(resolve))
    const [checkpoint] = await checkpointsOf(dir)
    await signed.audit.record(make(checkpoint?.size ?? 0, checkpoint?.root.toString('base64') ?? ''))
    await signed.audit.close()
    const verify = (reviewers: readonly (typeof anna.verifier)[]) =>
      verifyLog({ dir, keys: [], outside: [], reviewers, now: LATER })
    const { result, problems, basis } = await verify([anna.verifier])
    t.equal(result, want.length === 0 ? 'consistent' : 'tampered', name)
    t.same([problems.length, problems.every(({ kind }) => kind === 'false-sign-off')], [want.length, true], name)
    for (const [index, text] of want.entries()) t.ok(problems[index]?.message.includes(text), text)
    if (want.length > 0) continue
    t.same(basis.signOffs, { byGiven: 1, byOthers: 0, others: [] })
    const stranger = await verify([other.verifier])
    t.same(stranger.basis.signOffs, { byGiven: 0, byOthers: 1, others: [anna.verifier.text] })
  }
})
