/** Reloads that users can trust: whatever happens to the files, the rules in force are whole, tested, on record, and the last good ones. */
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { BUILT_IN_CATALOGUE } from '../../cli/rules/load.ts'
import { Keeper, type KeeperEvents } from '../../cli/serve/keeper.ts'
import { readCandidate } from '../../cli/serve/read-candidate.ts'
import type { SystemEvent } from '../../rules/events.ts'
import { run } from '../e2e/landline.ts'

const NOW = Date.parse('2026-11-23T12:00:00Z')
const MAIN = `version: 1
name: kept
include: [more.yaml]
unknown_clients: classify
segments: { wifi: { medium: wireless, file: wifi.csv } }
rules: [{ id: one, service: zoom, except: { medium: wired }, action: block }]
tests: [{ from: 10.20.0.7, to: zoom.us, expect: block, rule: one }]
`
const MORE = 'segments: { desks: { medium: wired, prefixes: [10.10.0.0/16] } }\n'
const WIFI = 'prefix,description\n10.20.0.0/16,house\n'

interface Kept {
  readonly dir: string
  readonly main: string
  readonly keeper: Keeper
  readonly events: SystemEvent[]
  readonly oks: boolean[]
  readonly log: string[]
  readonly put: (name: string, text: string | Buffer) => void
  /** As often as it takes to notice what has changed and stands still. */
  readonly looks: () => Promise<void>
  /** The newest event as `action problem`, without the folder's name. */
  readonly told: () => string
}

