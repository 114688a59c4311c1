/** A certificate that the tests' own servers show, made anew each time. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './landline.ts'

export interface Certificate {
  readonly cert: string
  readonly key: string
  /** Where the certificate lies, for clients that are to trust it. */
  readonly file: string
}

/** For `localhost`, 127.0.0.1 and 127.0.0.9; made with OpenSSL. */
export async function makeCertificate(dir: string, openssl: string): Promise<Certificate> {
  const file = join(dir, 'origin.crt')
  const keyFile = join(dir, 'origin.key')
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:127.0.0.9'
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
  const subject = ['-subj', '/CN=localhost', '-addext', names, '-days', '2', '-out', file]
  const { code, errors } = await run(openssl, ['req', '-x509', ...key, ...subject])
  if (code !== 0) throw new Error(`openssl: ${errors}`)
  return { cert: readFileSync(file, 'utf8'), key: readFileSync(keyFile, 'utf8'), file }
}
