/** `landline doctor` and `whoami`: each cause of wrong addresses is named with its remedy, and a running proxy is asked. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Io } from '../../cli/io.ts'
import { doctor } from '../../cli/running/doctor.ts'
import type { Machine } from '../../cli/running/doctor-machine.ts'
import type { Finding } from '../../cli/running/finding.ts'
import { defaultGateways } from '../../proxy/gateways.ts'
import { command, start } from '../e2e/landline.ts'

const NOW = Date.parse('2026-11-23T12:00:00Z')
const RULES = `version: 1
unknown_clients: refuse
segments:
  desks: { medium: wired, prefixes: [127.0.0.1, 172.17.0.0/16] }
  wifi: { medium: wireless, prefixes: [127.0.0.2] }
rules: [{ id: z, service: zoom, medium: wireless, action: block }]
tests: [{ from: 127.0.0.2, to: zoom.us, expect: block }]
`
const CLASSIFYING = RULES.replace('refuse', 'classify')
/** A machine on which nothing is odd. */
const SOUND: Machine = {
  read: (path) =>
    path === '/proc/self/limits' ? 'Max open files            65536                65536     files\n' : null,
  exists: () => false,
  kernel: '6.1.0-amd64',
  gateways: () => [],
  hasGlobalIPv6: () => true,
  now: () => NOW,
}
const CONTAINER: Machine = { ...SOUND, exists: (path) => path === '/.dockerenv' }
const route = 'eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n'

async function examine(
  dir: string,
  machine: Machine,
  flags: object = {},
): Promise<{ code: number; findings: Finding[]; result: string }> {
  const out: string[] = []
  const io: Io = {
    print: (line) => out.push(line),
    complain: (line) => out.push(line),
    async *lines() {},
    now: () => NOW,
  }
  const config = join(dir, 'landline.yaml')
  const code = await doctor({ config, json: true, ...flags }, {}, io, machine)
  return { code, ...JSON.parse(out.join('\n')) }
}

const PUBLIC = 'listeners: [{ address: "0.0.0.0:3128" }]\nadmin: { address: "127.0.0.1:9" }\n'

t.test('each cause is named, with its remedy', async (t) => {
  const dir = t.testdir({
    'rules.yaml': RULES,
    'landline.yaml': `rules: rules.yaml\n${PUBLIC}`,
    'bad.pem': 'no certificate',
  })
  const at = (name: string, text: string, rules?: string) => {
    mkdirSync(join(dir, name), { recursive: true })
    if (rules !== undefined) writeFileSync(join(dir, name, 'rules.yaml'), rules)
    writeFileSync(join(dir, name, 'landline.yaml'), rules === undefined ? `rules: ../rules.yaml\n${text}` : text)
    return join(dir, name)
  }
  const cases: readonly (readonly [
    name: string,
    machine: Machine,
    dir: string,
    want: string | null,
    remedy?: RegExp,
  ])[] = [
    ['nothing odd', SOUND, dir, null],
    ['a container with IPv6', CONTAINER, dir, null],
    [
      'no segment as the better place',
      SOUND,
      at('strangers', `${PUBLIC}rules: rules.yaml\n`, CLASSIFYING),
      'a client in no segment may use what is blocked in some: zoom',
      /except: \{ medium: wired \}/,
    ],
    [
      'no segment as a place like others',
      SOUND,
      at(
        'none',
        `${PUBLIC}rules: rules.yaml\n`,
        CLASSIFYING.replace('medium: wireless, a', 'except: { medium: wired }, a'),
      ),
      null,
    ],
    [
      'no IPv6 in it',
      { ...CONTAINER, hasGlobalIPv6: () => false },
      dir,
      'has no IPv6',
      /publish the port for IPv4 alone/,
    ],
    [
      'on loopback that does not matter',
      { ...CONTAINER, hasGlobalIPv6: () => false },
      at('loop', PUBLIC.replace('0.0.0.0', '127.0.0.1')),
      null,
    ],
    [
      'rootless',
      {
        ...CONTAINER,
        read: (path) => (path.endsWith('uid_map') ? '         0       1000          1\n' : SOUND.read(path)),
      },
      dir,
      'rootless',
      /whoami/,
    ],
    [
      'as root',
      {
        ...CONTAINER,
        read: (path) => (path.endsWith('uid_map') ? '         0          0 4294967295\n' : SOUND.read(path)),
      },
      dir,
      null,
    ],
    ['Docker Desktop', { ...CONTAINER, kernel: '6.6.12-linuxkit' }, dir, 'Docker Desktop', /Docker on Linux/],
    [
      'the gateway in a segment',
      { ...SOUND, gateways: () => defaultGateways(() => ({ ipv4: route, ipv6: '' })) },
      dir,
      "172.17.0.1, this machine's default gateway, lies in segment desks",
      /take it out/,
    ],
    [
      'everybody is trusted',
      SOUND,
      at(
        'all',
        `listeners: [{ address: "10.0.0.1:3128", client_address: forwarded, trusted: [0.0.0.0/0] }]\nadmin: { address: "127.0.0.1:9" }\n`,
      ),
      'anybody may say whose request it is',
      /balancers alone/,
    ],
    [
      'few files',
      { ...SOUND, read: () => 'Max open files            1024                 4096                 files\n' },
      dir,
      '1024 may be open here',
      /LimitNOFILE/,
    ],
    [
      'an open admin port',
      SOUND,
      at('admin', 'admin: { address: "0.0.0.0:9" }\n'),
      'can be asked by all who reach it',
      /admin\.allow/,
    ],
    [
      'no certificate',
      { ...SOUND, read: (path) => (path.endsWith('.pem') ? 'no certificate' : SOUND.read(path)) },
      at(
        'tls',
        `${PUBLIC.split('\n')[1]}\nlisteners: [{ address: "10.0.0.1:3128", tls: { cert: ../bad.pem, key: ../bad.pem } }]\n`,
      ),
      'is no certificate in PEM form',
      /PEM/,
    ],
  ]
  for (const [name, machine, where, want, remedy] of cases) {
    const { findings, code } = await examine(where, machine)
    const odd = findings.filter(({ status, subject }) => status !== 'ok' && subject !== 'running proxy')
    t.strictSame(odd.length, want === null ? 0 : 1, `${name}: ${JSON.stringify(odd)}`)
    if (want !== null) t.match(odd[0], { message: new RegExp(want.replace(/[.()]/g, '\\$&')), remedy }, name)
    t.equal(code, odd.some(({ status }) => status === 'wrong') ? 1 : 2, `${name}: nobody runs there`)
  }
})

