/** What a tunnel may open with, as bytes, and what becomes of it for a client that may not use Zoom. */
import { clientHello, extension, handshake, inRecords } from '../proxy/hellos.ts'

const latin1 = (text: string) => Buffer.from(text, 'latin1')
const hello = (name: string | readonly string[] | null, ...more: readonly Buffer[]) => clientHello(name, more)
const record = (type: number, ...content: readonly number[]) => Buffer.from([type, 3, 3, 0, content.length, ...content])
const serverName = (...content: readonly number[]) => inRecords(hello(null, extension(0, Buffer.from(content))))
const zoom = hello('zoom.us')
const ECH = extension(0xfe0d, Buffer.alloc(250, 1))
const ALERT = record(21, 1, 0)

/** `pass`: echoed as it came. `sever`: cut, and on the record. `cut`: closed. Of the latter two the origin hears nothing. A name: passed on, and recorded under it. */
export const OPENINGS: readonly (readonly [name: string, bytes: Buffer, wanted: string])[] = [
  ['a name that is blocked', inRecords(zoom), 'sever'],
  ['a name that is not', inRecords(hello('plain.test')), 'pass'],
  ['a name that is recorded', inRecords(hello('X.Named.test.')), 'x.named.test'],
  ['records of one byte', inRecords(zoom, 1), 'sever'],
  ['records of one byte that may pass', inRecords(hello('plain.test'), 1), 'pass'],
  ['records of 100 bytes', inRecords(zoom, 100), 'sever'],
  ['alerts first', Buffer.concat([ALERT, ALERT, ALERT, ALERT, inRecords(zoom)]), 'sever'],
  ['too many alerts first', Buffer.concat([...Array<Buffer>(6).fill(ALERT), inRecords(zoom)]), 'cut'],
  ['change_cipher_spec first', Buffer.concat([record(20, 1), inRecords(zoom)]), 'cut'],
  ['application data first', Buffer.concat([record(23, 1), inRecords(zoom)]), 'cut'],
  ['an empty record first', Buffer.concat([record(22), inRecords(zoom)]), 'cut'],
  [
    'a hello of SSLv2',
    Buffer.concat([Buffer.from('802e0100020015000000100100800300800700c0', 'hex'), Buffer.alloc(28, 1)]),
    'pass',
  ],
  ['GREASE', inRecords(hello('zoom.us', extension(0xdada, Buffer.alloc(0)), extension(0xeaea, Buffer.of(0)))), 'sever'],
  ['ECH under a blocked name', inRecords(hello('zoom.us', ECH)), 'sever'],
  ['ECH under another name', inRecords(hello('plain.test', ECH)), 'pass'],
  ['ECH and no name', inRecords(hello(null, ECH)), 'pass'],
  ['no name', inRecords(hello(null)), 'pass'],
  ['a server name without content', serverName(), 'cut'],
  ['an empty list of names', serverName(0, 0), 'cut'],
  ['an empty name', inRecords(hello('')), 'cut'],
  ['two names', inRecords(hello(['plain.test', 'zoom.us'])), 'cut'],
  ['a name of another type', serverName(0, 5, 1, 0, 2, 97, 98), 'cut'],
  ['a list longer than it is', serverName(0, 9, 0, 0, 2, 97, 98), 'cut'],
  ['a name longer than it is', serverName(0, 5, 0, 0, 9, 97, 98), 'cut'],
  ['bytes behind the list', serverName(0, 5, 0, 0, 2, 97, 98, 1), 'cut'],
  ['a name twice', inRecords(hello('plain.test', extension(0, Buffer.from([0, 5, 0, 0, 2, 97, 98])))), 'cut'],
  ['upper case', inRecords(hello('US04WEB.ZOOM.US')), 'sever'],
  ['a dot at the end', inRecords(hello('zoom.us.')), 'sever'],
  ['a name that looks like it', inRecords(hello('notzoom.us')), 'pass'],
  ['an address', inRecords(hello('192.0.2.1')), 'pass'],
  ...[
    'zoom.us..',
    '.zoom.us',
    'zoom.us\0.plain.test',
    'zoom.us ',
    'zoom.us:443',
    'z\xf6om.us',
    '*.zoom.us',
    '2001:db8::1',
  ].map((name) => [`the name ${JSON.stringify(name)}`, inRecords(hello(name)), 'cut'] as const),
  ['a label of 64 bytes', inRecords(hello(`${'a'.repeat(64)}.zoom.us`)), 'cut'],
  ['a name of 20,000 bytes', inRecords(hello('a'.repeat(20_000)), 16_384), 'cut'],
  [
    'a session ticket and a pre-shared key',
    inRecords(hello('zoom.us', extension(35, Buffer.alloc(200)), extension(41, Buffer.alloc(300)))),
    'sever',
  ],
  ['keys against quantum computers', inRecords(hello('zoom.us', extension(51, Buffer.alloc(1220)))), 'sever'],
  ['padding over two records', inRecords(hello('zoom.us', extension(21, Buffer.alloc(17_000))), 16_384), 'sever'],
  ['early data behind it', Buffer.concat([inRecords(zoom), record(23, 1, 2, 3)]), 'sever'],
  ['a ServerHello', inRecords(handshake(2, Buffer.alloc(70))), 'cut'],
  ['a hello that ends in its middle', inRecords(handshake(1, zoom.subarray(4, 60))), 'cut'],
  ['a record of another version', Buffer.concat([Buffer.from([22, 2, 0]), inRecords(zoom).subarray(3)]), 'cut'],
  ['SSH', latin1('SSH-2.0-OpenSSH_9\r\n'), 'pass'],
  ['HTTP/2', latin1('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'), 'pass'],
  ['HTTP with a blocked Host', latin1('GET / HTTP/1.1\r\nHost: zoom.us\r\n\r\n'), 'sever'],
  ['HTTP with a Host that is recorded', latin1('GET / HTTP/1.1\r\nHost: x.named.test\r\n\r\n'), 'x.named.test'],
  ['HTTP after blanks', latin1(' \r\nGET / HTTP/1.1\r\nHost: zoom.us\r\n\r\n'), 'sever'],
  ['HTTP with two Hosts', latin1('GET / HTTP/1.1\r\nHost: a.test\r\nHost: zoom.us\r\n\r\n'), 'cut'],
  ['a tunnel within', latin1('CONNECT zoom.us:443 HTTP/1.0\r\n\r\n'), 'sever'],
]
