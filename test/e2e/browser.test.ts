/** A browser behind the proxy: pages, WebSockets and TLS as without one, and the block page for plain HTTP. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { missing, peer } from '../peers.ts'
import { echoWebSocket } from './echo-websocket.ts'
import { floor, surroundings, toldWhy } from './floor.ts'
import { origin, run } from './landline.ts'

const chromium = peer('Chromium', 'chromium')

const PAGE = `<!doctype html><title>floor</title><p id=page>page</p><p id=socket></p><script>
const socket = new WebSocket('ws://' + location.host + '/chat')
socket.onopen = () => socket.send('by WebSocket')
socket.onmessage = ({ data }) => { document.getElementById('socket').textContent = 'echo ' + data; fetch('/echoed') }
</script><img src="/slow">`

t.test('a browser', { skip: chromium === null && missing('Chromium') }, async (t) => {
  const { landline, proxy, https } = await floor(t)
  const echoed = Promise.withResolvers<void>()
  const { port, server } = await origin(t, (request, response) => {
    // The page counts as loaded only with its picture, and that comes only after the WebSocket was used.
    if (request.url === '/slow') void echoed.promise.then(() => response.end())
    else response.setHeader('content-type', 'text/html').end(PAGE)
    if (request.url === '/echoed') echoed.resolve()
  })
  server.on('upgrade', echoWebSocket)
  const browse = (...args: string[]) =>
    run(chromium ?? '', [...browserFlags(landline.dir, proxy), ...args], surroundings(landline.dir, {}))
  const page = await browse('--dump-dom', `http://127.0.0.1:${port}/`)
  t.match(page.out, '<p id="page">page</p>', page.errors)
  t.match(page.out, 'echo by WebSocket')
  if (https !== null) {
    const secure = await browse('--ignore-certificate-errors', '--dump-dom', `${https}/tls`)
    t.match(secure.out, 'GET /tls 0 via=', secure.errors)
  }
  const blocked = await browse('--dump-dom', 'http://meet.test/room')
  t.match(blocked.out, '<html lang="en"', blocked.errors)
  for (const text of ['Memo 12, no Meet', 'Dial in on extension 4711', 'Meet']) t.match(blocked.out, text)
  toldWhy(t, blocked.out, landline)
  const picture = join(landline.dir, 'blocked.png')
  await browse(`--screenshot=${picture}`, '--window-size=1000,700', 'http://meet.test/')
  t.ok(statSync(picture).size > 5000)
})

/** Everything that the browser would do of its own accord is off: what the proxy sees is the test's. */
function browserFlags(dir: string, proxy: string): string[] {
  const off = ['background-networking', 'component-update', 'quic', 'sync', 'gpu', 'dev-shm-usage', 'extensions']
  return [
    '--headless',
    '--no-sandbox',
    '--no-first-run',
    '--lang=en',
    ...off.map((what) => `--disable-${what}`),
    `--user-data-dir=${join(dir, 'browser')}`,
    `--proxy-server=${proxy}`,
    '--proxy-bypass-list=<-loopback>',
  ]
}