async function kept(
  t: Test,
  given: Partial<KeeperEvents> & { dir?: string; catalogueDir?: string; monitor?: boolean } = {},
): Promise<Kept> {
  const dir = given.dir ?? mkdtempSync(join(tmpdir(), 'landline-keeper-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const put = (name: string, text: string | Buffer) => writeFileSync(join(dir, name), text)
  const main = join(dir, 'rules.yaml')
  if (given.dir === undefined) {
    put('rules.yaml', MAIN)
    put('more.yaml', MORE)
    put('wifi.csv', WIFI)
  }
  const events: SystemEvent[] = []
  const oks: boolean[] = []
  const log: string[] = []
  const options = {
    main,
    catalogueDir: given.catalogueDir,
    monitor: given.monitor ?? false,
    now: () => NOW,
    events: {
      archive: async () => {},
      record: async (event: SystemEvent) => events.push(event),
      changed: async () => {},
      reloaded: (ok: boolean) => oks.push(ok),
      log: { info: (_: object, text: string) => log.push(text), error: (_: object, text: string) => log.push(text) },
      ...given,
    },
  }
  const { policy, sources } = await readCandidate(options)
  if (policy === null) throw new Error('the first rules are good')
  const keeper = new Keeper(options, { policy, watched: sources, isWhatWasAskedFor: true })
  t.teardown(() => keeper.stop())
  const looks = async () => {
    for (let look = 0; look < 3; look++) await keeper.look()
  }
  const told = () => {
    const { action = '', facts = {} } = events.at(-1) ?? {}
    const lines = [facts.problems, facts.changes].flat().filter((line) => typeof line === 'string')
    return [action, ...lines].join('\n').replaceAll(`${dir}/`, '')
  }
  return { dir, main, keeper, events, oks, log, put, looks, told }
}

const CHANGES: [name: string, change: (kept: Kept) => void, told: RegExp][] = [
  [
    'the rule file',
    ({ put }) => put('rules.yaml', MAIN.replace('service: zoom', 'service: [zoom, webex]')),
    /^reload\nrule one: for service zoom → service cisco-webex or zoom$/,
  ],
  ['an included file', ({ put }) => put('more.yaml', MORE.replace('10.10.', '10.11.')), /^reload\nsegment desks: /],
  [
    'a segment file',
    ({ put }) => put('wifi.csv', `${WIFI}10.21.0.0/16,annex\n`),
    /^reload\nsegment wifi: .*10\.21\.0\.0\/16/,
  ],
  [
    'a finished file renamed over it, of the same size and time',
    ({ dir, main, put }) => {
      const { atime, mtime } = statSync(main)
      put('next.yaml', MAIN.replace('name: kept', 'name: KEPT'))
      utimesSync(join(dir, 'next.yaml'), atime, mtime)
      renameSync(join(dir, 'next.yaml'), main)
    },
    /^reload\nname kept → KEPT$/,
  ],
  [
    'the same size written in place, and the old time put back',
    ({ main, put }) => {
      const { atime, mtime } = statSync(main)
      put('rules.yaml', MAIN.replace('name: kept', 'name: KEPT'))
      utimesSync(main, atime, mtime)
    },
    /^reload\nname kept → KEPT$/,
  ],
  [
    'Windows line ends',
    ({ put }) => put('rules.yaml', MAIN.replace('kept', 'crlf').replaceAll('\n', '\r\n')),
    /^reload\nname kept → crlf$/,
  ],
  [
    'a byte order mark',
    ({ put }) => put('rules.yaml', `\uFEFF${MAIN.replace('kept', 'bom')}`),
    /^reload\nname kept → bom$/,
  ],
  [
    'marks and Windows line ends in a segment file',
    ({ put }) => put('wifi.csv', `\uFEFF${WIFI.replaceAll('\n', '\r\n')}10.21.0.0/16,x\r\n`),
    /^reload\nsegment wifi: /,
  ],
  ['a file touched', ({ main }) => utimesSync(main, 1, 1), /^reload$/],
  [
    'the ceiling',
    ({ put }) =>
      put(
        'rules.yaml',
        MAIN.replace('unknown_clients', 'mode: monitor\nunknown_clients').replace(
          'expect: block',
          'expect: would-block',
        ),
      ),
    /^mode-change$/,
  ],
]

for (const [name, change, told] of CHANGES) {
  t.test(`is noticed, once: ${name}`, async (t) => {
    const it = await kept(t)
    await it.looks()
    t.same(it.events, [], 'nothing has changed')
    const before = it.keeper.policy
    change(it)
    await it.keeper.look()
    t.equal(it.keeper.policy, before, 'not while it may still be written')
    await it.looks()
    t.match(it.told(), told)
    const { action, facts, policy } = it.events[0] ?? {}
    t.match([action, facts?.before, facts?.why], ['reload', before.revision, 'a changed file'])
    t.equal(policy?.revision, it.keeper.policy.revision)
    const count = it.events.length
    await it.looks()
    t.equal(it.events.length, count)
    t.same(it.oks, [true])
  })
}

/** Something else where the file was. */
function instead(file: string, make: () => unknown): unknown {
  rmSync(file)
  return make()
}

const DAMAGE: [name: string, damage: (kept: Kept) => unknown, told: RegExp][] = [
  ['removed', ({ main }) => rmSync(main), /^reload-failed\nrules\.yaml:1:1: error: "rules\.yaml" could not be read/],
  ['a folder in its place', ({ main }) => instead(main, () => mkdirSync(main)), /^reload-failed\n.*could not be read/],
  [
    'a pipe in its place',
    ({ main }) => instead(main, () => run('mkfifo', [main])),
    /^reload-failed\n.*could not be read/,
  ],
  [
    'a link that leads nowhere',
    ({ main }) => instead(main, () => symlinkSync('nowhere', main)),
    /^reload-failed\n.*could not be read/,
  ],
  [
    'a link to itself',
    ({ main }) => instead(main, () => symlinkSync('rules.yaml', main)),
    /^reload-failed\n.*could not be read/,
  ],
  ['emptied', ({ main }) => truncateSync(main), /^reload-failed\n.*the file is empty; was it written in full\?/],
  [
    'cut in the middle of a line',
    ({ main }) => truncateSync(main, MAIN.indexOf('except: {')),
    /^reload-failed\n.*rules\.yaml:6:/,
  ],
  [
    'cut before its rules',
    ({ put }) => put('rules.yaml', MAIN.slice(0, MAIN.indexOf('unknown_clients'))),
    /^reload-failed\n.*unknown_clients/,
  ],
  [
    'grown out of all bounds',
    ({ main }) => truncateSync(main, 3 * 1024 ** 3),
    /^reload-failed\n.*more than 4194304 characters/,
  ],
  [
    'bytes that are no text',
    ({ put }) => put('rules.yaml', Buffer.from([0xc3, 0x28, 0xff, 0x00])),
    /^reload-failed\n.*UTF-8/,
  ],
  [
    'a test that fails',
    ({ put }) => put('rules.yaml', MAIN.replace('action: block', 'action: log')),
    /^reload-failed\nrules\.yaml:7:9: 10\.20\.0\.7 to zoom\.us: expected block by one, got log by one/,
  ],
  [
    'an included file removed',
    ({ dir }) => rmSync(join(dir, 'more.yaml')),
    /^reload-failed\nrules\.yaml:3:11: error: "more\.yaml" could not be read/,
  ],
  ['a segment file removed', ({ dir }) => rmSync(join(dir, 'wifi.csv')), /^reload-failed\nrules\.yaml:5:.*wifi\.csv/],
  ['a segment file cut short', ({ put }) => put('wifi.csv', WIFI.slice(0, -12)), /^reload-failed\nwifi\.csv:2:1: /],
  [
    'a thousand mistakes',
    ({ main }) => appendFileSync(main, Array.from({ length: 1000 }, (_, n) => `key${n}: 1\n`).join('')),
    /\n… and 951 more$/,
  ],
]

for (const [name, damage, told] of DAMAGE) {
  t.test(`changes nothing, is told once, and is got over: ${name}`, async (t) => {
    const it = await kept(t)
    const good = it.keeper.policy
    await damage(it)
    await it.looks()
    t.match(it.told(), told)
    t.match(it.events, [
      { action: 'reload-failed', outcome: 'failure', policy: good, facts: { why: 'a changed file' } },
    ])
    t.equal(it.keeper.policy, good)
    t.ok(it.keeper.isRefused)
    await it.looks()
    t.equal(it.events.length, 1, 'not over and over')
    rmSync(it.main, { recursive: true, force: true })
    it.put('rules.yaml', MAIN.replace('kept', 'mended'))
    it.put('more.yaml', MORE)
    it.put('wifi.csv', WIFI)
    await it.looks()
    t.match(it.told(), /^reload\nname kept → mended$/)
    t.match([it.keeper.isRefused, it.oks], [false, [false, true]])
  })
}

t.test('a change between the first reading and the first look is noticed', async (t) => {
  const it = await kept(t)
  it.put('more.yaml', MORE.replace('10.10.', '10.12.'))
  await it.looks()
  t.match(it.told(), /^reload\nsegment desks: /)
})

t.test('files that come to be named are watched, and those that are no longer are not', async (t) => {
  const it = await kept(t)
  it.put('extra.yaml', 'rules: [{ id: two, service: webex, action: log }]\n')
  it.put('rules.yaml', MAIN.replace('[more.yaml]', '[more.yaml, extra.yaml]'))
  await it.looks()
  t.match(it.told(), /^reload\nrule two: added/)
  it.put('extra.yaml', 'rules: [{ id: two, service: webex, action: block }]\n')
  await it.looks()
  t.match(it.told(), /^reload\nrule two: action log → block$/)
  it.put('rules.yaml', MAIN)
  await it.looks()
  it.put('extra.yaml', 'nonsense')
  await it.looks()
  t.match(it.told(), /^reload\nrule two: removed/)
})

t.test('a file that a refused one names is watched: where it was missing, its coming is enough', async (t) => {
  const it = await kept(t)
  it.put('rules.yaml', MAIN.replace('[more.yaml]', '[more.yaml, late.yaml]'))
  await it.looks()
  t.match(it.told(), /^reload-failed\n.*late\.yaml" could not be read/)
  it.put('late.yaml', 'rules: [{ id: two, service: webex, action: log }]\n')
  await it.looks()
  t.match(it.told(), /^reload\nrule two: added/)
})

t.test('a ConfigMap and a folder swapped by their links', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'landline-keeper-'))
  const write = (folder: string, name: string) => {
    mkdirSync(join(dir, folder))
    writeFileSync(join(dir, folder, 'rules.yaml'), MAIN.replace('kept', name))
    writeFileSync(join(dir, folder, 'more.yaml'), MORE)
    writeFileSync(join(dir, folder, 'wifi.csv'), WIFI)
  }
  const swap = (to: string) => {
    symlinkSync(to, join(dir, '..data_tmp'))
    renameSync(join(dir, '..data_tmp'), join(dir, '..data'))
  }
  write('..2026_11_23', 'first')
  swap('..2026_11_23')
  for (const file of ['rules.yaml', 'more.yaml', 'wifi.csv']) symlinkSync(join('..data', file), join(dir, file))
  const it = await kept(t, { dir })
  write('..2026_11_24', 'second')
  swap('..2026_11_24')
  rmSync(join(dir, '..2026_11_23'), { recursive: true })
  await it.looks()
  t.match(it.told(), /^reload\nname first → second$/)
})

