/**
 * What of the machine decides whether the addresses seen are true, and whether the proxy can run: containers, gateways, open files,
 * folders, certificates.
 */
import { X509Certificate } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, statfsSync, statSync } from 'node:fs'
import { networkInterfaces, release } from 'node:os'
import { dirname } from 'node:path'
import { defaultGateways } from '../../proxy/gateways.ts'
import type { Address } from '../../rules/model.ts'
import type { Policy } from '../../rules/policy.ts'
import type { ServerConfig } from '../settings/settings.ts'
import { type Finding, ok, unknown, warning, wrong } from './finding.ts'

/** What is read of the machine; a test passes its own. */
export interface Machine {
  /** The text of a file; null where it cannot be read. */
  readonly read: (path: string) => string | null
  readonly exists: (path: string) => boolean
  readonly kernel: string
  readonly gateways: () => readonly Address[]
  /** Of all interfaces but loopback. */
  readonly hasGlobalIPv6: () => boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const DAY_MS = 86_400_000
const SOON_MS = 30 * DAY_MS
const LITTLE_BYTES = 1024 ** 3

export function thisMachine(now: () => number): Machine {
  return {
    read(path) {
      try {
        return readFileSync(path, 'utf8')
      } catch {
        return null
      }
    },
    exists: existsSync,
    kernel: release(),
    gateways: () => defaultGateways(),
    hasGlobalIPv6: () =>
      Object.values(networkInterfaces()).some((addresses) =>
        addresses?.some(
          ({ family, internal, address }) => family === 'IPv6' && !internal && !address.startsWith('fe80:'),
        ),
      ),
    now,
  }
}

/** Whether clients' own addresses arrive, as far as this machine shows it: the cases of docs/source-addresses.md. */
export function addressFindings(machine: Machine, config: ServerConfig, policy: Policy | null): readonly Finding[] {
  const subject = 'addresses'
  const bySocket = config.listeners.filter(({ clientAddress }) => clientAddress === 'socket')
  const isPublic = bySocket.some(({ address }) => !isLoopback(address.address))
  const findings = [...containerFindings(machine, isPublic), ...gatewayFindings(machine, policy)]
  for (const { address, trusted } of config.listeners)
    for (const { text, length } of trusted)
      if (length === 0)
        findings.push(
          wrong(
            subject,
            `${address.text} trusts ${text}: anybody may say whose request it is`,
            'name the balancers alone in "trusted"',
          ),
        )
  if (findings.length === 0) findings.push(ok(subject, 'nothing on this machine is known to rewrite client addresses'))
  return findings
}

function containerFindings({ exists, read, kernel, hasGlobalIPv6 }: Machine, isPublic: boolean): Finding[] {
  const subject = 'addresses'
  const isContainer = exists('/.dockerenv') || exists('/run/.containerenv')
  if (!isContainer || !isPublic) return []
  const ask = 'ask "landline whoami" from a client of each segment; see docs/source-addresses.md'
  const found: Finding[] = []
  if (/linuxkit|microsoft/i.test(kernel))
    found.push(
      warning(
        subject,
        'this container runs in a virtual machine of Docker Desktop: all clients arrive with its address',
        'use Docker on Linux, or a balancer that tells addresses',
      ),
    )
  // A user namespace whose root is somebody else's user: rootless Docker or Podman.
  const map = (read('/proc/self/uid_map') ?? '').trim().split(/\s+/)
  if (map.length >= 3 && map[0] === '0' && map[1] !== '0')
    found.push(warning(subject, 'this container is rootless: its port driver may hide the addresses of clients', ask))
  if (!hasGlobalIPv6())
    found.push(
      warning(
        subject,
        'this container has no IPv6: clients that come by IPv6 arrive with the address of the bridge',
        'give the network IPv6, or publish the port for IPv4 alone (-p 0.0.0.0:3128:3128)',
      ),
    )
  return found
}

function gatewayFindings({ gateways }: Machine, policy: Policy | null): Finding[] {
  if (policy === null) return []
  return gateways().flatMap((address) => {
    const seat = policy.seats.lookup(address)
    if (seat === undefined) return []
    return [
      warning(
        'addresses',
        `${address.text}, this machine's default gateway, lies in segment ${seat.segment.id}: clients that arrive with it count as unknown all the same`,
        'take it out of the segment, so that the rules say what happens',
      ),
    ]
  })
}

/** Open files, the folders of records and keys, certificates. */
export function machineFindings(machine: Machine, config: ServerConfig): readonly Finding[] {
  return [
    fileLimitFinding(machine, config),
    ...folderFindings(config),
    ...config.listeners.flatMap(({ address, tls }) => certificateFindings(machine, address.text, tls)),
    ...certificateFindings(machine, config.admin.address.text, config.admin.tls),
    ...adminFindings(config),
  ]
}

function fileLimitFinding({ read }: Machine, { limits }: ServerConfig): Finding {
  const subject = 'open files'
  const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(read('/proc/self/limits') ?? '') ?? []
  if (soft === undefined)
    return unknown(subject, 'their limit cannot be read', 'compare "ulimit -n" with limits.connections')
  const needed = 2 * limits.connections + 256
  if (soft === 'unlimited' || Number(soft) >= needed)
    return ok(subject, `${soft} may be open; ${limits.connections} connections need ${needed}`)
  return warning(
    subject,
    `${soft} may be open here, and limits.connections: ${limits.connections} needs ${needed}`,
    'raise the limit (LimitNOFILE, --ulimit nofile), or lower limits.connections',
  )
}

function folderFindings({ audit }: ServerConfig): readonly Finding[] {
  const subject = 'records'
  const folder = nearestFolder(audit.dir)
  const found: Finding[] = []
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    const { bavail, bsize } = statfsSync(folder)
    const free = bavail * bsize
    const space = `${(free / 1024 ** 3).toFixed(1)} GiB free`
    found.push(
      free < LITTLE_BYTES
        ? warning(subject, `${audit.dir}: ${space}`, 'a record takes about 1 KB; give the records a larger disk')
        : ok(subject, `${audit.dir} can be written, ${space}`),
    )
  } catch (error) {
    found.push(
      wrong(
        subject,
        `${folder} cannot be written: ${error instanceof Error && 'code' in error ? error.code : error}`,
        'make audit.dir writable for the user that runs Landline',
      ),
    )
  }
  for (const key of [audit.key, audit.privacyKey]) {
    const mode = modeOf(key)
    if (mode !== null && (mode & 0o077) !== 0)
      found.push(warning('keys', `${key} can be read by others than its owner`, `chmod 600 ${key}`))
  }
  return found
}

