/** Apache Traffic Server in the comparison: a forward proxy without a cache, one thread for traffic, its access log. */
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/ports.ts'
import { type Contender, startProgram } from './contender.ts'
import { findProgram, versionOf } from './machine.ts'

/** Files that must be there, if only empty. */
const EMPTY = [
  'cache',
  'hosting',
  'parent',
  'plugin',
  'remap',
  'socks',
  'splitdns',
  'ssl_multicert',
  'storage',
  'volume',
]
const BODIES = '/etc/trafficserver/body_factory'

export function trafficServer(): Contender {
  const program = findProgram('traffic_server')
  return {
    name: 'Traffic Server',
    version: program === null ? null : versionOf(program, '-V'),
    remedy: 'apt install trafficserver',
    set: 'no policy; one thread for traffic, an access log, no cache',
    denies: false,
    tunnels: true,
    async start({ dir, place }) {
      const port = await freePort()
      const etc = join(dir, 'etc')
      for (const folder of ['etc', 'data', 'run', 'log', 'cache']) {
        mkdirSync(join(dir, folder))
      }
      for (const name of EMPTY) writeFileSync(join(etc, `${name}.config`), '')
      for (const name of ['sni', 'strategies']) writeFileSync(join(etc, `${name}.yaml`), '')
      if (existsSync(BODIES)) cpSync(BODIES, join(etc, 'body_factory'), { recursive: true })
      writeFileSync(join(etc, 'records.config'), records(port))
      writeFileSync(
        join(etc, 'ip_allow.yaml'),
        'ip_allow:\n  - { apply: in, ip_addrs: 127.0.0.0/8, action: allow, methods: ALL }\n',
      )
      writeFileSync(join(etc, 'logging.yaml'), LOGGING)
      const root = join(dir, 'runroot.yaml')
      writeFileSync(root, runRoot(dir))
      return startProgram({ dir, place, port, command: [program ?? '', `--run-root=${root}`] })
    },
  }
}

function records(port: number): string {
  return `CONFIG proxy.config.http.server_ports STRING ${port}:ip-in=127.0.0.1
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 1
CONFIG proxy.config.task_threads INT 1
CONFIG proxy.config.url_remap.remap_required INT 0
CONFIG proxy.config.reverse_proxy.enabled INT 0
CONFIG proxy.config.http.cache.http INT 0
CONFIG proxy.config.http.connect_ports STRING *
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.log.logging_enabled INT 3
`
}

const LOGGING = `logging:
  formats:
    - name: squid
      format: '%<cqtq> %<ttms> %<chi> %<crc>/%<pssc> %<psql> %<cqhm> %<cquc> %<caun> %<phr>/%<shn> %<psct>'
  logs: [{ filename: squid, format: squid, mode: ascii }]
`

/** Where it looks for what, as \`traffic_layout\` would write it. */
function runRoot(dir: string): string {
  const places = {
    sysconfdir: 'etc',
    datadir: 'data',
    localstatedir: 'data',
    runtimedir: 'run',
    logdir: 'log',
    cachedir: 'cache',
  }
  const own = Object.entries(places).map(([name, folder]) => `${name}: ${join(dir, folder)}`)
  return `prefix: /usr
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/sbin
includedir: /usr/include
libdir: /usr/lib/trafficserver
libexecdir: /usr/lib/trafficserver/modules
${own.join('\n')}
`
}
