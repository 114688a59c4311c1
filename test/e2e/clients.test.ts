/** Real clients: what is let through works in each of them as without a proxy, and each is told when it is not. */
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { missing, peer } from '../peers.ts'
import { open, readHead } from './ask.ts'
import { echoWebSocket, textFrame } from './echo-websocket.ts'
import { floor, surroundings, toldWhy, web } from './floor.ts'
import { gitServer } from './git-server.ts'
import { LOOPBACK, origin, run } from './landline.ts'

const [curl, git, python, wget] = [
  peer('curl', 'curl'),
  peer('git', 'git'),
  peer('Python', 'python3'),
  peer('wget', 'wget'),
]
const noCurl = curl === null && missing('curl')

t.test('curl', { skip: noCurl }, async (t) => {
  const { landline, proxy, http, https, certificate } = await floor(t)
  const ask = (...args: string[]) =>
    run(
      curl ?? '',
      ['-sS', '--max-time', '20', '-x', proxy, '--cacert', certificate, ...args],
      surroundings(landline.dir, {}),
    )
  const upload = join(landline.dir, 'upload')
  writeFileSync(upload, Buffer.alloc(300_000, 'x'))
  t.equal((await ask(`${http}/a?b=1`)).out, 'GET /a?b=1 0 via=1.1 landline-1\n')
  t.equal((await ask('-d', 'x=1', `${http}/form`)).out, 'POST /form 3 via=1.1 landline-1\n')
  t.equal((await ask('-T', upload, `${http}/put`)).out, 'PUT /put 300000 via=1.1 landline-1\n')
  const chunked = await ask(
    '-H',
    'Transfer-Encoding: chunked',
    '-H',
    'Expect: 100-continue',
    '-T',
    upload,
    `${http}/put`,
  )
  t.equal(chunked.out, 'PUT /put 300000 via=1.1 landline-1\n')
  t.match((await ask('-I', `${http}/head`)).out, /^HTTP\/1\.1 200 [\s\S]*\r\nx-method: HEAD\r\n[\s\S]*\r\n\r\n$/)
  t.match((await ask('-0', `${http}/old`)).out, 'GET /old')
  t.equal((await ask('-p', `${http}/tunnelled`)).out, 'GET /tunnelled 0 via=\n', 'CONNECT for plain HTTP')
  if (https !== null) t.equal((await ask(`${https}/tls`)).out, 'GET /tls 0 via=\n')

  const several = await ask('-w', '%{num_connects} ', ...['/1', '/2', '/3'].map((path) => `${http}${path}`))
  t.match(several.out, /GET \/1 .*\n1 GET \/2 .*\n0 GET \/3 .*\n0 $/, 'one connection serves them all')
  const refusals = await ask('-w', '%{num_connects} ', 'http://meet.test/', 'http://meet.test/')
  t.match(refusals.out, /[\s\S]+1 [\s\S]+0 $/, 'also when they are refused')

  const denied = await ask('http://meet.test/')
  toldWhy(t, denied.out, landline)
  t.match(denied.out, 'Dial in on extension 4711')
  t.match((await ask('-H', 'Accept-Language: de', 'http://meet.test/')).out, 'Bitte Durchwahl 4711 nutzen')
  const refused = await ask('-i', 'https://sub.MEET.test./')
  t.match(refused, { code: 56, errors: 'CONNECT tunnel failed, response 403' })
  toldWhy(t, refused.out, landline, 'sub.meet.test')
})

