/** The compose file: what it promises of every service, and every service's settings, judged by the program that they are for. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { loadConfig } from '../../cli/settings/config.ts'
import { DEFAULTS } from '../../cli/settings/settings.ts'
import { LOOPBACK, type Running, run, scratch, start, waitFor } from '../e2e/landline.ts'
import { missing, peer } from '../peers.ts'
import { freePort } from '../ports.ts'

interface Service {
  readonly image: string
  readonly build?: string
  readonly profiles?: readonly string[]
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly networks: readonly string[] | Readonly<Record<string, { readonly ipv4_address?: string }>>
  readonly environment?: Readonly<Record<string, string>>
  readonly depends_on?: Readonly<Record<string, unknown>>
  readonly stop_grace_period?: string
  readonly command?: readonly string[]
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly cap_add?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly privileged?: boolean
  readonly user?: string
}

const folder = join(import.meta.dirname, '..', '..', 'deploy')
const read = (...path: string[]) => readFileSync(join(folder, ...path), 'utf8')
const compose = parse(read('compose.yaml'), { merge: true })
const services: Readonly<Record<string, Service>> = compose.services
const landlines = Object.values(services).filter(({ build }) => build !== undefined)
const serverFile = read('landline', 'landline.yaml')
const haproxyFile = read('haproxy', 'haproxy.cfg')

t.test('every service is hardened, pinned, and published to this host alone', async (t) => {
  for (const [name, service] of Object.entries(services)) {
    t.match(service, { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] }, name)
    t.notOk(service.cap_add ?? service.privileged ?? service.user, `${name}: takes no privilege back`)
    t.match(service.image, /:v?\d+\.\d+\.\d+$/, `${name}: a version, and no moving tag`)
    for (const port of service.ports ?? []) t.match(port, /^127\.0\.0\.1:\d+:\d+$/, `${name}: ${port}`)
  }
  const published = Object.values(services).flatMap(({ ports = [] }) => ports.map((port) => port.split(':')[1]))
  t.equal(new Set(published).size, published.length, 'no port twice')
})

t.test('what it names is there', async (t) => {
  const volumes = Object.values(services).flatMap((service) => service.volumes ?? [])
  for (const volume of volumes) {
    const [source = ''] = volume.split(':')
    if (source.startsWith('./')) t.ok(existsSync(join(folder, source)), source)
    if (source.startsWith('.') || source.startsWith('/')) t.match(volume, /:ro$/, `${source} is read, not written`)
    else t.ok(source in compose.volumes, source)
  }
  for (const [name, { networks, depends_on = {} }] of Object.entries(services)) {
    for (const network of Array.isArray(networks) ? networks : Object.keys(networks))
      t.ok(network in compose.networks, network)
    for (const other of Object.keys(depends_on)) t.ok(other in services, `${name} waits for ${other}`)
  }
  const data = landlines.flatMap(({ volumes = [] }) => volumes.filter((volume) => volume.endsWith(':/data')))
  t.equal(new Set(data).size, landlines.length, 'one folder of records each')
  const names = landlines.map(({ environment }) => environment?.LANDLINE_NAME)
  t.equal(new Set(names).size, landlines.length, 'one name each')
})

t.test('each proxy accepts its settings, and has time to drain', async (t) => {
  const balancer = services.haproxy?.networks as Readonly<Record<string, { ipv4_address?: string }>> | undefined // as the file has it
  for (const { environment: env = {}, stop_grace_period: grace = '' } of landlines) {
    const readFile = (path: string) => read(path.replace('/etc/landline/', 'landline/'))
    const { config, problems } = loadConfig({ flags: {}, env, readFile })
    t.strictSame(problems, [])
    t.strictSame(
      config?.listeners.map(({ clientAddress, trusted }) => [clientAddress, trusted.map(({ text }) => text)]),
      [
        ['socket', []],
        ['proxy-protocol', [`${balancer?.front?.ipv4_address}/32`]],
      ],
    )
    t.ok(Number.parseInt(grace, 10) * 1000 > DEFAULTS.limits.drain_ms)
  }
})

t.test('HAProxy gives tunnels the time that Landline gives them', async (t) => {
  for (const side of ['client', 'server']) {
    const minutes = new RegExp(`timeout ${side} (\\d+)m$`, 'm').exec(haproxyFile)?.[1]
    t.ok(Number(minutes) * 60_000 > DEFAULTS.limits.idle_ms, side)
  }
})

t.test('Loki has few streams, and no address of a client in what it indexes', async (t) => {
  const alloy = read('alloy', 'config.alloy')
  t.match(
    alloy,
    /stage\.label_keep \{\s+values = \["job", "instance", "decision"\]\s+\}\s+\}/,
    'the last word on labels',
  )
  t.notMatch(alloy.replaceAll(/^\s*\/\/.*$/gm, ''), /source\.ip|"client/)
})

const programs = [
  { name: 'promtool', args: ['check', 'config', 'prometheus/prometheus.yaml'] },
  { name: 'amtool', args: ['check-config', 'alertmanager/alertmanager.yaml'] },
  { name: 'haproxy', args: ['-c', '-f', 'haproxy/haproxy.cfg'] },
]
for (const { name, args } of programs) {
  const program = peer(name, name)
  t.test(`${name} ${args.join(' ')}`, { skip: program === null && missing(name) }, async (t) => {
    const { code, out, errors } = await run(program ?? '', args, { cwd: folder })
    t.equal(code, 0, out + errors)
  })
}

const amtool = peer('amtool', 'amtool')
t.test('alerts reach who must see them', { skip: amtool === null && missing('amtool') }, async (t) => {
  const severities = new Set(
    [...read('prometheus', 'rules.yaml').matchAll(/severity: (\w+)/g)].map(([, word = '']) => word),
  )
  for (const severity of severities) {
    const args = ['config', 'routes', 'test', '--config.file=alertmanager/alertmanager.yaml', `severity=${severity}`]
    const { out, errors } = await run(amtool ?? '', args, { cwd: folder })
    t.equal(out.trim(), severity, errors)
  }
})

/** One of the proxies of the compose file, with its own files; loopback addresses stand for the two networks and the balancer. */
function startProxy(t: Test, name: string): Promise<Running> {
  const rules = onLoopback(read('landline', 'rules.yaml'))
  const config = serverFile
    .replace('172.30.3.2/32', '127.0.0.1/32')
    .replaceAll(/0\.0\.0\.0:\d+/g, '127.0.0.1:0')
    .replaceAll('/data/', 'data/')
  return start(t, { rules, config: `name: ${name}\n${LOOPBACK}${config}` })
}

