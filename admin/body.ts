/** A request's body as JSON: bounded, and of the declared type only. */
import type { IncomingMessage } from 'node:http'
import { type ApiBody, ApiRefusal } from './api-refusal.ts'

const MAX_BODY_BYTES = 65_536

/** Rejects with an ApiRefusal: 415, 413 or 400. The client's pace is the server's deadlines' matter. */
export async function readJsonBody(request: IncomingMessage): Promise<ApiBody> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  // A page of another site can have a browser send a form, but not this type.
  if (type !== 'application/json')
    throw new ApiRefusal(415, 'the body is not declared as JSON', 'send Content-Type: application/json')
  const value = parsed((await readAll(request)).toString('utf8'))
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ApiRefusal(400, 'the body is no JSON object', 'send one, such as {}')
  return { ...value }
}

/** Without `for await`, which would destroy the connection before a 413 is sent. */
function readAll(request: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= MAX_BODY_BYTES) chunks.push(chunk)
    else {
      request.pause()
      reject(new ApiRefusal(413, `the body has more than ${MAX_BODY_BYTES} bytes`, 'send less'))
    }
  })
  request.on('end', () => resolve(Buffer.concat(chunks)))
  const gone = () => reject(new ApiRefusal(400, 'the body did not arrive', 'send it again'))
  request.on('error', gone)
  request.on('close', gone)
  return promise
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
