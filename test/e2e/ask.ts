/** A client that says exactly what a test wants it to say, from the address that the test names. */
import { connect, type Socket } from 'node:net'

export interface Answer {
  readonly status: number
  /** By name in lower case. */
  readonly fields: ReadonlyMap<string, string>
  readonly body: string
}

export interface Asked {
  readonly from?: string
  readonly method?: string
  readonly fields?: Readonly<Record<string, string>>
  readonly body?: string
}

/** One request on a connection of its own; `target` stands in the request line as it is. Resolves with the final answer. */
export async function ask(
  port: number,
  target: string,
  { from, method = 'GET', fields = {}, body = '' }: Asked = {},
): Promise<Answer> {
  const socket = open(port, from)
  const host = /^\w+:\/\/([^/]*)/.exec(target)?.[1] ?? target
  const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
  const all = Object.entries({
    Host: host.startsWith('/') ? 'landline' : host,
    Connection: 'close',
    ...length,
    ...fields,
  })
  socket.write(
    `${method} ${target} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
  )
  let text = ''
  for await (const chunk of socket.setEncoding('latin1')) text += chunk
  return answerOf(text)
}

/** A tunnel, or the answer that refused it. */
export async function tunnel(port: number, authority: string, from?: string): Promise<Socket | Answer> {
  const socket = open(port, from)
  socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nConnection: close\r\n\r\n`)
  const text = await readHead(socket)
  if (answerOf(text).status === 200) return socket
  let body = ''
  for await (const chunk of socket.setEncoding('latin1')) body += chunk
  return answerOf(text + body)
}

/** Reads no byte beyond the head: what comes after it is somebody else's. */
export function readHead(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const ended = () => reject(new Error(`the connection ended within a head: ${JSON.stringify(text)}`))
    const read = () => {
      for (let byte = socket.read(1); byte !== null; byte = socket.read(1)) {
        text += byte.toString('latin1')
        if (!text.endsWith('\r\n\r\n')) continue
        socket.off('readable', read).off('end', ended).off('error', reject)
        return resolve(text)
      }
    }
    socket.on('readable', read).once('end', ended).once('error', reject)
  })
}

/** A connection to a port of this machine from one of its addresses. */
export function open(port: number, from = '127.0.0.1'): Socket {
  return connect({ port, host: '127.0.0.1', localAddress: from })
}

/** Takes a whole answer apart; interim ones before it are left out. */
export function answerOf(text: string): Answer {
  const end = text.indexOf('\r\n\r\n')
  const [line = '', ...lines] = text.slice(0, end).split('\r\n')
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1])
  if (status >= 100 && status < 200 && status !== 101) return answerOf(text.slice(end + 4))
  const fields = lines.map((field) => {
    const colon = field.indexOf(':')
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const
  })
  return { status, fields: new Map(fields), body: Buffer.from(text.slice(end + 4), 'latin1').toString() }
}

/** The reference that a denial shows; throws where it shows none. */
export function referenceOf({ status, fields, body }: Answer): string {
  const reference = fields.get('landline-reference')
  if (reference === undefined) throw new Error(`${status} without a reference: ${body}`)
  return reference
}
