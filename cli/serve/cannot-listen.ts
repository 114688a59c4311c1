/** A start that fails because the machine does not let it listen: said in one line, with the address, where it was given, and what to do. */

import type { ServerConfig } from '../settings/settings.ts'
import type { SocketAddress } from '../settings/values.ts'
import { StartError } from './first-policy.ts'

/** Somewhere to listen, as it was asked for. */
export interface Endpoint {
  readonly name: 'the listener' | 'the admin port'
  readonly address: SocketAddress
  /** How to give another: `with --listen ADDRESS:PORT`, or the place that gave this one. */
  readonly remedy: string
}

/** `placeOf`: where a setting was given; null: by nobody, it is the default. */
export function endpointsOf(
  { listeners, admin }: Pick<ServerConfig, 'listeners' | 'admin'>,
  placeOf: (key: string) => string | null,
): { readonly listeners: readonly Endpoint[]; readonly admin: Endpoint } {
  const remedyOf = (key: string, flag: string) => {
    const place = placeOf(key)
    return place === null || place === flag ? `with ${flag} ADDRESS:PORT` : `in ${place} (${key})`
  }
  return {
    listeners: listeners.map(({ address }, index) => ({
      name: 'the listener',
      address,
      remedy: remedyOf(`listeners.${index}.address`, '--listen'),
    })),
    admin: { name: 'the admin port', address: admin.address, remedy: remedyOf('admin.address', '--admin') },
  }
}

/** What `listening` resolves with. Throws StartError where one of the endpoints cannot be opened, whichever thread found that out. */
export async function orCannotListen<T>(listening: Promise<T>, endpoints: readonly Endpoint[]): Promise<T> {
  try {
    return await listening
  } catch (error) {
    // A worker passes on the message alone, so code and address are read from it.
    const [, code = '', at = ''] =
      /^listen (E[A-Z]+): .* (\S+)$/.exec(error instanceof Error ? error.message : '') ?? []
    const endpoint = endpoints.find(({ address }) => toldAs(address) === at)
    const why = endpoint === undefined ? null : reasonFor(code, endpoint)
    if (why === null) throw error
    throw new StartError([why])
  }
}

/** As Node tells of an address: without the brackets of IPv6, and without port 0. */
function toldAs({ address, port }: SocketAddress): string {
  return port === 0 ? address.text : `${address.text}:${port}`
}

/** null: it is nothing that another address would mend. */
function reasonFor(code: string, { name, address, remedy }: Endpoint): string | null {
  switch (code) {
    case 'EADDRINUSE':
      return `${address.text} is taken: give ${name} another address ${remedy}`
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return `${address.text} is no address of this machine: give ${name} one that it has ${remedy}`
    case 'EACCES':
      return `${address.text} needs rights that this user does not have: give ${name} a port from 1024 on ${remedy}, or the process the right (CAP_NET_BIND_SERVICE)`
    default:
      return null
  }
}