const onLoopback = (text: string) => text.replaceAll('172.30.', '127.0.')

/** What Alloy reads from a record: name and path. */
function alloyFields(): readonly (readonly [string, string])[] {
  // The first of them is for records.
  const [, block = ''] = /expressions = \{([^}]*)\}/.exec(read('alloy', 'config.alloy')) ?? []
  const fields = [...block.matchAll(/(\w+)\s*= "(.+)",/g)].map(
    ([, name = '', path = '']) => [name, path.replaceAll('\\"', '')] as const,
  )
  if (fields.length === 0) throw new Error('config.alloy reads nothing from a record')
  return fields
}

function fieldOf(record: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], record)
}

const haproxy = peer('HAProxy', 'haproxy')
const curl = peer('curl', 'curl')
t.test(
  'HAProxy in front of two proxies: addresses arrive, blocks count, one may go',
  { skip: (haproxy === null || curl === null) && missing('HAProxy or curl') },
  async (t) => {
    const proxies = await Promise.all([startProxy(t, 'landline-1'), startProxy(t, 'landline-2')])
    const port = await freePort()
    const file = join(scratch(t), 'haproxy.cfg')
    const behind = proxies.values()
    const config = haproxyFile
      .replace('bind :3128', `bind 127.0.0.1:${port}`)
      .replace('inter 2s', 'inter 200ms')
      .replaceAll(/(server \S+) \S+:3130 check port 3129/g, (_, server: string) => {
        const { listeners, adminPort } = behind.next().value as Running // two lines, two proxies
        return `${server} ${listeners[1]} check port ${adminPort}`
      })
    writeFileSync(file, config)
    const balancer = spawn(haproxy ?? '', ['-db', '-f', file], { stdio: 'ignore' })
    t.teardown(() => balancer.kill('SIGKILL'))
    const ask = async (from: string, url: string): Promise<string> => {
      const args = ['-s', '-i', '--max-time', '20', '--interface', from, '-x', `http://127.0.0.1:${port}`, url]
      return (await run(curl ?? '', args)).out
    }
    const served = async (from: string) =>
      (await ask(from, 'http://landline.internal/whoami')).startsWith('HTTP/1.1 200')
    await waitFor('HAProxy to serve', () => served('127.0.1.1'))

    const clients = Array.from({ length: 12 }, (_, index) => `127.0.2.${index + 1}`)
    const answers = await Promise.all(clients.map((client) => ask(client, 'http://zoom.us/')))
    for (const answer of answers) t.match(answer, /^HTTP\/1\.1 403 /)
    t.match(await ask('127.0.1.7', 'http://landline.internal/whoami'), /Segment: desks/)

    const blocked = proxies.map((proxy) => proxy.records().filter(({ event }) => event.action === 'block'))
    for (const [index, records] of blocked.entries()) {
      t.ok(records.length > 0, `proxy ${index + 1} has its share`)
      const counted = await proxies[index]?.metric(
        'landline_decisions_total{action="block",medium="wireless",service="zoom"}',
      )
      t.equal(counted, records.length, 'as many counted as recorded')
      for (const { landline } of records)
        t.match(landline, { client: { learnt: 'proxy-protocol', path: ['127.0.0.1'] }, segment: { id: 'wifi' } })
    }
    t.strictSame(
      blocked
        .flat()
        .map(({ source }) => source?.ip)
        .sort(),
      clients.sort(),
      'each by its own address',
    )

    const [record] = blocked.flat()
    for (const [name, path] of alloyFields()) t.type(fieldOf(record, path), 'string', `Alloy finds ${name} at ${path}`)

    t.equal(await proxies[0].stop(), 0)
    await waitFor('all clients to be served by the other one', async () =>
      (await Promise.all(clients.map(served))).every(Boolean),
    )
  },
)
