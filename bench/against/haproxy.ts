/** HAProxy in the comparison: no forward proxy, so in front of the one origin; the policy as lists, and its log. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../test/ports.ts'
import { type Contender, startProgram } from './contender.ts'
import { findProgram, versionOf } from './machine.ts'
import { deniedHost, HOSTS, originAddress } from './plan.ts'
import { names, POLICY_ENTRIES, prefixes } from './policy.ts'

export function haproxy(): Contender {
  const program = findProgram('haproxy')
  return {
    name: 'HAProxy',
    version: program === null ? null : versionOf(program, '-v'),
    remedy: 'apt install haproxy',
    set:
      'a balancer in front of one origin: it neither reads where a request is to go nor resolves a name; the policy as lists of ' +
      'prefixes and of exact names (it has no index for names below a name), one thread, its log in a file',
    denies: true,
    tunnels: false,
    async start({ dir, place, web }) {
      const port = await freePort()
      const list = (name: string, lines: readonly string[]) => {
        writeFileSync(join(dir, name), `${lines.join('\n')}\n`)
        return join(dir, name)
      }
      const asked = Array.from({ length: HOSTS }, (_, index) => deniedHost(index))
      const file = join(dir, 'haproxy.cfg')
      writeFileSync(
        file,
        `global
  nbthread 1
  maxconn 9000
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend proxy
  bind 127.0.0.1:${port}
  acl wired src -f ${list('wired', prefixes('wired', POLICY_ENTRIES))}
  acl wireless src -f ${list('wireless', prefixes('wireless', POLICY_ENTRIES))}
  acl meetings req.hdr(host),field(1,:) -f ${list('meetings', [...names(POLICY_ENTRIES), ...asked])}
  http-request deny if wireless meetings
  http-request deny unless wired or wireless
  default_backend origin
backend origin
  server origin ${originAddress(0)}:${web}
`,
      )
      return startProgram({ dir, place, port, command: [program ?? '', '-db', '-f', file] })
    },
  }
}
