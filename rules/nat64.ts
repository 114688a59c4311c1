/** IPv4 as clients reach it from a network that has IPv6 only. */
import { addressFromBytes } from './address.ts'
import type { Address } from './model.ts'

/** The well-known prefix, 64:ff9b::/96 (RFC 6052 §2.1): the way to public IPv4 by NAT64. */
export function isNat64({ family, a, b, c }: Address): boolean {
  return family === 6 && a === 0x0064ff9b && b === 0 && c === 0
}

/** Of 32 bits. */
export function ipv4(word: number): Address {
  return addressFromBytes(Uint8Array.of(word >>> 24, word >>> 16, word >>> 8, word))
}
