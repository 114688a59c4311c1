/** The calls of the admin port over a real socket: who gets through, and how a no is said. */
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { type ApiOptions, type ApiRoute, createApi } from '../../admin/api.ts'
import { ApiRefusal, onlyFields, textField } from '../../admin/api-refusal.ts'
import type { Authenticated } from '../../admin/authentication.ts'
import type { FailedLogin } from '../../admin/failed-logins.ts'
import { createAdmin } from '../../admin/server.ts'
import { ROLES, type Role } from '../../admin/users.ts'

const routes: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '/api/v1/status',
    roles: ROLES,
    answer: ({ user, query }) => ({ user: user.name, q: query.get('q') }),
  },
  {
    method: 'POST',
    path: '/api/v1/lift',
    roles: ['operator'],
    answer({ body, user }) {
      onlyFields(body, 'rule')
      if (textField(body, 'rule', { most: 20 }) === 'gone') throw new ApiRefusal(404, 'no such rule', 'name another')
      return { rule: body.rule, user: user.name }
    },
  },
  { method: 'DELETE', path: '/api/v1/lift', roles: ['operator'], answer: async () => undefined },
  { method: 'POST', path: '/api/v1/reveal', roles: ['privacy-officer', 'auditor'], answer: () => ({ revealed: true }) },
  { method: 'POST', path: '/api/v1/broken', roles: ROLES, answer: () => Promise.reject(new Error('secret cause')) },
  { method: 'POST', path: '/api/v1/slow', roles: ROLES, deadlineMs: 5, answer: () => new Promise(() => {}) },
]

/** Basic credentials here are the answer that the authenticator gives, or a user's name with the role of that name. */
function authenticated(authorization: string | undefined): Authenticated {
  const given = Buffer.from((authorization ?? '').replace('Basic ', ''), 'base64').toString()
  if (given === '') return { kind: 'missing' }
  if (given === 'throttled') return { kind: given, user: 'anna', retryMs: 1500 }
  if (given === 'busy') return { kind: given, retryMs: 1500 }
  const role = ROLES.find((known) => known === given)
  return role === undefined
    ? { kind: 'wrong', user: null }
    : { kind: 'user', user: { name: `the ${role}`, roles: [role] } }
}

interface Asked {
  readonly as?: Role | 'throttled' | 'busy' | 'nobody'
  readonly type?: string | null
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

async function server(t: { teardown(work: () => unknown): unknown }, options: Partial<ApiOptions> = {}) {
  const failed: FailedLogin[] = []
  const log: string[] = []
  const keep = (fields: object, message: string) =>
    log.push(JSON.stringify([String(Object.values(fields)[0]), message]))
  const api = createApi({
    routes,
    authenticator: { authenticate: async (authorization) => authenticated(authorization) },
    failedLogins: { failed: async (login) => void failed.push(login), flush: async () => {} },
    insecureLogins: false,
    ...options,
  })
  const admin = createAdmin({
    address: '127.0.0.1:0',
    allow: [],
    metrics: async () => ({ contentType: 'text/plain', body: '' }),
    ready: () => ({ ready: true, reasons: [] }),
    pac: () => '',
    api,
    tls: null,
    log: { info: keep, warn: keep, error: keep },
  })
  const { port } = await admin.listen()
  t.teardown(() => admin.close())
  const ask = (method: string, path: string, { as, type = 'application/json', body, headers = {} }: Asked = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; headers: object; body: unknown }>()
    const authorization = as === undefined ? {} : { authorization: `Basic ${Buffer.from(as).toString('base64')}` }
    const content =
      type === null || method === 'GET' ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body ?? '') }
    request({ port, method, path, headers: { ...authorization, ...content, ...headers }, agent: false }, (response) => {
      text(response).then(
        (got) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: got === '' ? '' : JSON.parse(got),
          }),
        reject,
      )
    })
      .on('error', reject)
      .end(body)
    return promise
  }
  return { ask, failed, log }
}

const big = JSON.stringify({ rule: 'x'.repeat(70_000) })