t.test('a proxy on IPv6', { skip: noCurl || (!(await hasIPv6()) && 'this machine has no ::1') }, async (t) => {
  const listeners = 'listeners: [{ address: "127.0.0.1:0" }, { address: "[::1]:0" }]\n'
  const { landline, http } = await floor(t, LOOPBACK + listeners)
  const [, second = ''] = landline.listeners
  t.match(second, /^\[::1\]:\d+$/)
  const { port } = await origin(t, web, '::1')
  const ask = (url: string) =>
    run(curl ?? '', ['-sS', '--max-time', '20', '-x', `http://${second}`, url], surroundings(landline.dir, {}))
  t.equal((await ask(`${http}/4`)).out, 'GET /4 0 via=1.1 landline-1\n')
  t.equal((await ask(`http://[::1]:${port}/6`)).out, 'GET /6 0 via=1.1 landline-1\n')
  toldWhy(t, (await ask('http://meet.test/')).out, landline)
  t.equal(landline.records().at(-1)?.source?.ip, '::1')
})

async function hasIPv6(): Promise<boolean> {
  const server = createTcpServer().listen(0, '::1')
  const [event] = await Promise.race([once(server, 'listening').then(() => ['listening']), once(server, 'error')])
  server.close()
  return event === 'listening'
}

t.test('wget', { skip: wget === null && missing('wget') }, async (t) => {
  const { landline, proxy, http, https, certificate } = await floor(t)
  const ask = (...args: string[]) =>
    run(
      wget ?? '',
      [
        '-q',
        '-S',
        '-O',
        '-',
        '--tries=1',
        '--timeout=20',
        '--content-on-error',
        `--ca-certificate=${certificate}`,
        ...args,
      ],
      surroundings(landline.dir, { http_proxy: proxy, https_proxy: proxy }),
    )
  t.equal((await ask(`${http}/a`)).out, 'GET /a 0 via=1.1 landline-1\n')
  t.equal((await ask('--post-data=x=1', `${http}/form`)).out, 'POST /form 3 via=1.1 landline-1\n')
  if (https !== null) t.equal((await ask(`${https}/tls`)).out, 'GET /tls 0 via=\n')
  const denied = await ask('http://meet.test/')
  t.equal(denied.code, 8, 'an error of the server')
  toldWhy(t, denied.out, landline)
  t.match(await ask('https://meet.test/'), { code: 4 }, 'a tunnel that is refused is a failure of the network to it')
})

t.test('git clones and pushes', { skip: git === null && missing('git') }, async (t) => {
  const { landline, proxy } = await floor(t)
  const { dir } = landline
  mkdirSync(join(dir, 'served'))
  const { port } = await origin(t, gitServer(git ?? '', join(dir, 'served')))
  const identity = {
    GIT_AUTHOR_NAME: 'A',
    GIT_AUTHOR_EMAIL: 'a@test',
    GIT_COMMITTER_NAME: 'A',
    GIT_COMMITTER_EMAIL: 'a@test',
  }
  const at = surroundings(dir, { ...identity, http_proxy: proxy, GIT_TERMINAL_PROMPT: '0' })
  const call = async (...args: string[]) => {
    const ended = await run(git ?? '', args, at)
    t.equal(ended.code, 0, `git ${args.join(' ')}: ${ended.errors}`)
    return ended.out.trim()
  }
  const url = `http://127.0.0.1:${port}/floor.git`
  await call('init', '-q', '--bare', 'served/floor.git')
  await call('clone', '-q', url, 'first')
  // More than git sends at once with a length: it comes chunked.
  writeFileSync(
    join(dir, 'first', 'plan'),
    Buffer.from(Array.from({ length: 3_000_000 }, (_, n) => (n * n * 31) >> (n % 13))),
  )
  await call('-C', 'first', 'add', 'plan')
  await call('-C', 'first', 'commit', '-q', '-m', 'the plan')
  await call('-C', 'first', 'push', '-q', 'origin', 'HEAD')
  await call('clone', '-q', url, 'second')
  t.equal(await call('-C', 'second', 'rev-parse', 'HEAD'), await call('-C', 'first', 'rev-parse', 'HEAD'))
  t.ok(readFileSync(join(dir, 'second', 'plan')).equals(readFileSync(join(dir, 'first', 'plan'))))
  t.ok((await landline.metric('landline_requests_total{kind="http",outcome="ok"}')) >= 6, 'all of it through the proxy')
  const denied = await run(git ?? '', ['clone', '-q', 'http://meet.test/floor.git', 'third'], at)
  t.match(denied, { code: 128, errors: '403' })
})

