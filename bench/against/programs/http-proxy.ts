/** The smallest forward proxy on http-proxy: as its users build one. `node http-proxy.ts PORT` */
import { Agent, createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { createProxyServer } from 'http-proxy'

const proxy = createProxyServer({ agent: new Agent({ keepAlive: true, maxFreeSockets: 1000 }) })
proxy.on('error', (_error, _request, response) => response.destroy())
const server = createServer((request, response) => {
  const { host, pathname, search } = new URL(request.url ?? '')
  request.url = `${pathname}${search}`
  proxy.web(request, response, { target: `http://${host}` })
})
server.on('connect', (request, client: Socket, head) => {
  const [host, port] = (request.url ?? '').split(':')
  const origin = connect(Number(port), host, () => {
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    origin.write(head)
    origin.pipe(client).pipe(origin)
  })
  origin.on('error', () => client.destroy())
  origin.on('close', () => client.destroy())
  client.on('error', () => origin.destroy())
  client.on('close', () => origin.destroy())
})
server.listen(Number(process.argv[2]), '127.0.0.1')
