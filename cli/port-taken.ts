/** A start that fails because somebody has the port: said in one line, with the flag that gives another one. */
import { StartError } from './first-policy.ts'

const PORTS = {
  '--admin': 'the admin port',
  '--listen': 'the listener',
} as const

/** What `listen` resolves with. Throws StartError where the port is taken, whichever thread found that out. */
export async function orTaken<T>(listening: Promise<T>, flag: keyof typeof PORTS): Promise<T> {
  try {
    return await listening
  } catch (error) {
    // A worker passes on the message alone, so the address is read from it.
    const message = error instanceof Error ? error.message : ''
    const [, address] = /EADDRINUSE: address already in use (\S+)/.exec(message) ?? []
    if (address === undefined) throw error
    throw new StartError([`${address} is taken: give ${PORTS[flag]} another address with ${flag} ADDRESS:PORT`])
  }
}
