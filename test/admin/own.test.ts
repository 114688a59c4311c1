import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createDenials, type Denial } from '../../admin/denials.ts'
import { createOwnPages } from '../../admin/own.ts'
import type { Segment, Verdict, VerdictAction } from '../../rules/model.ts'

const TOKEN = 'c2f1b8a0-test'
const NOW = Date.UTC(2026, 10, 23, 9, 15)
const SEGMENTS: Readonly<Record<string, Segment>> = {
  '10.20.0.7': { id: 'wifi', medium: 'wireless', shared: false },
  '10.30.0.7': { id: 'phones', medium: 'mobile', shared: false },
  '192.0.2.7': { id: 'guests', medium: 'wireless', shared: true },
}
const UNKNOWN: Segment = { id: 'unknown', medium: 'unknown', shared: false }

/** Zoom is blocked for all, strangers are refused. */
function judge(ip: string | null, { host }: { readonly host: string | null }): Verdict {
  const segment = SEGMENTS[ip ?? ''] ?? UNKNOWN
  const isZoom = host === 'zoom.us'
  const action: VerdictAction = segment === UNKNOWN ? 'refuse' : isZoom ? 'block' : 'allow'
  return {
    action,
    mode: 'enforce',
    segment,
    prefix: segment === UNKNOWN ? null : `${ip}/32`,
    service: isZoom ? 'zoom' : 'none',
    category: null,
    rule: isZoom ? 'zoom-fixed-only' : 'none',
    exception: null,
    reason: null,
    alternative: null,
    evidence: [],
  }
}

const denialOf = (reference: string, client: string, at = NOW - 60_000): Denial => ({
  reference,
  at,
  client,
  service: 'zoom',
  segment: 'wifi',
  rule: 'zoom-fixed-only',
  by: 'rules',
  host: 'us04web.zoom.us',
  reason: { en: 'Memo', de: 'Erlass' },
  alternative: null,
})

const denials = createDenials({ now: () => NOW })
denials.remember(denialOf('r-wifi-1', '10.20.0.7'))
denials.remember(denialOf('r-wifi-2', '10.20.0.7'))
denials.remember(denialOf('r-guest-1', '192.0.2.7'))
denials.remember(denialOf('r-guest-2', '192.0.2.7'))

const lines: string[] = []
const keep = (fields: object, message: string) => lines.push(JSON.stringify([fields, message]))
const pages = createOwnPages({
  name: 'landline-1',
  ownHost: 'landline.internal',
  token: TOKEN,
  judge,
  rules: () => ({ name: 'office', revision: 'sha256:1' }),
  serviceCount: () => 78,
  samples: () => [{ service: 'zoom', host: 'zoom.us', port: 443 }],
  serviceName: (id) => (id === 'zoom' ? 'Zoom' : null),
  pac: (mobile) => `// ${mobile ? 'no way out' : 'with DIRECT'}`,
  denials,
  now: () => NOW,
  log: { info: keep, warn: keep, error: keep },
})
const { port } = await pages.listen()
t.teardown(() => pages.close())

interface Got {
  readonly status: number
  readonly type: unknown
  readonly body: string
}

function get(path: string, headers: Record<string, string>): Promise<Got> {
  const { promise, resolve, reject } = Promise.withResolvers<Got>()
  request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
    const { statusCode, headers } = response
    text(response).then((body) => resolve({ status: statusCode ?? 0, type: headers['content-type'], body }), reject)
  })
    .on('error', reject)
    .end()
  return promise
}

const client = (ip: string) => JSON.stringify({ ip, port: 51234, learnt: 'socket', path: [], known: true })
const visit = (ip: string, path: string, headers: Record<string, string> = {}) =>
  get(path, { 'landline-token': TOKEN, 'landline-client': client(ip), ...headers })

const WIFI = '10.20.0.7'
const GUEST = '192.0.2.7'
const STRANGER = '203.0.113.9'
const HTML = { accept: 'text/html' }
const JSON_ACCEPTED = { accept: 'application/json' }
const GERMAN = { 'accept-language': 'de' }

