/**
 * Connections accepted such that they read into the buffers of the process. `net.createServer` makes its sockets without
 * `onread`, and each of their reads costs a buffer of 64 KiB that is then cut down: a third of the time of a small request,
 * and memory that the allocator does not give back. So the server's own handle is asked to give the connections to us.
 */
import { type OnReadOpts, type Server, Socket } from 'node:net'
import { Intake } from './intake.ts'
import { Wire } from './wire.ts'

/** What of Node.js' listening handle is used here; none of it is documented. */
interface ListeningHandle {
  onconnection: (status: number, client?: ClientHandle) => void
}
interface ClientHandle {
  setNoDelay(on: boolean): void
}

/**
 * `accept` is given the connections of a server that listens, and the server emits none any more. False: this version of
 * Node.js does it in another way, and the server goes on emitting them.
 */
export function acceptWires(server: Server, accept: (wire: Wire) => void): boolean {
  const { _handle: handle } = server as unknown as { readonly _handle?: Partial<ListeningHandle> | null } // see above
  const emits = handle?.onconnection
  if (handle == null || typeof emits !== 'function') return false
  const onconnection = (status: number, client?: ClientHandle) => {
    if (status !== 0 || typeof client?.setNoDelay !== 'function') return emits.call(handle, status, client)
    client.setNoDelay(true)
    const intake = new Intake()
    accept(Wire.reading(socketOn(client, intake.onread()), intake))
  }
  handle.onconnection = onconnection
  return true
}

function socketOn(handle: ClientHandle, onread: OnReadOpts): Socket {
  const options: object = { handle, allowHalfOpen: true, onread } // `handle` is not among the types of the options
  return new Socket(options)
}