const cases: readonly (readonly [
  name: string,
  method: string,
  path: string,
  asked: Asked,
  status: number,
  body: object | '',
])[] = [
  ['a role that may', 'GET', '/api/v1/status?q=7', { as: 'auditor' }, 200, { user: 'the auditor', q: '7' }],
  ['a head is a get without a body', 'HEAD', '/api/v1/status', { as: 'auditor' }, 200, ''],
  [
    'a call that acts',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: '{"rule":" a "}' },
    200,
    { rule: ' a ', user: 'the operator' },
  ],
  [
    'JSON in any case and with parameters',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: '{"rule":"a"}', type: 'Application/JSON; charset=utf-8' },
    200,
    {},
  ],
  ['nothing to say', 'DELETE', '/api/v1/lift', { as: 'operator', body: '{}' }, 200, {}],
  ['one of several roles', 'POST', '/api/v1/reveal', { as: 'privacy-officer', body: '{}' }, 200, { revealed: true }],
  ['nobody', 'GET', '/api/v1/status', {}, 401, { error: /needs a user/, remedy: /HTTP Basic/ }],
  ['a wrong password', 'GET', '/api/v1/status', { as: 'nobody' }, 401, { error: /wrong/ }],
  ['nobody, where there is no such call', 'GET', '/api/v1/nothing', {}, 401, {}],
  ['slowed down', 'GET', '/api/v1/status', { as: 'throttled' }, 429, { remedy: /Retry-After/ }],
  ['a crowd', 'GET', '/api/v1/status', { as: 'busy' }, 503, { remedy: /again/ }],
  [
    'the wrong role',
    'POST',
    '/api/v1/lift',
    { as: 'auditor', body: '{"rule":"a"}' },
    403,
    { error: /has not the role/, remedy: /operator$/ },
  ],
  [
    'the wrong role, of several',
    'POST',
    '/api/v1/reveal',
    { as: 'operator', body: '{}' },
    403,
    { remedy: /privacy-officer or auditor$/ },
  ],
  ['no such call', 'GET', '/api/v1/nothing', { as: 'operator' }, 404, { remedy: /^there is \/api\/v1\/broken, / }],
  ['another method', 'DELETE', '/api/v1/status', { as: 'operator', body: '{}' }, 405, { remedy: 'use GET' }],
  [
    'a form',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: 'rule=a', type: 'application/x-www-form-urlencoded' },
    415,
    { remedy: /Content-Type: application\/json/ },
  ],
  [
    'text that looks like JSON',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: '{"rule":"a"}', type: 'text/plain' },
    415,
    {},
  ],
  ['no type', 'POST', '/api/v1/lift', { as: 'operator', body: '{"rule":"a"}', type: null }, 415, {}],
  ['no JSON', 'POST', '/api/v1/lift', { as: 'operator', body: '{rule:a}' }, 400, { error: /no JSON object/ }],
  ['no body', 'POST', '/api/v1/lift', { as: 'operator' }, 400, { error: /no JSON object/ }],
  ['a list', 'POST', '/api/v1/lift', { as: 'operator', body: '[]' }, 400, { error: /no JSON object/ }],
  ['too much', 'POST', '/api/v1/lift', { as: 'operator', body: big }, 413, { error: /65536 bytes/ }],
  [
    'a field that is missing',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: '{}' },
    400,
    { error: /"rule" is missing/ },
  ],
  [
    'a field of another type',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: '{"rule":1}' },
    400,
    { error: /"rule" is missing or no text/ },
  ],
  [
    'a field of two lines',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: '{"rule":"a\\nb"}' },
    400,
    { error: /"rule"/ },
  ],
  [
    'a field with what nobody sees',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: JSON.stringify({ rule: 'a\u202eb' }) },
    400,
    { error: '"rule" has the hidden character U+202E', remedy: 'leave it out' },
  ],
  [
    'a field with half a character',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: '{"rule":"a\\ud800b"}' },
    400,
    { error: '"rule" has the hidden character U+D800', remedy: 'leave it out' },
  ],
  [
    'a field in Persian',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: JSON.stringify({ rule: 'می\u200cخواهم' }) },
    200,
    { rule: 'می\u200cخواهم' },
  ],
  [
    'a field that is too long',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: `{"rule":"${'x'.repeat(21)}"}` },
    400,
    { error: /20 characters/ },
  ],
  [
    'a field that nobody reads',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: '{"rule":"a","rul":"b"}' },
    400,
    { error: /"rul" is no field/, remedy: 'it takes rule' },
  ],
  [
    'what the call itself refuses',
    'POST',
    '/api/v1/lift',
    { as: 'operator', body: '{"rule":"gone"}' },
    404,
    { error: 'no such rule', remedy: 'name another' },
  ],
  [
    'a page of another site',
    'GET',
    '/api/v1/status',
    { as: 'operator', headers: { 'sec-fetch-site': 'cross-site' } },
    403,
    { error: /another site/ },
  ],
  [
    'a page of another port',
    'GET',
    '/api/v1/status',
    { as: 'operator', headers: { 'sec-fetch-site': 'same-site' } },
    403,
    {},
  ],
  [
    'a page of its own',
    'GET',
    '/api/v1/status',
    { as: 'operator', headers: { 'sec-fetch-site': 'same-origin' } },
    200,
    {},
  ],
]