function nearestFolder(path: string): string {
  let folder = path
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}

function modeOf(path: string): number | null {
  try {
    return statSync(path).mode
  } catch {
    return null
  }
}

function certificateFindings(
  { read, now }: Machine,
  where: string,
  tls: { readonly cert: string; readonly key: string } | null,
): readonly Finding[] {
  if (tls === null) return []
  const subject = 'certificates'
  const text = read(tls.cert)
  if (text === null)
    return [wrong(subject, `${tls.cert} of ${where} cannot be read`, 'check the path and who may read it')]
  try {
    const { validTo } = new X509Certificate(text)
    const left = Date.parse(validTo) - now()
    if (left <= 0) return [wrong(subject, `${tls.cert} of ${where} has expired (${validTo})`, 'renew it')]
    if (left < SOON_MS) return [warning(subject, `${tls.cert} of ${where} expires on ${validTo}`, 'renew it')]
    return [ok(subject, `${tls.cert} of ${where} is good until ${validTo}`)]
  } catch {
    return [wrong(subject, `${tls.cert} of ${where} is no certificate in PEM form`, 'name a PEM file')]
  }
}

function adminFindings({ admin }: ServerConfig): readonly Finding[] {
  if (isLoopback(admin.address.address) || admin.allow.length > 0) return []
  return [
    warning(
      'admin port',
      `${admin.address.text} can be asked by all who reach it`,
      'name the monitoring in admin.allow, or publish the port to it alone',
    ),
  ]
}

function isLoopback({ family, d, text }: Address): boolean {
  return family === 4 ? d >>> 24 === 127 : text === '::1'
}
