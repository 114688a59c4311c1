/**
 * A network of its own for a comparison, where the machine allows it: loopback alone, a name server of ours at the usual
 * port, nothing of the machine's own files changed, nothing reachable from outside. Needs root on Linux, `unshare` and `ip`.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from './machine.ts'

/** Says that we are inside. */
const INSIDE = 'BENCH_NETWORK'
export const NAME_SERVER = '127.0.0.1'

/** Names are used as hosts inside such a network; outside, addresses are. */
export function hasOwnNetwork(): boolean {
  return process.env[INSIDE] === '1'
}

/** Runs this program once more inside, and returns its exit code; null where that cannot be, or where we are inside already. */
export async function runInOwnNetwork(): Promise<number | null> {
  const isAble =
    process.getuid?.() === 0 && ['unshare', 'ip', 'mount', 'sh'].every((name) => findProgram(name) !== null)
  if (hasOwnNetwork() || !isAble) return null
  if (spawnSync('unshare', ['--net', '--mount', 'ip', 'link', 'set', 'lo', 'up']).status !== 0) return null
  const dir = await mkdtemp(join(tmpdir(), 'landline-bench-'))
  try {
    const [hosts, resolv] = [join(dir, 'hosts'), join(dir, 'resolv.conf')]
    writeFileSync(hosts, '127.0.0.1 localhost\n')
    writeFileSync(resolv, `nameserver ${NAME_SERVER}\n`)
    // Inside the new mount namespace alone. More local ports, for clients that come and go by the ten thousand.
    const script = `ip link set lo up && mount --bind "$1" /etc/hosts && mount --bind "$2" /etc/resolv.conf &&
      { sysctl -qw net.ipv4.ip_local_port_range="10000 65000" 2>/dev/null || true; } && shift 2 && exec "$@"`
    const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
    const inside = spawn('unshare', ['--net', '--mount', 'sh', '-c', script, 'sh', hosts, resolv, ...self], {
      stdio: 'inherit',
      env: { ...process.env, [INSIDE]: '1' },
    })
    process.on('SIGINT', () => {}) // the one inside hears it too, and ends in order
    const [code] = await once(inside, 'exit')
    return code ?? 1
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
