/** Where standard output goes wrong: a reader that is gone or stands still, a full disk. */
import { spawn } from 'node:child_process'
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { freePort } from '../ports.ts'
import { MAIN, readSeries, scratch, start, waitFor } from './landline.ts'

const FULL = '/dev/full'
const GOOD = `version: 1
name: office
unknown_clients: refuse
segments: { wifi: { medium: wireless, prefixes: [127.0.0.0/8] } }
rules: [{ id: zoom-fixed-only, service: zoom, except: { medium: wired }, action: block }]
tests: [{ from: 127.0.0.7, to: zoom.us, expect: block }]
`
const dir = scratch(t)
writeFileSync(join(dir, 'bad.yaml'), `${GOOD}rulez: []\n`)
writeFileSync(join(dir, 'good.yaml'), GOOD)
writeFileSync(join(dir, 'untrue.yaml'), GOOD.replace('expect: block', 'expect: allow'))

/** Exit code and standard error of a command whose output nobody takes, or which has no room for it. */
async function ended(line: string, out: 'unread' | 'full', input = ''): Promise<readonly [number | null, string]> {
  const file = out === 'full' ? openSync(FULL, 'w') : null
  const child = spawn(process.execPath, [MAIN, ...line.split(' ')], {
    cwd: dir,
    stdio: ['pipe', file ?? 'pipe', 'pipe'],
  })
  child.stdout?.destroy()
  child.stdin?.on('error', () => {}) // it need not read all
  const talking = setInterval(() => child.stdin?.write(input), 1)
  if (input === '') child.stdin?.end()
  let errors = ''
  child.stderr?.on('data', (chunk) => (errors += chunk))
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearInterval(talking)
  if (file !== null) closeSync(file)
  return [code, errors]
}

t.test('what is wrong is wrong, whether anybody reads why', async (t) => {
  t.same(await ended('check good.yaml', 'unread'), [0, ''])
  t.same(await ended('check bad.yaml --json', 'unread'), [1, ''])
  t.equal((await ended('test untrue.yaml', 'unread'))[0], 1)
  t.same(await ended('classify --rules good.yaml', 'unread', 'zoom.us\n'.repeat(1000)), [0, ''], 'it reads no further')
})

const noFull = process.platform === 'linux' ? false : 'only Linux has /dev/full'
t.test('output that has no room is told of', { skip: noFull }, async (t) => {
  const [code, errors] = await ended('check good.yaml', 'full')
  t.equal(code, 2)
  t.match(errors, /^landline: the output cannot be written: ENOSPC.*; make room, or write it elsewhere\n$/)
})

/** The statuses of so many requests, one after the other. */
async function statuses(port: number, count: number): Promise<ReadonlySet<number>> {
  const seen = new Set<number>()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let each = 0; each < count; each++)
    seen.add(
      await new Promise<number>((resolve, reject) => {
        const asked = request({ port, host: '127.0.0.1', agent, path: 'http://zoom.us/', headers: { host: 'zoom.us' } })
        asked.on('response', (answer) => answer.resume().on('end', () => resolve(answer.statusCode ?? 0)))
        asked.on('error', reject).end()
      }),
    )
  agent.destroy()
  return seen
}

t.test('a full disk under the log stops nothing', { skip: noFull }, async (t) => {
  const [port, adminPort] = [await freePort(), await freePort()]
  const file = openSync(FULL, 'w')
  const args = ['serve', '--rules', 'good.yaml', '--listen', `127.0.0.1:${port}`, '--admin', `127.0.0.1:${adminPort}`]
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: dir, stdio: ['ignore', file, 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
  let errors = ''
  child.stderr?.on('data', (chunk) => (errors += chunk))
  await waitFor('it to serve', () =>
    readSeries(adminPort).then(
      () => true,
      () => false,
    ),
  )
  t.same(await statuses(port, 20), new Set([403]))
  child.kill()
  t.equal(await closed, 0)
  t.match(errors, /^landline: the log cannot be written: ENOSPC; it is tried again; .*\n$/, 'told once')
})

t.test(
  'a reader of the log that stands still holds up nothing, and misses nothing of some thousand lines',
  async (t) => {
    const proxy = await start(t, { rules: GOOD })
    const before = proxy.log().length
    proxy.process.stdout?.pause()
    t.same(await statuses(proxy.port, 2500), new Set([403]))
    proxy.process.stdout?.resume()
    const recorded = () =>
      proxy
        .log()
        .slice(before)
        .filter(({ msg }) => msg === 'recorded').length
    await waitFor('all lines', () => recorded() === 2500)
    proxy.process.stdout?.destroy()
    t.same(await statuses(proxy.port, 20), new Set([403]), 'nor does one that goes')
    await waitFor('a word on it', () => proxy.errors() !== '')
    t.match(proxy.errors(), /^landline: the log cannot be written: EPIPE; nobody reads it any more\. .*\n$/)
    t.equal(await proxy.stop(), 0)
  },
)
