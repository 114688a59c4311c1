/** The disk of the audit folder full, on a real file system that is: nothing goes unrecorded, and it mends by itself. */
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Answer, ask, referenceOf, tunnel } from './ask.ts'
import { LOOPBACK, origin, type Running, run, scratch, start, waitFor } from './landline.ts'
import { chainFaults } from './records.ts'

const RULES = `version: 1
name: disk
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [127.0.0.1] }
  wifi: { medium: wireless, prefixes: [127.0.0.2] }
services: { meet: { name: Meet, category: meeting, prefixes: [127.0.0.9/32] } }
rules:
  - { id: no-zoom, service: zoom, except: { medium: wired }, action: block }
  - { id: meet-logged, service: meet, except: { medium: wired }, action: log }
ip_literals: allow
`
const DESK = '127.0.0.1'
const WIFI = '127.0.0.2'

/** A folder on a file system of its own, of 4 MiB; why there is none, where this user may not mount. */
async function smallDisk(t: Test, dir: string): Promise<string | null> {
  const folder = join(dir, 'data', 'audit')
  mkdirSync(folder, { recursive: true })
  const { code, errors } = await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder])
  if (code !== 0) return `a small file system cannot be mounted here: ${errors.split('\n')[0]}`
  t.teardown(() => run('umount', [folder]))
  return null
}

/** Takes all the space there is; returns what gives it back. */
function fill(dir: string): () => void {
  const path = join(dir, 'data', 'audit', 'filler')
  const file = openSync(path, 'w')
  for (const size of [65_536, 4096]) {
    try {
      while (writeSync(file, Buffer.alloc(size)) > 0);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    }
  }
  closeSync(file)
  return () => rmSync(path)
}

interface Site {
  readonly landline: Running
  readonly folder: string
  /** Conferencing that is recorded from the wireless segment. */
  readonly meet: string
  readonly web: string
  /** Requests that reached the service. */
  readonly met: () => number
}

async function site(t: Test, onFailure: string): Promise<Site | string> {
  const dir = scratch(t)
  const why = await smallDisk(t, dir)
  if (why !== null) return why
  let met = 0
  const meet = await origin(t, (_request, response) => response.end(`met ${++met}`), '127.0.0.9')
  const web = await origin(t, (_request, response) => response.end('plain'))
  const config = `${LOOPBACK}audit: { on_failure: ${onFailure} }\n`
  const landline = await start(t, { dir, rules: RULES, config })
  const folder = join(dir, 'data', 'audit')
  return { landline, folder, meet: `127.0.0.9:${meet.port}`, web: `http://127.0.0.1:${web.port}/`, met: () => met }
}

const errors = ({ metric }: Running) => metric('landline_audit_write_errors_total')

async function ready({ adminPort }: Running): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/readyz`)
  return `${response.status} ${(await response.text()).trim()}`
}

t.test('on_failure: block', async (t) => {
  const made = await site(t, 'block')
  if (typeof made === 'string') return t.pass(made, { skip: made })
  const { landline, folder, meet, web, met } = made
  const denied = () => ask(landline.port, 'http://zoom.us/', { from: WIFI })
  const told = [referenceOf(await denied())]
  t.equal((await ask(landline.port, `http://${meet}/`, { from: WIFI })).status, 200)
  t.equal(await ready(landline), '200 ready')
  t.equal(await errors(landline), 0)

  const free = fill(landline.dir)
  // What is left of the log's last page still takes some records: each of them counts.
  let answer = await denied()
  for (; answer.status === 403; answer = await denied()) told.push(referenceOf(answer))
  const unavailable = (answer: Answer, what: string) => {
    t.equal(answer.status, 503, what)
    t.equal(answer.fields.get('proxy-status'), 'landline-1; error=proxy_internal_error', what)
    t.match(answer.body, 'cannot write its record now', what)
    t.notOk(answer.fields.has('landline-reference'), what)
  }
  unavailable(answer, 'a denial')
  unavailable(await ask(landline.port, `http://${meet}/`, { from: WIFI }), 'a request that is logged')
  unavailable((await tunnel(landline.port, meet, WIFI)) as Answer, 'a tunnel that is logged') // refused, so an answer
  unavailable((await tunnel(landline.port, 'zoom.us:443', WIFI)) as Answer, 'a tunnel that is denied') // likewise
  t.equal(met(), 1, 'nothing of it reached the service')
  t.match(
    await ask(landline.port, `http://${meet}/`, { from: DESK }),
    { status: 200, body: 'met 2' },
    'not to be recorded',
  )
  for (const from of [DESK, WIFI])
    t.match(await ask(landline.port, web, { from }), { status: 200, body: 'plain' }, `plain traffic from ${from}`)
  t.match(await ready(landline), /^503 not ready\n.*record/)
  t.ok((await errors(landline)) > 0)
  t.match(landline.log().find(({ msg }) => msg === 'audit: records cannot be written')?.cause, 'ENOSPC')

  free()
  await landline.waitForLog('audit: records are written again')
  await waitFor('it to be ready', async () => (await ready(landline)) === '200 ready')
  told.push(referenceOf(await denied()))
  t.equal((await ask(landline.port, `http://${meet}/`, { from: WIFI })).status, 200)
  t.equal(await landline.stop(), 0)
  t.strictSame(chainFaults(folder), [])
  const records = landline.records()
  const blocks = records.filter(({ event }) => event.action === 'block').map(({ event }) => event.id)
  t.strictSame(blocks, told, 'every denial that was told, and no other')
  t.equal(records.filter(({ event }) => event.action === 'log').length, 2)
  const recovered = records.find(({ event }) => event.action === 'recovered')
  t.match(recovered?.landline.facts, { cause: 'ENOSPC', refused: 4, lost: 0 }, 'the gap is on record')
})

