/** Who asks for what: the hosts and clients of a comparison, the same for every contender. Many of each, so that no cache flatters. */
import { hasOwnNetwork } from './network.ts'
import { clientAddress, meetingHost, plainHost } from './policy.ts'

/** Addresses at which the origin listens. */
export const ORIGINS = 200
/** Different hosts in a run; one in ten is of a conferencing service. */
export const HOSTS = 1000
/** Clients at once. */
export const CLIENTS = 64

export function originAddress(index: number): string {
  return `127.100.0.${1 + (index % ORIGINS)}`
}

/** The host of a request that is let through: a name where there is a name server, else an address. */
export function allowedHost(index: number): string {
  const host = index % HOSTS
  if (!hasOwnNetwork()) return originAddress(host)
  return host % 10 === 0 ? meetingHost(host) : plainHost(host)
}

/** The host of a request that is refused: needs no name server, as it is never looked up. */
export function deniedHost(index: number): string {
  return meetingHost(index % HOSTS)
}

/** A wired client may go everywhere, a wireless one to no conferencing. */
export function clientOf(isDenied: boolean, index: number): string {
  return clientAddress(isDenied ? 'wireless' : 'wired', index)
}
