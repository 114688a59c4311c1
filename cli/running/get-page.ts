/** One page of a Landline on this or another machine, read over HTTP: the proxy's own, or one of the admin port's open ones. */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

const TIMEOUT_MS = 5000
const MAX_BYTES = 32 * 1024 * 1024

export interface PagePlace {
  readonly host: string
  readonly port: number
  /** The certificate is not checked: no secret is sent, and by an address it could not be. */
  readonly tls: boolean
}

export interface Page {
  readonly status: number
  readonly body: string
}

/** Rejects with the system's error where nobody answers, or not in time. */
export function getPage({ host, port, tls }: PagePlace, path: string, accept: string): Promise<Page> {
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  const options = {
    host,
    port,
    path,
    headers: { host: authority, accept },
    agent: false as const,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    rejectUnauthorized: false,
  }
  return new Promise((resolve, reject) => {
    const asked = (tls ? requestHttps : requestHttp)(options, (response) => {
      const chunks: Buffer[] = []
      let length = 0
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        length += chunk.length
        if (length > MAX_BYTES) asked.destroy(new Error('the answer is too long'))
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      )
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end()
  })
}
