/** ClientHellos to order, well-formed and not. */

/** The handshake message, without records. Null: no server_name extension; a list: as many names. */
export function clientHello(names: string | readonly string[] | null, extensions: readonly Buffer[] = []): Buffer {
  const list = names === null ? [] : typeof names === 'string' ? [names] : names
  const entries = list.map((name) => Buffer.concat([Buffer.of(0), vector(2, Buffer.from(name, 'latin1'))]))
  const serverName = names === null ? [] : [extension(0, vector(2, Buffer.concat(entries)))]
  const versions = extension(43, Buffer.from([2, 3, 4]))
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    vector(1, Buffer.alloc(32, 9)),
    vector(2, Buffer.from([0x13, 0x01, 0x13, 0x02])),
    vector(1, Buffer.of(0)),
    vector(2, Buffer.concat([versions, ...serverName, ...extensions])),
  ])
  return handshake(1, body)
}

export function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 255]), vector(2, content)])
}

export function handshake(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type), vector(3, body)])
}

/** The message in records of so many bytes. */
export function inRecords(message: Buffer, size = message.length): Buffer {
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size)
    records.push(Buffer.from([22, 3, 1]), vector(2, message.subarray(at, at + size)))
  return Buffer.concat(records)
}

function vector(width: number, content: Buffer): Buffer {
  const length = Buffer.alloc(width)
  length.writeUIntBE(content.length, 0, width)
  return Buffer.concat([length, content])
}
