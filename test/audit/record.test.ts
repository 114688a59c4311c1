/** The shape of a record (contract, section 4), and the references that records carry. */

import t from 'tap'
import { createEncoder, LINE_END, NO_PREVIOUS, type RecordedEvent } from '../../audit/record.ts'
import { createReferences, referenceTime } from '../../audit/uuid.ts'
import type { SystemAction, TrafficAction, TrafficEvent } from '../../rules/events.ts'
import { SYSTEM_ACTIONS, TRAFFIC_ACTIONS } from '../../rules/events.ts'
import fc from '../properties.ts'
import { denial, type Plain, REVISION } from './helpers.ts'

const ID = '01990000-0000-7000-8000-0000000000ff'
const AT = Date.parse('2026-11-23T09:14:07.123Z')

function line(event: RecordedEvent, name = 'landline-1'): string {
  const { head, tail } = createEncoder({ name, version: '1.0.0' }).encode(event, ID, AT)
  return `${head}42${tail}${NO_PREVIOUS}${LINE_END}`
}

function record(event: RecordedEvent): Plain {
  return JSON.parse(line(event))
}

function withVerdict(change: Partial<TrafficEvent['verdict']>): TrafficEvent {
  return denial(1, { verdict: { ...denial().verdict, ...change } })
}

t.test('a denial is the line of the contract, byte for byte', async (t) => {
  const example = `{"@timestamp":"2026-11-23T09:14:07.123Z","ecs":{"version":"9.2"},"event":{"id":"${ID}","sequence":42,"kind":"event","category":["network"],
 "type":["connection","denied"],"action":"block","outcome":"failure","reason":"Memo 2020-04: …"},"source":{"ip":"10.20.0.7","port":51234},
 "destination":{"domain":"us04web.zoom.us","ip":null,"port":443},"http":{"request":{"method":"CONNECT"}},
 "network":{"application":"zoom","transport":"tcp","direction":"outbound"},"rule":{"id":"zoom-fixed-only","ruleset":"foreign-office","version":"${REVISION}"},
 "observer":{"type":"proxy","name":"landline-1","version":"1.0.0"},
 "landline":{"segment":{"id":"wifi","medium":"wireless","prefix":"10.20.0.0/16","source":"rules"},"client":{"learnt":"socket","path":[]},"mode":"enforce",
 "exception":null,"evidence":[{"kind":"host","value":"us04web.zoom.us","match":"zoom.us","service":"zoom"}],"exchange":"01990000-0000-7000-8000-000000000001","prev":"${NO_PREVIOUS}"}}`
  const event = withVerdict({
    reason: { '': 'Memo 2020-04: …' },
    evidence: [{ kind: 'host', value: 'us04web.zoom.us', match: 'zoom.us', service: 'zoom' }],
  })
  const want = example.replaceAll('\n ', '')
  t.equal(line({ ...event, destination: { domain: 'us04web.zoom.us', ip: null, port: 443 } }), `${want}\n`)
})

t.test('a hidden server name is noted, and only then', async (t) => {
  t.match(line(denial(1, { ech: true })), '"ech":true,"prev":')
  t.notMatch(line(denial(1)), 'ech')
})

t.test('each traffic action has its ECS type and outcome', async (t) => {
  const want: Record<TrafficAction, string> = {
    block: 'connection,denied failure',
    'would-block': 'connection,allowed success',
    log: 'connection,allowed success',
    except: 'connection,allowed success',
    refuse: 'connection,denied failure',
    sever: 'connection,denied failure',
    end: 'connection,end success',
  }
  for (const action of TRAFFIC_ACTIONS) {
    const { event } = record(denial(1, { action }))
    t.same([event.action, `${event.type} ${event.outcome}`, event.kind], [action, want[action], 'event'])
  }
})