const CASES: readonly (readonly [
  name: string,
  ip: string,
  path: string,
  headers: Record<string, string>,
  status: number,
  wants: readonly string[],
  not?: string,
])[] = [
  ['the index', WIFI, '/', HTML, 200, ['href="/whoami"', 'href="/blocked"', 'href="/proxy.pac"']],
  ['the index as text', WIFI, '/', GERMAN, 200, ['/blocked  Ihre blockierten Anfragen'], '<'],
  [
    'whoami for curl',
    WIFI,
    '/whoami',
    { accept: '*/*' },
    200,
    ['Your address: 10.20.0.7', 'Segment: wifi', 'Zoom (zoom.us:443): blocked [zoom-fixed-only]', '1 of 78 services'],
    '<',
  ],
  ['whoami for browsers', WIFI, '/whoami', { ...HTML, ...GERMAN }, 200, ['<html lang="de">', 'blockiert']],
  [
    'what would be decided for a target',
    WIFI,
    '/whoami?to=https%3A%2F%2Fzoom.us%2Fj%2F1%3Fpwd%3Dx',
    JSON_ACCEPTED,
    200,
    [
      '"asked":{"service":"Zoom","target":"zoom.us:443","action":"block","rule":"zoom-fixed-only"',
      '"revision":"sha256:1"',
    ],
    'pwd',
  ],
  ['an address with brackets', WIFI, '/whoami?to=[::1]:8443', {}, 200, ['none ([::1]:8443): '], 'undefined'],
  ['what is no target', WIFI, '/whoami?to=zoom.us:0', {}, 400, ['to: "zoom.us:0" has no port']],
  [
    'whoami for programs',
    WIFI,
    '/whoami',
    JSON_ACCEPTED,
    200,
    [
      '"address":"10.20.0.7"',
      '"learnt":"socket"',
      '"id":"wifi"',
      '"prefix":"10.20.0.7/32"',
      '"action":"block"',
      '"refused":false',
    ],
  ],
  [
    'own denials, the latest first',
    WIFI,
    '/blocked',
    {},
    200,
    ['Zoom: us04web.zoom.us', 'r-wifi-2\n\nZoom', 'Why: Memo'],
    'r-guest',
  ],
  ['own denials in German', WIFI, '/blocked', { ...HTML, ...GERMAN }, 200, ['Erlass', 'r-wifi-1']],
  ['own denials for programs', WIFI, '/blocked', JSON_ACCEPTED, 200, ['"view":"list"', '"reference":"r-wifi-1"']],
  ['one of them', WIFI, '/blocked?ref=R-WIFI-1', {}, 200, ['r-wifi-1'], 'r-wifi-2'],
  ['not those of others', WIFI, '/blocked?ref=r-guest-1', {}, 404, ['no blocked request'], 'zoom'],
  ['a shared address lists nothing', GUEST, '/blocked', HTML, 200, ['<form', 'Several people'], 'r-guest'],
  ['nor to programs', GUEST, '/blocked', JSON_ACCEPTED, 200, ['"view":"lookup","denials":[]']],
  ['an empty reference is none', GUEST, '/blocked?ref=', {}, 200, ['Several people'], 'r-guest'],
  ['a shared address looks up one', GUEST, '/blocked?ref=r-guest-1', {}, 200, ['r-guest-1'], 'r-guest-2'],
  ['a guess leads nowhere', GUEST, '/blocked?ref=r-guest-9', HTML, 404, ['no blocked request']],
  ['settings for those who stay', WIFI, '/proxy.pac', {}, 200, ['with DIRECT']],
  ['settings for those who leave', '10.30.0.7', '/proxy.pac', {}, 200, ['no way out']],
  ['settings for strangers', STRANGER, '/proxy.pac', {}, 200, ['no way out']],
  ['a stranger may see what is seen of it', STRANGER, '/whoami', {}, 200, ['nothing is let through', 'refused']],
  ['and no more', STRANGER, '/blocked', {}, 403, ['not open to you']],
  ['not even the index', STRANGER, '/', HTML, 403, ['href="/whoami"'], 'href="/blocked"'],
  ['nor what there is not', STRANGER, '/nothing', {}, 403, ['not open to you']],
  ['no such page', WIFI, '/nothing', GERMAN, 404, ['Diese Seite gibt es nicht']],
]

for (const [name, ip, path, headers, status, wants, not] of CASES) {
  t.test(`own pages: ${name}`, async (t) => {
    const got = await visit(ip, path, headers)
    t.equal(got.status, status)
    for (const want of wants) t.ok(got.body.includes(want), `${want}\n${got.body}`)
    if (not !== undefined) t.notOk(got.body.includes(not), `${not}\n${got.body}`)
    if (headers.accept === 'text/html') t.equal(got.type, 'text/html; charset=utf-8')
  })
}

