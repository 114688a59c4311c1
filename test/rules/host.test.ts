import t from 'tap'
import { quoted } from '../../rules/address.ts'
import { canonicalHost } from '../../rules/host.ts'
import fc from '../properties.ts'

/** What the host means, as text: the name, the address after `@`, or the message after `!`. */
function meaning(text: string): string {
  const host = canonicalHost(text)
  if (host.kind === 'name') return host.name
  return host.kind === 'address' ? `@${host.address.text}` : `!${host.message}`
}

const label63 = 'a'.repeat(63)
const name253 = `${label63}.${label63}.${label63}.${'a'.repeat(61)}`

t.test('every spelling of a host has one canonical form', async (t) => {
  const cases: readonly (readonly [text: string, want: string])[] = [
    ['zoom.us', 'zoom.us'],
    ['ZOOM.us', 'zoom.us'],
    ['zoom.us.', 'zoom.us'],
    ['US04Web.Zoom.US.', 'us04web.zoom.us'],
    ['localhost', 'localhost'],
    ['_dmarc.my_host.example', '_dmarc.my_host.example'],
    ['-a-.b--c.example', '-a-.b--c.example'],
    ['1.example', '1.example'],
    ['0x7f.example', '0x7f.example'],
    ['127.0.0.1.example', '127.0.0.1.example'],
    ['example.0xyz', 'example.0xyz'],
    ['example.1a', 'example.1a'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['BÜCHER.example.', 'xn--bcher-kva.example'],
    ['bu\u0308cher.example', 'xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['XN--Bcher-KVA.example', 'xn--bcher-kva.example'],
    ['faß.example', 'xn--fa-hia.example'],
    ['ｚｏｏｍ.us', 'zoom.us'],
    ['zoom。us', 'zoom.us'],
    ['zoom．us。', 'zoom.us'],
    ['zo\u00adom.us', 'zoom.us'],
    ['ZOOM.ＵＳ', 'zoom.us'],
    ['10.0.0.1', '@10.0.0.1'],
    ['10.0.0.1.', '@10.0.0.1'],
    ['[2001:DB8::1]', '@2001:db8::1'],
    ['[::ffff:10.0.0.1]', '@10.0.0.1'],
    [label63, label63],
    [name253, name253],
    [`${name253}.`, name253],
    [name253.toUpperCase(), name253],
  ]
  for (const [text, want] of cases) t.equal(meaning(text), want, quoted(text))
})

t.test('what could be read in two ways is refused, with the value and the reason', async (t) => {
  const cases: readonly (readonly [text: string, why: RegExp])[] = [
    ['', /^!"" is no host: it is empty/],
    ['.', /it is empty/],
    ['zoom.us..', /"zoom\.us\.\." is no host: it has an empty label/],
    ['zoom.us。.', /empty label/],
    ['.zoom.us', /empty label/],
    ['zoom..us', /empty label/],
    [`${label63}a.example`, /at most 63 bytes/],
    [`example.${label63}a`, /at most 63 bytes/],
    [`${name253}a`, /at most 253 bytes/],
    ['a.'.repeat(600), /at most 253 bytes/],
    ['\u00ad'.repeat(1100), /at most 253 bytes/],
    ['127.1', /"127\.1" is no host: its last label is a number/],
    ['2130706433', /number/],
    ['0x7f.1', /number/],
    ['0x7f000001', /number/],
    ['0X7F000001', /number/],
    ['zoom.0x', /number/],
    ['zoom.us.1', /number/],
    ['zoom.us.1.', /number/],
    ['010.0.0.1', /number/],
    ['256.0.0.1', /number/],
    ['1.2.3.4.5', /number/],
    ['1.2.3.4..', /empty label/],
    ['１２７.0.0.1', /number/],
    ['127。0。0。1', /number/],
    ['0ｘ7f.1', /number/],
    ['bücher.1', /characters/],
    ['2001:db8::1', /characters/],
    ['[2001:db8::1', /brackets hold an IPv6 address/],
    ['[2001:db8::1]x', /brackets/],
    ['[2001:db8::1].', /brackets/],
    ['[fe80::1%eth0]', /brackets/],
    ['[10.0.0.1]', /brackets/],
    ['[zoom.us]', /brackets/],
    ['[]', /brackets/],
    ['zoom.us:443', /characters/],
    ['user@zoom.us', /characters/],
    ['zoom.us/j', /characters/],
    ['zoom.us\\j', /characters/],
    ['*.zoom.us', /characters/],
    ['zoom us', /characters/],
    [' zoom.us', /characters/],
    ['zoom.us\t', /"zoom\.us\\u\{9\}" is no host: it has characters/],
    ['zo\tom.us', /characters/],
    ['zo\rom.us', /characters/],
    ['zo\0om.us', /characters/],
    ['zo\x7fom.us', /characters/],
    ['bücher\t.example', /characters/],
    ['bücher\r.example', /characters/],
    ['bücher\x10.example', /characters/],
    ['%7aoom.us', /characters/],
    ['bücher%2eexample', /characters/],
    ['bücher％2eexample', /characters/],
    ['bücher:1@zoom.us', /characters/],
    ['bücher／zoom.us', /characters/],
    ['bücher#.us', /characters/],
    ['zo\u00a0om.us', /characters/],
    ['zo\u2028om.us', /characters/],
    ['zo\ufffdom.us', /characters/],
    ['zo\ud800om.us', /characters/],
    ['xn--a.bücher', /characters/],
  ]
  for (const [text, why] of cases) t.match(meaning(text), why, quoted(text))
})

t.test('canonical names stay as they are, and no text throws or gives what is not canonical', async (t) => {
  const parts = fc.constantFrom(
    'zoom',
    'us',
    '.',
    '。',
    '[',
    ']',
    '::1',
    '127',
    '0x7f',
    '１',
    'ü',
    '%',
    '%41',
    '\t',
    '\r',
    '_',
    '-',
    'A',
    'xn--',
    '\u00ad',
  )
  const texts = fc.oneof(
    fc.array(parts, { maxLength: 8 }).map((list) => list.join('')),
    fc.domain(),
    fc.webAuthority(),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(texts, (text) => {
      const host = canonicalHost(text)
      if (host.kind !== 'name') return true
      const isCanonical =
        host.name.split('.').every((label) => /^[a-z0-9_-]{1,63}$/.test(label)) && host.name.length <= 253
      // The URL parser must not see an address where we saw a name.
      return (
        isCanonical &&
        meaning(host.name) === host.name &&
        !/^http:\/\/(\d+\.){3}\d+\//.test(URL.parse(`http://${host.name}/`)?.href ?? '')
      )
    }),
    { numRuns: 1000 },
  )
  const whole = 'US04.bücher。example.'
  for (let at = 0; at <= whole.length; at++) t.type(meaning(whole.slice(0, at)) + meaning(whole.slice(at)), 'string')
})
