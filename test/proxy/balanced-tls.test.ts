/** TLS behind a balancer, through the listener itself: each connection is whose its own PROXY header says. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTLS } from 'node:tls'
import t from 'tap'
import { makeCertificate } from '../e2e/certificate.ts'
import { scratch } from '../e2e/landline.ts'
import { missing, peer } from '../peers.ts'
import { freePort } from '../ports.ts'
import { DESK, prefix, proxyOf, request, WIFI } from './harness.ts'

const openssl = peer('OpenSSL', 'openssl')
const BALANCER = '127.0.0.5'

t.test(
  'a balancer may come to two addresses from the same port of its own',
  { skip: openssl === null && missing('OpenSSL') },
  async (t) => {
    const tls = await makeCertificate(scratch(t), openssl ?? '')
    const trusted = [prefix(`${BALANCER}/32`)]
    const proxy = await proxyOf(t, {
      listeners: [{ host: '0.0.0.0', port: 0, clientAddress: 'proxy-protocol', trusted, tls }],
    })
    const localPort = await freePort()
    const nobodysPort = await freePort()
    const begun = async (host: string, client: string) => {
      const socket = connect({ host, port: proxy.port, localAddress: BALANCER, localPort })
      t.teardown(() => socket.destroy())
      await once(socket, 'connect')
      socket.write(`PROXY TCP4 ${client} 127.0.0.1 51234 3130\r\n`)
      return socket
    }
    const answered = async (socket: Socket) => {
      const secured = connectTLS({ socket, ca: tls.cert, checkServerIdentity: () => undefined })
      secured.write(request('GET', `http://meet.test:${nobodysPort}/`, ['Connection: close']))
      return (await secured.setEncoding('latin1').toArray()).join('').slice(0, 12)
    }
    const wireless = await begun('127.0.0.1', WIFI)
    const wired = await begun('127.0.0.9', DESK)
    t.equal(await answered(wired), 'HTTP/1.1 502', 'let through, though nobody listens there')
    t.equal(await answered(wireless), 'HTTP/1.1 403')
  },
)