t.test('files are never taken as halves of two versions', async (t) => {
  let name = 0
  const it = await kept(t)
  // Whoever writes does not stop: each time that one file has been read, the other is new.
  const busy = { main: it.main, catalogueDir: undefined, monitor: false, now: () => NOW }
  const writer = setInterval(() => it.put('more.yaml', MORE.replace('desks', `desks-${name++}`)))
  const { policy, problems } = await readCandidate(busy)
  clearInterval(writer)
  if (policy === null) t.match(problems[0], /the files were changed while they were read/)
  else t.ok([...policy.segments.keys()].includes(`desks-${name - 1}`) || name < 2, 'or what was read is what is there')
})

t.test('a file that is never left alone is read all the same', async (t) => {
  const it = await kept(t)
  for (let look = 0; look < 10; look++) {
    it.put('rules.yaml', MAIN.replace('kept', `kept-${look}`))
    await it.keeper.look()
  }
  t.match(it.told(), /^reload\nname kept → kept-9$/)
})

t.test('a storm of signals is one reload that runs and one that waits', async (t) => {
  const gate = Promise.withResolvers<void>()
  const it = await kept(t, { archive: () => gate.promise })
  it.put('rules.yaml', MAIN.replace('kept', 'first'))
  const first = it.keeper.reload('SIGHUP')
  await new Promise((resolve) => setImmediate(resolve))
  const storm = Array.from({ length: 1000 }, () => it.keeper.reload('SIGHUP'))
  it.put('rules.yaml', MAIN.replace('kept', 'last'))
  gate.resolve()
  await Promise.all([first, ...storm])
  t.equal(it.keeper.policy.name, 'last', 'what came after the signal is in force')
  t.ok(it.events.length <= 2, `${it.events.length} reloads`)
  await it.keeper.stop()
  it.put('rules.yaml', MAIN)
  await it.keeper.reload('SIGHUP')
  t.equal(it.keeper.policy.name, 'last', 'none after the end')
})

