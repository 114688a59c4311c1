/**
 * Landline's reading beside llhttp's, over generated and spoilt messages: whatever Landline accepts, llhttp frames in the same
 * way; whatever Landline forwards is canonical. Landline may refuse more, never less, but for what an RFC has it accept:
 * see `mayDiffer`. LANDLINE_FUZZ_MESSAGES and LANDLINE_FUZZ_SEED make a longer or another run.
 */
import { METHODS } from 'node:http'
import t from 'tap'
import { ChunkedDecoder, chunkHead, lastChunk } from '../../../proxy/http/chunked.ts'
import type { ResponseFraming } from '../../../proxy/http/framing.ts'
import { BROKEN, findHeadEnd, INCOMPLETE } from '../../../proxy/http/head-end.ts'
import { fieldValue, parseRequestHead, type RequestHead } from '../../../proxy/http/request.ts'
import { parseResponseHead } from '../../../proxy/http/response.ts'
import { requestHeadForOrigin } from '../../../proxy/http/serialise.ts'
import { answerBytes, requestBytes, seeded } from './mutate.ts'
import { type Answer, type Message, type Reading, readAnswer, readRequests, settle } from './oracle.ts'

const MESSAGES = Number(process.env.LANDLINE_FUZZ_MESSAGES ?? 200_000)
const SEED = Number(process.env.LANDLINE_FUZZ_SEED ?? 20_200_403)
const BATCH = 500
const ANSWERS_SHARE = 10
/** A known method in place of one that llhttp does not know. */
const STAND_IN = 'POST'

interface Accepted {
  readonly head: RequestHead
  readonly target: string
  readonly content: string
  readonly isWhole: boolean
  /** From the head to the end of what was read of the message. */
  readonly text: string
}

interface Read {
  readonly accepted: readonly Accepted[]
  /** `all`: to the last byte, or to where more of the last message is wanted. `stopped`: the connection serves no more. */
  readonly end: 'all' | 'refused' | 'stopped'
}

t.setTimeout(900_000)

t.test(
  'what Landline accepts of requests, llhttp frames in the same way, and what it forwards is canonical',
  async (t) => {
    const random = seeded(SEED)
    let accepted = 0
    let whole = 0
    for (let done = 0; done < MESSAGES; done += BATCH) {
      const rows = Array.from({ length: Math.min(BATCH, MESSAGES - done) }, () => {
        const text = requestBytes(random)
        const read = readAll(Buffer.from(text, 'latin1'))
        const sent = read.accepted
          .filter(({ head, isWhole }) => isWhole && head.target.form === 'absolute')
          .map(forward)
        return { text, read, theirs: readRequests(Buffer.from(text, 'latin1')), sent }
      })
      await settle()
      for (const { text, read, theirs, sent } of rows) {
        const fault = difference(read, theirs) ?? sent.map(faultOfForwarded).find((found) => found !== null) ?? null
        if (fault !== null) return t.fail(fault, { text: JSON.stringify(text), theirs, read })
        accepted += read.accepted.length
        whole += sent.length
      }
    }
    t.comment(`${MESSAGES} connections, ${accepted} requests accepted, ${whole} forwarded, seed ${SEED}`)
    t.ok(whole > MESSAGES / 3, 'enough of them were good')
  },
)

t.test('what Landline accepts of answers, llhttp frames in the same way', async (t) => {
  const random = seeded(SEED + 1)
  let accepted = 0
  for (let done = 0; done < MESSAGES / ANSWERS_SHARE; done += BATCH) {
    const rows = Array.from({ length: BATCH }, () => {
      const method = random(4) === 0 ? 'HEAD' : 'GET' // http takes every answer to CONNECT for a tunnel
      const upgrade = method === 'GET' && random(4) === 0 ? 'websocket' : null
      const text = answerBytes(random)
      return { text, method, upgrade, ours: readOne(Buffer.from(text, 'latin1'), method, upgrade) }
    })
    const theirs = await Promise.all(
      rows.map(({ text, method, upgrade }) => readAnswer(Buffer.from(text, 'latin1'), method, upgrade)),
    )
    for (const [index, { text, ours, method }] of rows.entries()) {
      const other = theirs[index]
      if (ours === null || other === undefined) continue
      accepted++
      const same = other.status === ours.status && other.content === ours.content && other.isWhole === ours.isWhole
      if (same || answerMayDiffer(text, other)) continue
      return t.fail('an answer is framed in another way', { text: JSON.stringify(text), method, ours, theirs: other })
    }
  }
  t.comment(`${MESSAGES / ANSWERS_SHARE} answers, ${accepted} accepted`)
  t.ok(accepted > MESSAGES / ANSWERS_SHARE / 3, 'enough of them were good')
})