t.test('on_failure: continue', async (t) => {
  const made = await site(t, 'continue')
  if (typeof made === 'string') return t.pass(made, { skip: made })
  const { landline, folder, meet, met } = made
  const free = fill(landline.dir)
  const told: string[] = []
  while ((await errors(landline)) === 0)
    told.push(referenceOf(await ask(landline.port, 'http://zoom.us/', { from: WIFI })))
  t.equal((await ask(landline.port, `http://${meet}/`, { from: WIFI })).status, 200)
  t.equal(met(), 1, 'it goes on')
  told.push(referenceOf(await ask(landline.port, 'http://zoom.us/', { from: WIFI })))
  const waiting = () => landline.metric('landline_audit_queue_records')
  await waitFor('the metric to tell what is not written', async () => (await waiting()) >= 2)
  t.equal(
    await ready(landline),
    '200 ready\nwarning: records cannot be written; they wait in memory while traffic goes on',
  )
  free()
  await landline.waitForLog('audit: records are written again')
  t.equal(await landline.stop(), 0)
  t.strictSame(chainFaults(folder), [])
  const records = landline.records()
  const blocks = records.filter(({ event }) => event.action === 'block').map(({ event }) => event.id)
  t.strictSame(blocks, told, 'nothing is lost')
  t.equal(records.filter(({ event }) => event.action === 'log').length, 1)
  t.match(records.find(({ event }) => event.action === 'recovered')?.landline.facts, { cause: 'ENOSPC', lost: 0 })
})

t.test('a stop that cannot be recorded is a stop all the same, and says so', async (t) => {
  const made = await site(t, 'block')
  if (typeof made === 'string') return t.pass(made, { skip: made })
  const { landline, folder, web } = made
  const free = fill(landline.dir)
  while ((await errors(landline)) === 0) await ask(landline.port, 'http://zoom.us/', { from: WIFI })
  t.equal(await landline.stop(), 1)
  t.match(landline.log().at(-1), { level: 60, err: { message: 'The record could not be written (ENOSPC).' } })
  // It also starts on the full disk: what needs no record is served, and the start is recorded as soon as it can be.
  const next = await start(t, { dir: landline.dir, rules: RULES.replace('name: disk', 'name: another') })
  t.equal((await ask(next.port, 'http://zoom.us/', { from: WIFI })).status, 503)
  t.equal((await ask(next.port, web, { from: WIFI })).body, 'plain')
  free()
  await next.waitForLog('recording the start: done after all')
  await next.waitForLog('archiving the rules: done after all')
  t.equal((await ask(next.port, 'http://zoom.us/', { from: WIFI })).status, 403)
  t.equal(await next.stop(), 0)
  t.strictSame(chainFaults(folder), [])
  t.ok(existsSync(join(folder, 'rules', `${next.records().at(-1)?.rule?.version.slice(7)}.json`)), 'archived')
})