t.test('whose request it is, only the data plane says', async (t) => {
  const good = { 'landline-token': TOKEN, 'landline-client': client(WIFI) }
  t.equal((await get('/whoami', good)).status, 200)
  for (const token of ['', 'x', `${TOKEN}x`, TOKEN.slice(1), TOKEN.toUpperCase()]) {
    t.match(
      await get('/whoami', { ...good, 'landline-token': token }),
      { status: 403, body: /landline\.internal/ },
      token,
    )
  }
  t.equal((await get('/whoami', { 'landline-client': client(WIFI) })).status, 403)
  const clients = [
    '',
    '{',
    'null',
    '[]',
    '{"ip":"10.20.0.7"}',
    client('zoom.us'),
    client(''),
    client(WIFI).replace('socket', 'guess'),
    client(WIFI).replace('[]', '[1]'),
    client(WIFI).replace('[]', 'null'),
    client(WIFI).replace('{', `{${' '.repeat(5000)}`),
  ]
  for (const bad of clients) t.equal((await get('/whoami', { ...good, 'landline-client': bad })).status, 400, bad)
  t.same(lines, [], 'nothing of it is logged')
})

t.test('denials are remembered for a while, and not without end', async (t) => {
  let now = NOW
  const table = createDenials({ now: () => now, keepMs: 1000, mostPerClient: 3, most: 5 })
  const references = (ip: string) => table.recent(ip).map(({ reference }) => reference)
  for (const reference of ['a', 'b', 'c', 'd']) table.remember(denialOf(reference, WIFI, now))
  t.same(references(WIFI), ['d', 'c', 'b'], 'the oldest of a client goes')
  t.equal(table.find(WIFI, 'a'), null)
  t.match(table.find(WIFI, 'b'), { client: WIFI })
  t.equal(table.find(GUEST, 'b'), null, "another client's")
  for (const reference of ['e', 'f', 'g']) table.remember(denialOf(reference, GUEST, now))
  t.same(references(WIFI), ['d', 'c'], 'the oldest of all goes')
  now += 600
  table.remember(denialOf('h', WIFI, now))
  t.same(references(WIFI), ['h', 'd'])
  now += 600
  t.same(references(WIFI), ['h'], 'the stale go')
  t.equal(table.find(GUEST, 'e'), null)
  now += 600
  t.same(references(WIFI), [])
  t.equal(table.find(WIFI, 'h'), null)
  t.same(references('10.9.9.9'), [], 'a client without any')
})

t.test('a denial is told as it was, however long its host, and whatever came after it in its place', async (t) => {
  const table = createDenials({ now: () => NOW, most: 300 })
  const hosts = ['', 'zoom.us', '[2001:db8::1]', 'a'.repeat(91), 'b'.repeat(92), 'c'.repeat(93), `${'d.'.repeat(126)}e`]
  const denials = Array.from({ length: 1000 }, (_, index) => ({
    ...denialOf(`01a2091f-e347-730c-b151-${String(index).padStart(12, '0')}`, `10.21.0.${index % 2}`),
    host: hosts[index % hosts.length] ?? '',
    service: `service-${index}`,
    by: index % 3 === 0 ? ('guard' as const) : ('rules' as const),
  }))
  for (const denial of denials) table.remember(denial)
  const kept = denials.slice(-300).reverse()
  for (const client of ['10.21.0.0', '10.21.0.1'])
    t.strictSame(
      table.recent(client),
      kept.filter((denial) => denial.client === client),
    )
})

t.test('a storm of denials leaves what a plain list would hold', async (t) => {
  let now = NOW
  const [keepMs, mostPerClient, most] = [50, 4, 10]
  const table = createDenials({ now: () => now, keepMs, mostPerClient, most })
  let model: Denial[] = []
  for (let step = 0; step < 3000; step++) {
    now += step % 97 === 0 ? 60 : (step * 31) % 4
    const fresh = denialOf(`r${step}`, `10.20.0.${(step * 104_729) % 7}`, now)
    table.remember(fresh)
    model = model.filter(({ at }) => at > now - keepMs)
    if (model.length >= most) model.shift()
    const own = model.filter(({ client }) => client === fresh.client)
    model = own.length < mostPerClient ? model : model.filter((one) => one !== own[0])
    model.push(fresh)
    for (const client of new Set(['10.20.0.0', fresh.client]))
      t.strictSame(table.recent(client), model.filter((one) => one.client === client).reverse(), `${step} ${client}`)
    const [oldest] = model
    if (oldest !== undefined) t.same(table.find(oldest.client, oldest.reference), oldest)
  }
})