t.test('each system action has an ECS category and type, its facts, and the revision where there is one', async (t) => {
  const want: Record<SystemAction, string> = {
    start: 'process start',
    stop: 'process end',
    reload: 'configuration change',
    'reload-failed': 'configuration change',
    'mode-change': 'configuration change',
    'shadow-reload': 'configuration change',
    'shadow-reload-failed': 'configuration change',
    'exception-started': 'configuration change',
    'exception-expired': 'configuration change',
    recovered: 'file change',
    purge: 'file deletion',
    export: 'file access',
    reveal: 'file access',
    'key-destroyed': 'file deletion',
    'sign-off': 'file info',
    'login-failed': 'authentication start',
    breakglass: 'configuration change',
    'breakglass-ended': 'configuration change',
    'worker-replaced': 'process change',
    tally: 'file creation',
  }
  for (const action of SYSTEM_ACTIONS) {
    const policy = action === 'reload' ? { name: 'foreign-office', revision: REVISION } : null
    const facts = { text: 'a\nb', n: 1.5, no: false, none: null, nan: Number.NaN, list: ['a', '"'] }
    const { event, rule, landline, source } = record({ action, outcome: 'failure', reason: 'why', policy, facts })
    t.same([event.action, `${event.category} ${event.type}`, event.outcome], [action, want[action], 'failure'])
    t.same(landline, { facts: { ...facts, nan: null }, prev: NO_PREVIOUS })
    t.same(rule, policy === null ? undefined : { ruleset: 'foreign-office', version: REVISION })
    t.equal(source, undefined)
  }
})

t.test('what is absent is null, what is special is said', async (t) => {
  const carried = { sentBytes: 100, receivedBytes: 200_000, milliseconds: 1234.5678 }
  const repeat = {
    action: 'repeat',
    of: denial(),
    reference: ID,
    count: 9,
    firstAt: AT,
    lastAt: AT + 1,
    alike: false,
  } as const
  const cases: { name: string; event: RecordedEvent; pick: (record: Plain) => unknown; want: unknown }[] = [
    {
      name: 'no destination',
      event: denial(1, { destination: null }),
      pick: (r) => r.destination,
      want: { domain: null, ip: null, port: null },
    },
    {
      name: 'a bare address',
      event: denial(1, { destination: { domain: null, ip: '3.7.35.1', port: 443 } }),
      pick: (r) => r.destination,
      want: { domain: null, ip: '3.7.35.1', port: 443 },
    },
    { name: 'no service', event: withVerdict({ service: 'none' }), pick: (r) => r.network.application, want: null },
    { name: 'no rule', event: withVerdict({ rule: 'none' }), pick: (r) => r.rule.id, want: null },
    { name: 'no method', event: denial(1, { method: null }), pick: (r) => r.http.request.method, want: null },
    { name: 'no prefix', event: withVerdict({ prefix: null }), pick: (r) => r.landline.segment.prefix, want: null },
    {
      name: 'shared segment',
      event: withVerdict({ segment: { id: 'nat', medium: 'wireless', shared: true } }),
      pick: (r) => r.landline.segment,
      want: { id: 'nat', medium: 'wireless', prefix: '10.20.0.0/16', source: 'rules', shared: true },
    },
    {
      name: 'an exception',
      event: withVerdict({ exception: 'g7-prep' }),
      pick: (r) => r.landline.exception,
      want: 'g7-prep',
    },
    {
      name: 'what had let a tunnel through',
      event: denial(1, {
        action: 'sever',
        rejudged: { why: 'new', action: 'except', rule: 'none', exception: 'g7-prep', revision: REVISION },
      }),
      pick: (r) => [r.event.type, r.landline.rejudged],
      want: [
        ['connection', 'denied'],
        { why: 'new', action: 'except', rule: null, exception: 'g7-prep', version: REVISION },
      ],
    },
    {
      name: 'a shadow',
      event: denial(1, { shadow: { action: 'would-block', rule: 'otherwise', revision: REVISION } }),
      pick: (r) => r.landline.shadow,
      want: { action: 'would-block', rule: 'otherwise', revision: REVISION },
    },
    {
      name: 'none',
      event: denial(1),
      pick: (r) => [r.landline.shadow, r.landline.rejudged],
      want: [undefined, undefined],
    },
    {
      name: 'hops',
      event: denial(1, { client: { learnt: 'forwarded', path: ['10.0.0.1', '10.0.0.2'] } }),
      pick: (r) => r.landline.client,
      want: { learnt: 'forwarded', path: ['10.0.0.1', '10.0.0.2'] },
    },
    { name: 'no reason', event: withVerdict({ reason: null }), pick: (r) => r.event.reason, want: null },
    {
      name: 'English before others',
      event: withVerdict({ reason: { de: 'Nein', en: 'No' } }),
      pick: (r) => r.event.reason,
      want: 'No',
    },
    {
      name: 'any language before none',
      event: withVerdict({ reason: { de: 'Nein' } }),
      pick: (r) => r.event.reason,
      want: 'Nein',
    },
    {
      name: 'because before the rule',
      event: denial(1, { because: 'port 25 is not listed' }),
      pick: (r) => r.event.reason,
      want: 'port 25 is not listed',
    },
    {
      name: 'bytes and nanoseconds of an end',
      event: denial(1, { action: 'end', carried }),
      pick: (r) => [r.source.bytes, r.destination.bytes, r.event.duration],
      want: [100, 200_000, 1_234_567_800],
    },
    {
      name: 'an end without a destination',
      event: denial(1, { action: 'end', destination: null, carried }),
      pick: (r) => r.destination,
      want: { domain: null, ip: null, port: null, bytes: 200_000 },
    },
    {
      name: 'a repeat',
      event: repeat,
      pick: (r) => [r.event.action, r.source, r.rule.id, r.landline.repeat],
      want: [
        'repeat',
        { ip: '10.20.0.7', port: null },
        'zoom-fixed-only',
        {
          reference: ID,
          action: 'block',
          count: 9,
          first: '2026-11-23T09:14:07.123Z',
          last: '2026-11-23T09:14:07.124Z',
        },
      ],
    },
  ]
  for (const { name, event, pick, want } of cases) t.same(pick(record(event)), want, name)
})