/** What a connection with these bytes comes to in Landline. */
function readAll(bytes: Buffer): Read {
  const accepted: Accepted[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = findHeadEnd(bytes, at)
    if (end === BROKEN) return { accepted, end: 'refused' }
    if (end === INCOMPLETE) break
    const text = bytes.toString('latin1', at, end)
    const head = parseRequestHead(text)
    if ('refused' in head) return { accepted, end: 'refused' }
    const body = readContent(bytes, end, head.framing)
    if (body === null) return { accepted, end: 'refused' }
    const target =
      text
        .split('\r\n')
        .find((line) => line !== '')
        ?.split(' ')[1] ?? ''
    accepted.push({
      head,
      target,
      content: body.content,
      isWhole: body.isWhole,
      text: bytes.toString('latin1', at, body.end),
    })
    // llhttp reads no further where an upgrade is offered.
    const offersUpgrade = head.options.includes('upgrade') && fieldValue(head, 'upgrade') !== null
    if (head.method === 'CONNECT' || offersUpgrade || !head.keepAlive) return { accepted, end: 'stopped' }
    at = body.end
  }
  return { accepted, end: 'all' }
}

/** The final answer in these bytes, after which the connection ends; null when it is refused or not there. */
function readOne(bytes: Buffer, method: string, upgrade: string | null): Omit<Answer, 'error'> | null {
  for (let at = 0; ; ) {
    const end = findHeadEnd(bytes, at)
    if (end < 0) return null
    const head = parseResponseHead(bytes.toString('latin1', at, end), { method, upgrade })
    if ('refused' in head) return null
    at = end
    if (head.status < 200 && head.status !== 101) continue
    const body = readContent(bytes, end, head.framing)
    return body === null ? null : { status: head.status, content: body.content, isWhole: body.isWhole }
  }
}

function readContent(bytes: Buffer, from: number, framing: ResponseFraming) {
  if (framing.kind === 'close') return { content: bytes.toString('latin1', from), isWhole: true, end: bytes.length }
  if (framing.kind !== 'chunked') {
    const length = framing.kind === 'length' ? framing.length : 0
    const end = Math.min(bytes.length, from + length)
    return { content: bytes.toString('latin1', from, end), isWhole: end === from + length, end }
  }
  const decoder = new ChunkedDecoder()
  let content = ''
  const taken = decoder.push(bytes, from, (buffer, start, end) => {
    content += buffer.toString('latin1', start, end)
  })
  return decoder.state === 'error' ? null : { content, isWhole: decoder.state === 'done', end: from + taken }
}

/** What is wrong between the two readings, or null. */
function difference({ accepted, end }: Read, theirs: Reading): string | null {
  for (const [index, ours] of accepted.entries()) {
    const other = theirs.messages[index]
    if (mayDiffer(ours, theirs)) return null
    if (other === undefined) return `request ${index} is none to llhttp: ${theirs.error}`
    if (other.method !== ours.head.method || other.target !== ours.target)
      return `request ${index} asks for something else`
    if (other.content !== ours.content) return `request ${index} has other content`
    if (other.isWhole !== ours.isWhole) return `request ${index} ends elsewhere`
  }
  const last = accepted.at(-1)
  // Extensions and trailers are judged when their line, or their last one, has come: until then llhttp may know more.
  const isOpen = last?.isWhole === false && last.head.framing.kind === 'length'
  if (end === 'all' && theirs.messages.length !== accepted.length) return 'llhttp finds more requests'
  return end === 'all' && isOpen && theirs.error !== null ? `llhttp refuses content: ${theirs.error}` : null
}

