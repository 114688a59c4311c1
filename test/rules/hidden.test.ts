import t from 'tap'
import { hiddenIn, visible } from '../../rules/hidden.ts'

const characters: readonly (readonly [name: string, text: string, want: string | null])[] = [
  ['letters', 'Sitzung „Grün“, 3 Ω – ok', null],
  ['Persian with a ZWNJ', 'می\u200cخواهم', null],
  ['Hindi with a ZWJ', 'क्\u200dष', null],
  ['an emoji of several', '👩\u200d💻 ❤️', null],
  ['the year sign of Urdu', '\u0601۲۰۲۶', null],
  ['a variant of a kanji', '葛\u{e0100}', null],
  ['tab and line ends', 'a\tb\nc\r\nd', null],
  ['a bell', 'a\u0007', 'U+0007'],
  ['an escape', 'a\u001b[31m', 'U+001B'],
  ['a line that starts again', 'a\rb', 'U+000D'],
  ['C1', '\u009b', 'U+009B'],
  ['a soft hyphen', 'Tele\u00adfon', 'U+00AD'],
  ['a space without width', 'CHG\u200b-1', 'U+200B'],
  ['a mark of direction', 'a\u200fb', 'U+200F'],
  ['an override of direction', 'a\u202etxt', 'U+202E'],
  ['an isolate', 'a\u2066b', 'U+2066'],
  ['a line separator', 'a\u2028b', 'U+2028'],
  ['a byte order mark within', 'a\ufeffb', 'U+FEFF'],
  ['a tag', 'a\u{e0041}', 'U+E0041'],
  ['half of a pair', 'a\ud83d', 'U+D83D'],
]

t.test('what nobody sees is found, and named', async (t) => {
  for (const [name, text, want] of characters) t.equal(hiddenIn(text), want, name)
})

t.test('it is escaped as in JSON, and no other text is changed', async (t) => {
  for (const [name, text, want] of characters) {
    const shown = visible(text)
    t.equal(shown === text, want === null, name)
    t.equal(hiddenIn(shown), null, name)
    t.equal(JSON.parse(visible(JSON.stringify(text))), text, `${name}, in JSON`)
  }
  t.equal(visible('a\u202eb\u200bc\u{e0041}'), 'a\\u202eb\\u200bc\\udb40\\udc41')
})