t.test('a WebSocket client, by Upgrade', async (t) => {
  const { landline } = await floor(t)
  const { port, server } = await origin(t, web)
  server.on('upgrade', echoWebSocket)
  const ask = async (host: string) => {
    const socket = open(landline.port)
    t.teardown(() => socket.destroy())
    const fields = ['Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
    socket.write(
      [`GET http://${host}/chat HTTP/1.1`, `Host: ${host}`, 'Connection: Upgrade', ...fields, '', ''].join('\r\n'),
    )
    return { socket, head: await readHead(socket) }
  }
  const { socket, head } = await ask(`127.0.0.1:${port}`)
  t.match(head, /^HTTP\/1\.1 101 /)
  t.match(head, /\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i)
  for (const text of ['hello', 'and again']) {
    socket.write(textFrame(text))
    const [echo] = await once(socket, 'data')
    t.equal(echo.subarray(2).toString(), text)
  }
  socket.destroy()
  const refused = await ask('meet.test')
  t.match(refused.head, /^HTTP\/1\.1 403 /)
  toldWhy(t, refused.head, landline)
})

t.test("Python's urllib", { skip: python === null && missing('Python') }, async (t) => {
  const { landline, proxy, http, https, certificate } = await floor(t)
  const script = `import sys, urllib.error, urllib.request
for url in sys.argv[1:]:
    try: print(urllib.request.urlopen(url, timeout=20).read().decode().strip())
    except urllib.error.HTTPError as error: print(error.code, error.headers['Landline-Reference'])
    except urllib.error.URLError as error: print(error.reason)
`
  const at = surroundings(landline.dir, { http_proxy: proxy, https_proxy: proxy, SSL_CERT_FILE: certificate })
  const urls = [`${http}/a`, https === null ? `${http}/tls` : `${https}/tls`, 'http://meet.test/', 'https://meet.test/']
  const { out, errors } = await run(python ?? '', ['-c', script, ...urls], at)
  const [plain, tls, denied = '', refused] = out.split('\n')
  t.equal(plain, 'GET /a 0 via=1.1 landline-1', errors)
  t.match(tls, 'GET /tls 0')
  t.match(denied, /^403 /)
  toldWhy(t, denied, landline)
  t.match(refused, 'Tunnel connection failed: 403')
})

t.test("Node's fetch", async (t) => {
  const { landline, proxy, http, https, certificate } = await floor(t)
  const script = `for (const url of process.argv.slice(1)) {
  const told = await fetch(url, { method: 'POST', body: 'x=1' }).then((r) => r.text(), (e) => 'failed ' + e.cause?.message)
  console.log(told.trim())
}`
  const variables = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NODE_EXTRA_CA_CERTS: certificate }
  const urls = [`${http}/a`, https === null ? `${http}/tls` : `${https}/tls`, 'https://meet.test/']
  const at = surroundings(landline.dir, variables)
  const { out, errors } = await run(process.execPath, ['--input-type=module', '-e', script, '--', ...urls], at)
  const [plain, tls, refused] = out.split('\n')
  t.match(plain, 'POST /a 3', errors)
  t.match(tls, 'POST /tls 3')
  t.match(refused, /^failed /, 'it does not show what the proxy said')
  const asked = (kind: string) => landline.metric(`landline_requests_total{kind="${kind}",outcome="ok"}`)
  const through = (await asked('connect')) + (await asked('http'))
  t.equal(through, 2, 'Node.js 24 tunnels plain HTTP too, 26 does not')
  t.equal(await landline.metric('landline_requests_total{kind="connect",outcome="denied"}'), 1)
})
