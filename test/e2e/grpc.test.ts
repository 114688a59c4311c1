/** gRPC's wire format over a tunnel: HTTP/2 within TLS, many calls at once, each with its trailers. */
import { connect as connectHTTP2, createSecureServer } from 'node:http2'
import type { Socket } from 'node:net'
import { connect as connectTLS } from 'node:tls'
import t from 'tap'
import { missing, peer } from '../peers.ts'
import { type Answer, tunnel } from './ask.ts'
import { makeCertificate } from './certificate.ts'
import { LOOPBACK, listen, scratch, start } from './landline.ts'

const openssl = peer('OpenSSL', 'openssl')
const RULES = `version: 1
name: grpc
unknown_clients: classify
segments: { wifi: { medium: wireless, prefixes: [127.0.0.2] } }
services: { meet: { name: Meet, category: meeting, domains: [localhost] } }
rules: [{ id: off-wifi, service: meet, medium: wireless, action: block }]
ip_literals: allow
`
/** A gRPC message: not compressed, its length, its bytes. */
const framed = (text: string) => Buffer.concat([Buffer.of(0, 0, 0, 0, text.length), Buffer.from(text)])

t.test(
  'gRPC calls go through a tunnel, and a hello that names a blocked service is cut',
  { skip: openssl === null && missing('OpenSSL') },
  async (t) => {
    const { cert, key } = await makeCertificate(scratch(t), openssl ?? '')
    const server = createSecureServer({ cert, key, ALPNProtocols: ['h2'] })
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.on('data', (message: Buffer) => stream.write(framed(`echo ${message.subarray(5).toString()}`)))
      stream.on('end', () => stream.end())
    })
    const port = await listen(t, server)
    const landline = await start(t, { rules: RULES, config: LOOPBACK })

    const secured = async (servername: string) => {
      const socket = (await tunnel(landline.port, `127.0.0.1:${port}`, '127.0.0.2')) as Socket // a bare address is let through
      return connectTLS({ socket, servername, ca: cert, ALPNProtocols: ['h2'], checkServerIdentity: () => undefined })
    }
    const through = await secured('other.test')
    const session = connectHTTP2('https://other.test', { createConnection: () => through })
    const call = (name: string) =>
      new Promise<string>((resolve, reject) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': '/echo',
          'content-type': 'application/grpc',
          te: 'trailers',
        })
        let text = ''
        let status = ''
        stream.on('data', (message: Buffer) => {
          text += message.subarray(5).toString()
        })
        stream.on('trailers', (trailers) => {
          status = String(trailers['grpc-status'])
        })
        stream.on('error', reject)
        stream.on('close', () => resolve(`${text} ${status}`))
        stream.write(framed(name))
        setImmediate(() => stream.end())
      })
    const names = Array.from({ length: 20 }, (_, index) => `call ${index}`)
    t.same(
      await Promise.all(names.map(call)),
      names.map((name) => `echo ${name} 0`),
    )
    session.destroy()

    const severed = await secured('localhost')
    await new Promise<void>((resolve) => severed.once('error', () => resolve()).once('close', () => resolve()))
    t.notOk(severed.authorized, 'no handshake came about')
    t.match(
      landline.records().find(({ event }) => event.action === 'sever'),
      { rule: { id: 'off-wifi' } },
    )
    t.equal(((await tunnel(landline.port, `localhost:${port}`, '127.0.0.2')) as Answer).status, 403) // refused, so an answer
  },
)
