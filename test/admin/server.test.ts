import { request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { type AdminOptions, createAdmin } from '../../admin/server.ts'
import { parsePrefix } from '../../rules/address.ts'
import type { Prefix } from '../../rules/model.ts'

const prefix = (written: string) => parsePrefix(written) as Prefix // the tests write good ones

const lines: string[] = []
const keep = (fields: object, message: string) => lines.push(JSON.stringify([fields, message]))
const log = { info: keep, warn: keep, error: keep }

async function started(options: Partial<AdminOptions> = {}) {
  const admin = createAdmin({
    address: '127.0.0.1:0',
    allow: [],
    metrics: async (accept) => ({ contentType: 'text/plain; version=0.0.4', body: `for ${accept}\n` }),
    ready: () => ({ ready: true, reasons: [] }),
    pac: () => 'function FindProxyForURL() {}',
    api: {
      answer: async () => ({ status: 200, type: 'application/json', body: '{"call":true}\n' }),
      deadlineMs: () => undefined,
    },
    tls: null,
    log,
    ...options,
  })
  const { port } = await admin.listen()
  return { port, close: admin.close }
}

interface Got {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

function get(port: number, path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Got> {
  const { promise, resolve, reject } = Promise.withResolvers<Got>()
  request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
    text(response).then(
      (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      reject,
    )
  })
    .on('error', reject)
    .end()
  return promise
}

/** Everything that comes back for the bytes sent, until the other side closes. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  socket.on('error', () => {})
  socket.write(bytes)
  return text(socket).catch(() => '')
}

const CASES: readonly (readonly [
  name: string,
  path: string,
  status: number,
  body: RegExp,
  type: RegExp,
  method?: string,
  accept?: string,
])[] = [
  ['what there is, to those who ask for nothing', '/', 404, /no such page.*^\/metrics /ms, /^text\/plain/],
  [
    'metrics, with the Accept value passed on',
    '/metrics',
    200,
    /^for application\/openmetrics-text\n$/,
    /^text\/plain; version=0\.0\.4$/,
    'GET',
    'application/openmetrics-text',
  ],
  ['a query does not matter', '/metrics?x=1', 200, /^for null\n$/, /^text\/plain/],
  ['it lives', '/livez', 200, /^ok\n$/, /^text\/plain/],
  ['it is ready', '/readyz', 200, /^ready\n$/, /^text\/plain/],
  [
    'it is ready, for programs',
    '/readyz',
    200,
    /^{"ready":true,"reasons":\[\],"warnings":\[\]}\n$/,
    /^application\/json$/,
    'GET',
    'application/json',
  ],
  ['proxy settings', '/proxy.pac', 200, /^function FindProxyForURL/, /^application\/x-ns-proxy-autoconfig$/],
  ['a call goes to the interface', '/api/v1/status', 200, /"call":true/, /^application\/json$/],
  ['a call that acts, too', '/api/v1/', 200, /"call":true/, /^application\/json$/, 'DELETE'],
  ['no such page', '/api', 404, /no such page/, /^text\/plain/],
  ['nor this', '/metrics/', 404, /no such page/, /^text\/plain/],
  ['the admin port is no proxy', 'http://zoom.us/metrics', 404, /no such page/, /^text\/plain/],
  ['a head has no body', '/livez', 200, /^$/, /^text\/plain/, 'HEAD'],
  ['reading only', '/livez', 405, /GET or HEAD/, /^text\/plain/, 'POST'],
]

t.test('the admin port answers', async (t) => {
  const { port, close } = await started()
  for (const [name, path, status, body, type, method, accept] of CASES) {
    const got = await get(port, path, method, accept === undefined ? {} : { accept })
    t.equal(got.status, status, name)
    t.match(got.body, body, name)
    t.match(got.headers['content-type'], type, name)
    t.match(
      got.headers,
      {
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'content-security-policy': /default-src 'none'/,
      },
      name,
    )
    if (status === 405) t.equal(got.headers.allow, 'GET, HEAD', name)
    if (method === 'HEAD') t.equal(got.headers['content-length'], '3', name)
  }
  await close()
  t.same(lines.splice(0), [], 'nothing of the requests is logged')
})

t.test('what does not serve says why', async (t) => {
  const { port, close } = await started({ ready: () => ({ ready: false, reasons: ['the audit folder is full'] }) })
  t.match(await get(port, '/readyz'), { status: 503, body: 'not ready\nthe audit folder is full\n' })
  t.match(await get(port, '/readyz', 'GET', { accept: 'application/json' }), {
    status: 503,
    body: '{"ready":false,"reasons":["the audit folder is full"],"warnings":[]}\n',
  })
  t.match(await get(port, '/livez'), { status: 200 })
  await close()
})

t.test('what serves all the same says what is to be seen to', async (t) => {
  const { port, close } = await started({ ready: () => ({ ready: true, reasons: [], warnings: ['old rules'] }) })
  t.match(await get(port, '/readyz'), { status: 200, body: 'ready\nwarning: old rules\n' })
  const { body } = await get(port, '/readyz', 'GET', { accept: 'application/json' })
  t.same(JSON.parse(body), { ready: true, reasons: [], warnings: ['old rules'] })
  await close()
})

const ALLOW_CASES: readonly (readonly [name: string, address: string, allow: readonly string[], allowed: boolean])[] = [
  ['the address itself', '127.0.0.1:0', ['127.0.0.1/32'], true],
  ['its network', '127.0.0.1:0', ['10.0.0.0/8', '127.0.0.0/8'], true],
  ['another network', '127.0.0.1:0', ['10.0.0.0/8'], false],
  ['IPv4 on a dual-stack socket is IPv4', '[::]:0', ['127.0.0.0/8'], true],
  ['and not any IPv6', '[::]:0', ['::/0'], false],
]

for (const [name, address, allow, allowed] of ALLOW_CASES) {
  t.test(`who may connect: ${name}`, async (t) => {
    const { port, close } = await started({ address, allow: allow.map(prefix) })
    const answer = await raw(
      port,
      'GET /livez HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n\r\n',
    )
    t.equal(answer.startsWith('HTTP/1.1 200'), allowed)
    if (!allowed) t.equal(answer, '')
    await close()
  })
}

t.test('a page that fails or hangs ends with an answer, and the log has the cause without the request', async (t) => {
  const hanging = await started({ metrics: () => new Promise(() => {}), deadlines: { answerMs: 30 } })
  t.match(await get(hanging.port, '/metrics'), { status: 503, body: /in time/ })
  await hanging.close()
  const failing = await started({
    metrics: async () => {
      throw new Error('no registry')
    },
  })
  const { status, body } = await get(failing.port, '/metrics?secret=1', 'GET', { cookie: 'secret' })
  t.equal(status, 500)
  t.notMatch(body, 'registry')
  t.equal(lines.length, 1)
  t.notMatch(lines.splice(0).join(), 'secret')
  await failing.close()
})

t.test('those who send too much or too slowly are let go', async (t) => {
  const { port, close } = await started({ deadlines: { headMs: 60, idleMs: 2000 } })
  t.match(await raw(port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431/)
  t.match(await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\n'), /^(HTTP\/1\.1 408|$)/, 'an unfinished head')
  t.match(await raw(port, 'garbage\r\n\r\n'), /^HTTP\/1\.1 400/)
  t.match(await raw(port, 'CONNECT zoom.us:443 HTTP/1.1\r\nHost: zoom.us\r\n\r\n'), /^$/, 'no tunnel')
  const withBody = await raw(
    port,
    'GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\nGET /metrics HTTP/1.1\r\n',
  )
  t.match(withBody, /^HTTP\/1\.1 200(?:.|\s)*connection: close(?:.|\s)*\r\n\r\nok\n$/i)
  t.equal(withBody.match(/HTTP\/1\.1 200/g)?.length, 1, 'a body is no second request')
  await close()
})

t.test('an address that cannot be listened on is refused', async (t) => {
  for (const address of ['3129', '127.0.0.1', '127.0.0.1:70000', '::1:3129', '']) {
    await t.rejects(started({ address }), { name: 'TypeError', message: /admin\.address/ }, address)
  }
  const { port, close } = await started()
  await t.rejects(started({ address: `127.0.0.1:${port}` }), { code: 'EADDRINUSE' })
  await close()
})