t.test('calls of the admin port', async (t) => {
  const { ask, failed, log } = await server(t)
  for (const [name, method, path, asked, status, body] of cases) {
    const got = await ask(method, path, asked)
    t.match(got, { status, body, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } }, name)
    if (status === 401) t.match(got.headers, { 'www-authenticate': /^Basic realm="landline"/ }, name)
    if (status === 405) t.match(got.headers, { allow: 'GET' }, name)
    if (status === 429 || status === 503) t.match(got.headers, { 'retry-after': '2' }, name)
    if (status === 200) t.notMatch(got.headers, { 'www-authenticate': /./ }, name)
  }
  const failures = ['anna', null].map((user) => ({ user, address: '127.0.0.1' }))
  t.strictSame(new Set(failed), new Set(failures), 'wrong passwords are failed log-ins, and what has to wait')
  t.equal(failed.length, failures.length)
  t.strictSame(log, [], 'nothing of a request is logged')
})

t.test('a call that fails or takes too long is answered, and says nothing of the cause', async (t) => {
  const { ask, log } = await server(t)
  const post = (path: string) => ask('POST', path, { as: 'operator', body: '{}' })
  t.match(await post('/api/v1/broken'), { status: 500, body: { error: /could not be made/, remedy: /log says why/ } })
  t.match(log.join(), 'secret cause')
  t.match(await post('/api/v1/slow'), { status: 503, body: { error: /in time/, remedy: /may be done already/ } })
})

t.test('without users nobody may call', async (t) => {
  const { ask, failed } = await server(t, { authenticator: null })
  t.match(await ask('GET', '/api/v1/status', { as: 'operator' }), {
    status: 403,
    body: { error: /no users/, remedy: /admin\.users.*landline admin hash/ },
  })
  t.strictSame(failed, [])
})

const ways: readonly (readonly [
  name: string,
  from: string,
  encrypted: boolean,
  insecureLogins: boolean,
  status: number,
])[] = [
  ['from this host', '127.0.0.1', false, false, 200],
  ['from this host, by another of its addresses', '127.9.9.9', false, false, 200],
  ['from this host, on a dual-stack socket', '::ffff:127.0.0.1', false, false, 200],
  ['from this host, by IPv6', '::1', false, false, 200],
  ['from another host', '192.0.2.1', false, false, 403],
  ['from another host, by IPv6', '2001:db8::1', false, false, 403],
  ['from another host, over TLS', '192.0.2.1', true, false, 200],
  ['from another host, where a setting says so', '192.0.2.1', false, true, 200],
  ['from a socket that is gone', '', false, false, 403],
]

t.test('passwords cross no network in the clear', async (t) => {
  for (const [name, remoteAddress, encrypted, insecureLogins, status] of ways) {
    const asked: string[] = []
    const api = createApi({
      routes,
      authenticator: {
        async authenticate(authorization, address) {
          asked.push(address)
          return authenticated(authorization)
        },
      },
      failedLogins: { failed: async () => {}, flush: async () => {} },
      insecureLogins,
    })
    const headers = { authorization: `Basic ${Buffer.from('operator').toString('base64')}` }
    const socket = { remoteAddress, encrypted }
    const got = await api.answer({
      method: 'GET',
      url: '/api/v1/status',
      headers,
      socket,
    } as unknown as IncomingMessage) // all that it reads
    t.equal(got.status, status, name)
    if (status === 403) t.match(got.body, /from this host only, or over TLS.*admin\.tls/, name)
    t.strictSame(
      asked,
      status === 403 ? [] : [remoteAddress.replace('::ffff:', '')],
      'else they are not even looked at',
    )
  }
})
