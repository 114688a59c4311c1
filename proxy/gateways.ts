/** This machine's default gateways, as the kernel's routing tables have them: whoever rewrites addresses often gives clients theirs. */
import { readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { addressFromBytes } from '../rules/address.ts'
import type { Address } from '../rules/model.ts'

const RTF_GATEWAY = 0x2

/** The texts of Linux's /proc/net/route and /proc/net/ipv6_route; empty where there are none. */
export interface RouteTables {
  readonly ipv4: string
  readonly ipv6: string
}

/** Other systems than Linux tell none. */
export function defaultGateways(read: () => RouteTables = readRoutes): readonly Address[] {
  const { ipv4, ipv6 } = read()
  return [...gatewaysOfIPv4(ipv4), ...gatewaysOfIPv6(ipv6)]
}

function readRoutes(): RouteTables {
  return { ipv4: read('/proc/net/route'), ipv6: read('/proc/net/ipv6_route') }
}

/** Other systems than Linux have no such file: then nothing is known of gateways. */
function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return ''
  }
}

/** Lines of interface, destination, gateway, flags, three counts, mask, …; addresses in the byte order of the machine. */
function gatewaysOfIPv4(table: string): readonly Address[] {
  return table.split('\n').flatMap((line) => {
    const [, destination, gateway = '', flags = '', , , , mask] = line.trim().split(/\s+/)
    if (destination !== '00000000' || mask !== '00000000' || !isGatewayRoute(flags)) return []
    const bytes = addressBytes(gateway, 4)
    return bytes === null ? [] : [addressFromBytes(endianness() === 'LE' ? bytes.toReversed() : bytes)]
  })
}

/** Lines of destination, its length, source, its length, next hop, three counts, flags, interface. */
function gatewaysOfIPv6(table: string): readonly Address[] {
  return table.split('\n').flatMap((line) => {
    const [, length, , , nextHop = '', , , , flags = ''] = line.trim().split(/\s+/)
    if (length !== '00' || !isGatewayRoute(flags)) return []
    const bytes = addressBytes(nextHop, 16)
    return bytes === null ? [] : [addressFromBytes(bytes)]
  })
}

function isGatewayRoute(flags: string): boolean {
  return (Number.parseInt(flags, 16) & RTF_GATEWAY) !== 0
}

function addressBytes(hex: string, width: 4 | 16): Uint8Array | null {
  const bytes = Buffer.from(hex, 'hex')
  return bytes.length === width && hex.length === 2 * width ? new Uint8Array(bytes) : null
}
