/** Heads read and written anew, per second of one core: `node bench/heads.ts`. A proxied request costs one of each and an answer. */
import { parseRequestHead } from '../proxy/http/request.ts'
import { parseResponseHead } from '../proxy/http/response.ts'
import { requestHeadForOrigin, responseHeadForClient } from '../proxy/http/serialise.ts'

const ROUNDS = 5
const ROUND_MS = 400
const BATCH = 1000
const DATE = 'Tue, 15 Nov 1994 08:12:31 GMT'

const curl = lines(
  'GET http://www.example.com/ HTTP/1.1',
  'Host: www.example.com',
  'User-Agent: curl/8.9.1',
  'Accept: */*',
  'Proxy-Connection: Keep-Alive',
)

const browser = lines(
  'GET http://intranet.example.com/portal/index.html?view=full&lang=de HTTP/1.1',
  'Host: intranet.example.com',
  'Proxy-Connection: keep-alive',
  'Cache-Control: max-age=0',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
  'Referer: http://intranet.example.com/portal/',
  'Accept-Encoding: gzip, deflate',
  'Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7',
  `Cookie: session=${'0123456789abcdef'.repeat(8)}; theme=dark; consent=1`,
  'If-None-Match: "5f3e-5d1c8a7b"',
)

const tunnel = lines(
  'CONNECT www.example.com:443 HTTP/1.1',
  'Host: www.example.com:443',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Proxy-Connection: keep-alive',
)

const answer = lines(
  'HTTP/1.1 200 OK',
  'Server: nginx',
  `Date: ${DATE}`,
  'Content-Type: text/html; charset=utf-8',
  'Content-Length: 1234',
  'Connection: keep-alive',
  'ETag: "5f3e-5d1c8a7b"',
)

const out = Buffer.alloc(4096)
const asked = { method: 'GET', upgrade: null }
const forClient = { via: 'landline-1', minor: 1, keepAlive: true, date: DATE } as const

measure('curl-like request, read and written', () => forward(curl))
measure('browser-like request, read and written', () => forward(browser))
measure('CONNECT, read', () => parseRequestHead(read(tunnel)))
measure('answer, read and written', () => {
  const head = parseResponseHead(read(answer), asked)
  if ('refused' in head) throw new Error(head.message)
  return write(responseHeadForClient(head, forClient))
})

function forward(bytes: Buffer): number {
  const head = parseRequestHead(read(bytes))
  if ('refused' in head) throw new Error(head.message)
  return write(requestHeadForOrigin(head, { via: 'landline-1' }))
}

/** To bytes: a text made by adding is not laid out before it is written. */
function write(text: string): number {
  return out.write(text, 'latin1')
}

/** From bytes each time, so that no text is already hashed or flat. */
function read(bytes: Buffer): string {
  return bytes.toString('latin1')
}

/** The best round counts: the others shared the machine. */
function measure(name: string, work: () => unknown): void {
  let best = 0
  for (let round = 0; round < ROUNDS; round++) {
    const end = performance.now() + ROUND_MS
    const before = process.cpuUsage()
    let done = 0
    for (; performance.now() < end; done += BATCH) for (let index = 0; index < BATCH; index++) work()
    const { user, system } = process.cpuUsage(before)
    best = Math.max(best, done / ((user + system) / 1e6))
  }
  console.log(`${Math.round(best).toLocaleString('en').padStart(12)} per CPU-second  ${name}`)
}

function lines(...text: readonly string[]): Buffer {
  return Buffer.from(`${text.join('\r\n')}\r\n\r\n`, 'latin1')
}
