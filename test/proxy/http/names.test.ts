/** Names are told apart where they stand in a text: that must come to the same as to cut them out and compare them. */
import t from 'tap'
import { type Field, parseFields } from '../../../proxy/http/fields.ts'
import { knownName, NOT_IN_REQUESTS, NOT_IN_RESPONSES, PICKED } from '../../../proxy/http/names.ts'
import fc from '../../properties.ts'

const GONE_IN_BOTH = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'te',
  'transfer-encoding',
  'content-length',
  'upgrade',
]
const GONE_IN_REQUESTS = ['host', 'expect', 'proxy-authorization', 'http2-settings', 'forwarded', 'x-forwarded-for']
const GONE_IN_RESPONSES = ['landline-reference']
const DECIDING = [
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'expect',
  'upgrade',
  'max-forwards',
  'authorization',
  'www-authenticate',
]
const GO_ON = [
  'accept',
  'content-type',
  'cookie',
  'set-cookie',
  'server',
  'trailer',
  'user-agent',
  'via',
  'x-requested-with',
]
const ALL = [...new Set([...GONE_IN_BOTH, ...GONE_IN_REQUESTS, ...GONE_IN_RESPONSES, ...DECIDING, ...GO_ON])]

function rolesOf(name: string): number {
  let roles = 0
  if (DECIDING.includes(name)) roles |= PICKED
  if ([...GONE_IN_BOTH, ...GONE_IN_REQUESTS].includes(name)) roles |= NOT_IN_REQUESTS
  if ([...GONE_IN_BOTH, ...GONE_IN_RESPONSES].includes(name)) roles |= NOT_IN_RESPONSES
  return roles
}

function fieldOf(line: string): Field | undefined {
  const fields: Field[] = []
  return parseFields(`${line}\r\n`, 0, 1, fields) === null ? fields[0] : undefined
}

const TOKEN = [..."!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"]
const tokens = fc.string({ unit: fc.constantFrom(...TOKEN), minLength: 1, maxLength: 30 })
/** One of the names, with some of its characters in the other case, or another in their place. */
const nearly = fc
  .tuple(fc.constantFrom(...ALL), fc.array(fc.tuple(fc.nat(30), fc.constantFrom(...TOKEN)), { maxLength: 2 }), fc.nat())
  .map(([name, changes, upper]) => {
    const chars = [...name].map((char, at) => ((upper >> (at % 31)) & 1 ? char.toUpperCase() : char))
    for (const [at, char] of changes) if (at < chars.length) chars[at] = char
    return chars.join('')
  })

t.test('what ends here, in each direction', async (t) => {
  for (const name of ALL) {
    for (const written of [name, name.toUpperCase(), name.replace(/^./, (char) => char.toUpperCase())])
      t.match(fieldOf(`${written}: 1\r\n`), {
        lower: name,
        roles: rolesOf(name),
        value: '1',
        line: `${written}: 1\r\n`,
      })
    t.match(fieldOf(`x${name}: 1\r\n`), { lower: `x${name}`, roles: 0 })
    t.match(fieldOf(`${name}x: 1\r\n`), { lower: `${name}x`, roles: 0 })
  }
})

t.test('a name is what it is in lower case, whatever stands around it', async () => {
  fc.assert(
    fc.property(fc.oneof(nearly, tokens), tokens, (name, around) => {
      const lower = name.toLowerCase()
      const found = knownName(`${around}${name}${around}`, around.length, name.length)
      return found === null
        ? rolesOf(lower) === 0 && !GO_ON.slice(0, -1).includes(lower)
        : found.lower === lower && found.roles === rolesOf(lower)
    }),
    { numRuns: 20_000 },
  )
})

t.test('a line goes on as its name, a colon, a space and its value', async () => {
  const blank = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 3 })
  const value = fc.string({ unit: fc.constantFrom('a', ':', ' ', '\t', 'é', '"'), maxLength: 12 })
  fc.assert(
    fc.property(fc.oneof(nearly, tokens), blank, value, blank, (name, before, text, after) => {
      const found = fieldOf(`${name}:${before}${text}${after}\r\n`)
      const bare = text.replace(/^[ \t]+|[ \t]+$/g, '')
      return found === undefined
        ? /[^a-z0-9-]/i.test(name)
        : found.line === `${name}: ${bare}\r\n` && found.value === bare
    }),
    { numRuns: 5000 },
  )
})
