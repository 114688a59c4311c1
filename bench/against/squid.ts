/** Squid in the comparison: the same policy as ACLs, and its access log. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/ports.ts'
import { type Contender, startProgram } from './contender.ts'
import { findProgram, versionOf } from './machine.ts'
import { NAME_SERVER } from './network.ts'
import { names, POLICY_ENTRIES, prefixes } from './policy.ts'

export function squid(): Contender {
  const program = findProgram('squid')
  return {
    name: 'Squid',
    version: program === null ? null : versionOf(program, '-v'),
    remedy: 'apt install squid-openssl',
    set: 'the policy as `src` and `dstdomain` ACLs from files; an access log; no cache',
    denies: true,
    tunnels: true,
    async start({ dir, place }) {
      const port = await freePort()
      const list = (name: string, lines: readonly string[]) => {
        writeFileSync(join(dir, name), `${lines.join('\n')}\n`)
        return `"${join(dir, name)}"`
      }
      chmodSync(dir, 0o777) // started by root, it goes on as a user of its own
      const file = join(dir, 'squid.conf')
      const wired = list('wired', prefixes('wired', POLICY_ENTRIES))
      const wireless = list('wireless', prefixes('wireless', POLICY_ENTRIES))
      const meetings = list(
        'meetings',
        names(POLICY_ENTRIES).map((name) => `.${name}`),
      )
      writeFileSync(
        file,
        `http_port 127.0.0.1:${port}
visible_hostname squid.test
dns_nameservers ${NAME_SERVER}
pid_filename ${dir}/squid.pid
cache_log ${dir}/cache.log
access_log stdio:${dir}/access.log
coredump_dir ${dir}
netdb_filename none
pinger_enable off
cache deny all
cache_mem 0 MB
max_filedescriptors 16384
shutdown_lifetime 0 seconds
acl wired src ${wired}
acl wireless src ${wireless}
acl meetings dstdomain ${meetings}
http_access deny wireless meetings
http_access allow wired
http_access allow wireless
http_access deny all
`,
      )
      // Its shared memory has names of its own too.
      const command = [program ?? '', '-N', '-n', `landline${port}`, '-f', file]
      return startProgram({ dir, place, port, command })
    },
  }
}