t.test('what cannot be kept or recorded does not come into force, and is tried again', async (t) => {
  for (const part of ['archive', 'record', 'changed'] as const) {
    let full = true
    const events: SystemEvent[] = []
    const fail = async () => {
      if (full) throw new Error('ENOSPC')
    }
    const record = async (event: SystemEvent) => {
      if (part === 'record') await fail()
      events.push(event)
    }
    const it = await kept(t, { record, ...(part === 'record' ? {} : { [part]: fail }) })
    const good = it.keeper.policy
    it.put('rules.yaml', MAIN.replace('kept', 'later'))
    for (let look = 0; look < 30; look++) await it.keeper.look()
    t.equal(it.keeper.policy, good, part)
    t.same(it.log, ['a reload failed; it is tried again'], 'told once')
    t.notOk(it.oks.includes(true))
    full = false
    for (let look = 0; look < 10; look++) await it.keeper.look()
    t.equal(it.keeper.policy.name, 'later')
    t.match(events.at(-1), { action: 'reload', facts: { before: good.revision } })
    t.same([it.log.at(-1), it.oks.at(-1)], ['rules reloaded', true])
  }
})

t.test('the record comes before the rules', async (t) => {
  const order: string[] = []
  const it = await kept(t, {
    archive: async () => void order.push('archive'),
    record: async () => order.push('record'),
    changed: async () => void order.push('changed'),
  })
  it.put('rules.yaml', MAIN.replace('kept', 'next'))
  await it.keeper.reload('SIGHUP')
  t.same(order, ['archive', 'record', 'changed'])
})

t.test('a catalogue of one’s own is watched, new files included', async (t) => {
  const catalogueDir = mkdtempSync(join(tmpdir(), 'landline-catalogue-'))
  t.teardown(() => rmSync(catalogueDir, { recursive: true }))
  const names = (await run('ls', [BUILT_IN_CATALOGUE])).out.split('\n').filter((name) => name.endsWith('.yaml'))
  for (const name of names) copyFileSync(join(BUILT_IN_CATALOGUE, name), join(catalogueDir, name))
  const it = await kept(t, { catalogueDir })
  writeFileSync(join(catalogueDir, 'zz-more.yaml'), 'not a catalogue')
  await it.looks()
  t.match(it.events, [{ action: 'reload-failed' }])
  rmSync(join(catalogueDir, 'zz-more.yaml'))
  await it.looks()
  t.match(it.events.at(-1), { action: 'reload', reason: 'the rules mean the same as before' })
  const [name = ''] = names
  writeFileSync(join(catalogueDir, name), `${readFileSync(join(catalogueDir, name), 'utf8')}\n# read again\n`)
  await it.looks()
  t.equal(it.events.length, 3)
})