t.test('what is wrong with settings and rules comes first', async (t) => {
  const dir = t.testdir({
    'landline.yaml': `${PUBLIC}rules: rules.yaml\n`,
    'rules.yaml': RULES.replace('expect: block', 'expect: allow'),
  })
  const failing = await examine(dir, SOUND)
  t.match(failing, { code: 1, result: 'wrong' })
  t.ok(
    failing.findings.some(
      ({ status, message }) => status === 'wrong' && /1 of the file's own tests fail/.test(message),
    ),
  )
  writeFileSync(join(dir, 'rules.yaml'), 'version: 1\n')
  t.ok((await examine(dir, SOUND)).findings.some(({ message }) => /rules\.yaml:1:1: error: /.test(message)))
  writeFileSync(join(dir, 'landline.yaml'), 'listener: []\n')
  t.match(await examine(dir, SOUND), {
    code: 1,
    findings: [{ subject: 'settings', message: /unknown key "listener"; did you mean/ }],
  })
})

t.test('a running proxy is asked for its health, its view of this machine and its counts', async (t) => {
  const landline = await start(t, { rules: RULES })
  const [listener = ''] = landline.listeners
  const flags = ['--listen', listener, '--admin', `127.0.0.1:${landline.adminPort}`]
  const sound = await command(landline.dir, ['doctor', ...flags])
  t.equal(sound.code, 0, sound.out + sound.errors)
  t.match(sound.out, 'health: ready')
  t.match(sound.out, 'seen as 127.0.0.1 (socket), in segment desks (wired) by 127.0.0.1/32')
  t.match(sound.out, 'rules: 1 test passes')
  writeFileSync(join(landline.dir, 'rules.yaml'), `${RULES}rulez: 1\n`)
  await landline.waitForLog('rules refused')
  const refused = await command(landline.dir, ['doctor', ...flags])
  t.match(refused, { code: 1, out: /WRONG {4}rules in force: the last load of the rule file failed/ })

  const seen = await command(landline.dir, ['whoami', '--proxy', listener, '--to', 'zoom.us', '--json'])
  t.match(JSON.parse(seen.out), {
    address: '127.0.0.1',
    segment: { id: 'desks' },
    asked: { target: 'zoom.us:443', action: 'allow' },
  })
  t.match(await command(landline.dir, ['whoami', '--proxy', listener]), {
    code: 0,
    out: /^Your address: 127\.0\.0\.1$/m,
  })
  t.match(await command(landline.dir, ['whoami', '--proxy', '127.0.0.1:1']), {
    code: 1,
    errors: /no answer from 127\.0\.0\.1:1/,
  })
  t.match(await command(landline.dir, ['whoami', '--proxy', 'nonsense']), { code: 3, errors: /is not HOST:PORT/ })
})