t.test('text from outside is capped, stays one line of well-formed JSON, and moves no terminal', async (t) => {
  t.equal(
    record(denial(1, { destination: { domain: 'a'.repeat(300), ip: null, port: 1 } })).destination.domain.length,
    253,
  )
  t.equal(record(denial(1, { because: '€'.repeat(5000) })).event.reason, '€'.repeat(1024))
  t.equal(
    record(denial(1, { because: `${'a'.repeat(1023)}😀` })).event.reason,
    'a'.repeat(1023),
    'no half of a character',
  )
  t.equal(record(denial(1, { method: 'X'.repeat(99) })).http.request.method.length, 32)
  const path = Array.from({ length: 500 }, () => '10.0.0.1')
  t.equal(record(denial(1, { client: { learnt: 'forwarded', path } })).landline.client.path.length, 64)
  const evil = 'a"b\\c\u0000\u001b[31m\n\u007f\u009b31m\u2028\u202etxt\u200b\u200f\u{e0041}\ud800'
  const text = line(denial(1, { because: evil }))
  t.equal(JSON.parse(text).event.reason, evil, 'nothing is lost')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: their absence is the point
  t.notMatch(text.slice(0, -1), /[\u0000-\u001f\u007f-\u009f\u2028-\u202e]|[\u200b\u200f]|\u{e0041}/u)
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (value) => {
      const { event, source, landline } = record(
        denial(1, { because: value, exchange: value, source: { ip: value, port: 1 } }),
      )
      return event.reason === value && value.startsWith(source.ip) && value.startsWith(landline.exchange)
    }),
    { numRuns: 300 },
  )
})

t.test('nothing of an event gets into a record that the contract does not name', async (t) => {
  const secret = { authorization: 'Basic c2VjcmV0', url: 'https://zoom.us/j/1?pwd=secret' }
  const event = { ...denial(), ...secret, verdict: { ...denial().verdict, ...secret } }
  t.notMatch(line(event), /secret|c2VjcmV0/)
})

t.test('references are UUIDv7, carry their time, and only ever grow', async (t) => {
  const clock = [AT, AT, AT + 1, AT - 60_000, ...Array.from({ length: 20_000 }, () => AT + 2), AT + 500]
  const references = createReferences()
  const ids = clock.map((at) => {
    const id = references.next(at)
    if (references.time !== referenceTime(id)) t.fail(`${id}: the time of the last one`)
    return id
  })
  for (const id of ids)
    if (!/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)) t.fail(id)
  t.same(ids.toSorted(), ids, 'in order, 20,000 of them in one millisecond')
  t.equal(new Set(ids.map((id) => id.slice(19))).size, ids.length, 'the random part is fresh each time')
  t.same([referenceTime(ids[0]!), referenceTime(ids[2]!), referenceTime(ids[3]!)], [AT, AT + 1, AT + 1])
  t.equal(referenceTime(ids.at(-1)!), AT + 500)
  const last = ids.at(-1)!
  const next = createReferences(last)
  t.ok(next.next(AT - 86_400_000) > last, 'also of a new process whose clock is a day behind')
  t.ok(createReferences('01990000-0000-7fff-bfff-ffffffffffff').next(0) > '01990000-0000-7fff-bfff-ffffffffffff')
})
