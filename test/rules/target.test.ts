import t from 'tap'
import { quoted } from '../../rules/address.ts'
import { parseTarget } from '../../rules/target.ts'
import fc from '../properties.ts'

/** `scheme host-or-address port`, or the message. */
function shown(text: string): string {
  const target = parseTarget(text)
  if (typeof target === 'string') return target
  return `${target.scheme ?? '-'} ${target.host ?? `@${target.address?.text}`} ${target.port}`
}

t.test('a target is read, whatever its form', async (t) => {
  const cases: readonly (readonly [text: string, want: string])[] = [
    ['zoom.us', '- zoom.us 443'],
    ['Zoom.US.', '- zoom.us 443'],
    ['zoom.us:8801', '- zoom.us 8801'],
    ['zoom.us.:65535', '- zoom.us 65535'],
    ['bücher.example:1', '- xn--bcher-kva.example 1'],
    ['10.0.0.1', '- @10.0.0.1 443'],
    ['10.0.0.1:80', '- @10.0.0.1 80'],
    ['2001:DB8::1', '- @2001:db8::1 443'],
    ['2001:db8::1:443', '- @2001:db8::1:443 443'],
    ['::ffff:10.0.0.1', '- @10.0.0.1 443'],
    ['[2001:db8::1]', '- @2001:db8::1 443'],
    ['[2001:db8::1]:8443', '- @2001:db8::1 8443'],
    ['[::ffff:10.0.0.1]:80', '- @10.0.0.1 80'],
    ['https://zoom.us/j/1', 'https zoom.us 443'],
    ['HTTPS://ZOOM.US', 'https zoom.us 443'],
    ['http://zoom.us', 'http zoom.us 80'],
    ['http://zoom.us:', 'http zoom.us 80'],
    ['http://zoom.us:443/', 'http zoom.us 443'],
    ['ws://zoom.us?x', 'ws zoom.us 80'],
    ['wss://zoom.us#x', 'wss zoom.us 443'],
    ['https://user:pass@zoom.us:8443/j?x=@evil.example', 'https zoom.us 8443'],
    ['https://zoom.us/@evil.example:1', 'https zoom.us 443'],
    ['https://evil.example:1@zoom.us', 'https zoom.us 443'],
    ['https://a@b@zoom.us', 'https zoom.us 443'],
    ['https://zoom.us/a b\\c', 'https zoom.us 443'],
    ['https://[2001:db8::1]:1/', 'https @2001:db8::1 1'],
    ['https://10.0.0.1/', 'https @10.0.0.1 443'],
    ['https://bücher.example/', 'https xn--bcher-kva.example 443'],
  ]
  for (const [text, want] of cases) t.equal(shown(text), want, text)
})

t.test('a bad target is refused with the remedy, and without what is secret in it', async (t) => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ['', /^"" is no host: it is empty/],
    [':443', /"" is no host: it is empty/],
    ['zoom.us:', /"zoom\.us:" has no port from 1 to 65535 after ":"; write it as in example\.org:443/],
    ['zoom.us:0', /no port/],
    ['zoom.us:65536', /no port/],
    ['zoom.us:0443', /no port/],
    ['zoom.us:+443', /no port/],
    ['zoom.us:https', /no port/],
    ['zoom.us:44 3', /no port/],
    ['zoom.us:80:443', /"zoom\.us:80:443" has more than one ":"; write IPv6/],
    ['2001:db8::1:99999', /more than one ":"/],
    ['[2001:db8::1]443', /brackets/],
    ['[2001:db8::1', /more than one ":"/],
    ['[10.0.0.1]:443', /brackets/],
    ['0x7f.1:443', /"0x7f\.1" is no host/],
    ['zoom .us', /"zoom \.us" is no host/],
    ['zoom.us\r', /is no host/],
    ['ftp://secret:secret@zoom.us/secret', /^the scheme "ftp" is none of http, https, ws and wss$/],
    ['https:///secret', /"" is no host/],
    ['https://', /"" is no host/],
    ['https://%7aoom.us/secret', /"%7aoom\.us" is no host/],
    ['https://zo\tom.us/secret', /"zo\\u\{9\}om\.us" is no host/],
    ['https://0x7f.1/secret', /"0x7f\.1" is no host/],
    ['https://::1/secret', /"::1" has more than one ":"/],
    ['https://secret:secret@zoom.us:x/secret?secret#secret', /"zoom\.us:x" has no port/],
    ['https://secret@zo om.us?secret', /"zo om\.us" is no host/],
    ['https://user:secret/secret@zoom.us/', /^no host stands before the first "\/" of this URL; .* %2F$/],
    ['https://zoom.us\\@evil.example/secret', /read in two ways/],
    ['https://zoom.us\\secret', /read in two ways/],
    ['zoom.us/secret', /^"zoom\.us" with a user or a path is a URL; write its scheme too/],
    ['zoom.us?secret', /^"zoom\.us" with a user or a path is a URL/],
    ['zoom.us\\secret', /^"zoom\.us" with a user or a path is a URL/],
    ['secret:secret@zoom.us', /^a target with a user or a path is a URL/],
    ['secret:secret/secret@zoom.us', /^a target with a user or a path is a URL/],
    ['https:/secret:secret@zoom.us', /^a target with a user or a path is a URL/],
    ['https:zoom.us/secret', /^"https:zoom\.us" with a user or a path is a URL/],
  ]
  for (const [text, message] of cases) {
    t.match(shown(text), message, quoted(text))
    t.equal(parseTarget(text), shown(text), `${quoted(text)} is refused`)
    t.notMatch(shown(text), /secret/, quoted(text))
  }
})

t.test('no text makes it throw, and what it gives is whole', async (t) => {
  const texts = [
    'https://user:pass@us04.bücher.example:8443/j/1?pwd=x#y',
    '[2001:db8::ffff:10.0.0.1]:8443',
    'zoom.us:443',
  ]
  const isWhole = (text: string) => {
    const target = parseTarget(text)
    if (typeof target === 'string') return target.length > 0
    return (target.host === null) !== (target.address === null) && target.port > 0 && target.port < 65536
  }
  for (const text of texts) {
    for (let at = 0; at <= text.length; at++) t.ok(isWhole(text.slice(0, at)) && isWhole(text.slice(at)))
  }
  const pieces = fc.constantFrom(
    'https',
    '://',
    ':',
    '/',
    '@',
    '[',
    ']',
    '::1',
    'zoom.us',
    '443',
    '\\',
    '?',
    '.',
    'ü',
    '%',
    ' ',
  )
  const strings = fc.oneof(
    fc.array(pieces, { maxLength: 10 }).map((list) => list.join('')),
    fc.string({ unit: 'binary' }),
    fc.webUrl(),
  )
  fc.assert(fc.property(strings, isWhole), { numRuns: 500 })
})