/** Where an RFC has a recipient accept what llhttp refuses, and nothing hangs on it because it is written anew. */
function mayDiffer({ head, text }: Accepted, { error }: Reading): boolean {
  switch (error) {
    case 'HPE_INVALID_METHOD': // any token is a method, RFC 9110 §9.1
      return !METHODS.includes(head.method)
    case 'HPE_INVALID_VERSION': // a later minor version is read as 1.1, RFC 9110 §2.5
      return /^(\r\n)?\S+ \S+ HTTP\/1\.[2-9]\r\n/.test(text)
    case 'HPE_INVALID_TRANSFER_ENCODING': // a tab after a value is white space like any, RFC 9110 §5.5
      return /chunked *\t/i.test(text)
    case 'HPE_INVALID_CHUNK_SIZE': // white space around extensions is taken, RFC 9110 §5.6.3
    case 'HPE_INVALID_CHUNK_EXTENSION':
    case 'HPE_STRICT':
      return BLANK_IN_EXTENSION.test(text)
    default:
      return false
  }
}

const BLANK_IN_EXTENSION = /["\w][ \t]+[;=]|[;=][ \t]+["\w]/

function answerMayDiffer(text: string, { error }: Answer): boolean {
  switch (error) {
    case 'HPE_UNEXPECTED_CONTENT_LENGTH': // equal lengths are one, RFC 9110 §8.6
      return /content-length:.*content-length:/is.test(text)
    case 'HPE_INVALID_CONTENT_LENGTH':
      return /content-length:[ \t]*(\d+)[ \t]*(,[ \t]*\1[ \t]*)+\r/i.test(text)
    case 'HPE_INVALID_VERSION':
      return /HTTP\/1\.[2-9]/.test(text)
    case 'HPE_INVALID_HEADER_TOKEN': // white space before a colon is removed, RFC 9112 §5.1
      return /^[^\s:]+[ \t]+:/m.test(text)
    case 'HPE_INVALID_CHUNK_SIZE':
      return BLANK_IN_EXTENSION.test(text)
    default:
      // Never content, RFC 9112 §6.3; and a tab after a value is white space, RFC 9110 §5.5.
      return /HTTP\/1\.\d (1\d\d|204)|chunked *\t/i.test(text)
  }
}

interface Sent {
  readonly accepted: Accepted
  readonly text: string
  readonly theirs: Reading
}

/** The request as it goes on, its content in one chunk where it is chunked, and what llhttp takes it for. */
function forward(accepted: Accepted): Sent {
  const { head, content } = accepted
  const isChunked = head.framing.kind === 'chunked'
  const chunk = content === '' ? '' : `${chunkHead(content.length)}${content}\r\n`
  const written = requestHeadForOrigin(head, { via: 'landline-1' }) + (isChunked ? chunk + lastChunk([]) : content)
  const text = METHODS.includes(head.method) ? written : written.replace(head.method, STAND_IN)
  return { accepted, text, theirs: readRequests(Buffer.from(text, 'latin1')) }
}

const NEVER_FORWARDED = /^(keep-alive|proxy-connection|proxy-authorization|te|http2-settings|x-d )$/

/** What is wrong with a forwarded request, or null: it is one request, of the same content, to one host, and to Landline again the same. */
function faultOfForwarded({ accepted: { head, content }, text, theirs }: Sent): string | null {
  const [message, ...more] = theirs.messages
  if (message === undefined || more.length > 0 || theirs.error !== null)
    return `forwarded as ${JSON.stringify(text)}: ${theirs.error}`
  if (!message.isWhole || message.content !== content) return 'forwarded with other content'
  const names = lowerNames(message)
  if (names[0] !== 'host' || message.fields[1] !== head.target.authority) return 'forwarded to another host'
  for (const name of ['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect']) {
    if (names.filter((found) => found === name).length > 1) return `forwarded with more than one ${name}`
  }
  if (names.some((name) => NEVER_FORWARDED.test(name))) return 'forwarded with what ends at each hop'
  const again = readAll(Buffer.from(text, 'latin1')).accepted
  const isSame = again.length === 1 && again[0]?.isWhole === true && again[0].content === content
  return isSame && again[0]?.target === head.target.path
    ? null
    : `Landline itself reads ${JSON.stringify(text)} in another way`
}

function lowerNames({ fields }: Message): readonly string[] {
  return fields.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
}
