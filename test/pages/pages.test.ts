import t from 'tap'
import { preferredForm, wantsHtml } from '../../pages/accept.ts'
import { blockedPage } from '../../pages/blocked.ts'
import { html, oneLine, printable } from '../../pages/html.ts'
import { chooseLanguage, LANGUAGES, pickText } from '../../pages/language.ts'
import { homePage, noticePage } from '../../pages/own-pages.ts'
import { type DenialPage, denialPage, failurePage } from '../../pages/pages.ts'
import { preparePages } from '../../pages/prepared.ts'
import { PAGE_POLICY } from '../../pages/shell.ts'
import { type Whoami, whoamiPage } from '../../pages/whoami.ts'
import { WORDS } from '../../pages/words.ts'
import { FAILURES } from '../../proxy/failures.ts'
import { MEDIA, VERDICT_ACTIONS } from '../../rules/model.ts'

const withoutStyle = (page: string) => page.replace(/<style>.*<\/style>/s, '')

const LANGUAGE_CASES: readonly (readonly [name: string, header: string | null, want: string])[] = [
  ['no header', null, 'en'],
  ['an empty header', '', 'en'],
  ['German alone', 'de', 'de'],
  ['a German dialect', 'de-AT', 'de'],
  ['what Firefox sends', 'de,en-US;q=0.7,en;q=0.3', 'de'],
  ['English before German at equal weight', 'en, de', 'en'],
  ['German before English at equal weight', 'de, en', 'de'],
  ['weights beat order', 'de;q=0.5, en;q=0.9', 'en'],
  ['a language that we lack', 'fr', 'en'],
  ['the second choice when we lack the first', 'fr, de;q=0.2', 'de'],
  ['anything', '*', 'en'],
  ['anything but English', 'en;q=0, *', 'de'],
  ['German refused', 'de;q=0', 'en'],
  ['a refused dialect does not refuse the language', 'de-AT;q=0, de;q=0.5', 'de'],
  ['upper case and blanks', ' DE-de ; Q=0.9 , EN;q=0.1', 'de'],
  ['a malformed weight counts for nothing', 'de;q=high, en;q=0.1', 'en'],
  ['a weight above one counts for nothing', 'de;q=2, en;q=0.1', 'en'],
  ['a name that only begins with de', 'den', 'en'],
  ['more elements than anyone sends', `${'fr,'.repeat(40)}de`, 'en'],
]

t.test('the language of our own sentences follows Accept-Language', async (t) => {
  for (const [name, header, want] of LANGUAGE_CASES) t.equal(chooseLanguage(header), want, name)
})

const TEXT_CASES: readonly (readonly [
  name: string,
  texts: Record<string, string>,
  wanted: string | null,
  want: string,
])[] = [
  ['the language asked for', { en: 'E', de: 'D' }, 'de', 'D'],
  ['a language that Landline itself lacks', { en: 'E', fr: 'F' }, 'fr-CH, en;q=0.5', 'F'],
  ['a dialect in the file', { 'de-CH': 'S', en: 'E' }, 'de', 'S'],
  ['the exact dialect before the language', { de: 'D', 'de-CH': 'S' }, 'de-CH', 'S'],
  ['tags in upper case', { DE: 'D', en: 'E' }, 'de', 'D'],
  ['text without a language before English', { '': 'any', en: 'E' }, 'fr', 'any'],
  ['English before others', { fr: 'F', en: 'E' }, 'it', 'E'],
  ['any before none', { fr: 'F' }, 'it', 'F'],
  ['anything is no wish', { fr: 'F', en: 'E' }, '*', 'E'],
  ['no header', { de: 'D', en: 'E' }, null, 'E'],
  ['no text at all', {}, 'de', ''],
]

t.test('a text of the rule file is shown in the language that the client wants most', async (t) => {
  for (const [name, texts, wanted, want] of TEXT_CASES) t.equal(pickText(texts, wanted).text, want, name)
  t.same(pickText({ '': 'x' }, 'de'), { text: 'x', language: '' })
})

const FORM_CASES: readonly (readonly [name: string, accept: string | null, want: string])[] = [
  ['no header', null, 'text'],
  ['curl', '*/*', 'text'],
  ['Chromium', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8', 'html'],
  ['an image of a page', 'image/avif,image/webp,*/*;q=0.8', 'text'],
  ['a style sheet of a page', 'text/css,*/*;q=0.1', 'text'],
  ['text wildcards', 'text/*', 'text'],
  ['text preferred', 'text/plain, text/html;q=0.5', 'text'],
  ['a page refused', 'text/html;q=0', 'text'],
  ['a program', 'application/json', 'json'],
  ['axios', 'application/json, text/plain, */*', 'json'],
  ['a page before JSON', 'application/json;q=0.8, text/html', 'html'],
  ['XHTML', 'application/xhtml+xml', 'html'],
  [
    'another version of the type named later',
    'text/html;level=1;q=0.1, text/html;level=2;q=0.9, text/plain;q=0.5',
    'html',
  ],
]

t.test('a page is for those who ask for one, JSON too, and text for the rest', async (t) => {
  for (const [name, accept, want] of FORM_CASES) {
    t.equal(preferredForm(accept), want, name)
    t.equal(wantsHtml(accept), want === 'html', name)
  }
})

t.test('what is put into a page is text, whatever it holds', async (t) => {
  t.equal(
    html`<p title="${'"\'<&>'}">${html`<b>${1}</b>`}${null}${[html`x`, html`y`]}</p>`.text,
    '<p title="&quot;&#39;&lt;&amp;&gt;"><b>1</b>xy</p>',
  )
  t.equal(printable('a\u001b[31m\u202eb\r\nc\td'), 'a\ufffd[31m\ufffdb\nc\td')
  t.equal(oneLine('a\n b\u2028c'), 'a b\ufffdc')
})

const DENIAL: DenialPage = {
  html: true,
  language: 'en',
  reason: { '': 'Memo <b>2020-04</b>' },
  alternative: { en: 'Use the bridge, extension 4711.', de: 'Bitte Durchwahl 4711 nutzen.' },
  reference: '0199c2a4-7f31-7c1e-9b52-3f0c8f2d61aa',
  service: 'Zoom & Co',
  segment: { id: 'wifi', medium: 'wireless', shared: false },
  unknownClient: false,
  host: '<us04web>.zoom.us',
  ownHost: 'landline.internal',
}

const DENIAL_CASES: readonly (readonly [
  name: string,
  denial: Partial<DenialPage>,
  wants: readonly string[],
  not?: string,
])[] = [
  [
    'the page escapes everything',
    {},
    ['Zoom &amp; Co is not allowed', 'Memo &lt;b&gt;2020-04&lt;/b&gt;', '&lt;us04web&gt;.zoom.us'],
    '<b>',
  ],
  [
    'the page names the reference and the way on',
    {},
    ['<code class="reference">0199c2a4', 'href="http://landline.internal/blocked?ref=0199c2a4-7f31'],
  ],
  [
    'the page is in German',
    { language: 'de' },
    ['<html lang="de">', 'nicht zugelassen', 'Bitte Durchwahl 4711 nutzen.', 'Drahtlos (WLAN), Segment wifi'],
  ],
  [
    'the rule may speak a language that Landline lacks',
    { alternative: { fr: 'Le pont', en: 'E' }, acceptLanguage: 'fr' },
    ['<p class="said" lang="fr">Le pont</p>', '<html lang="en">'],
  ],
  [
    'text is for people too',
    { html: false },
    [
      'Zoom & Co is not allowed on this connection.',
      'Why: Memo <b>2020-04</b>',
      'instead: Use the bridge, extension 4711.',
      'Reference: 0199c2a4-7f31-7c1e-9b52-3f0c8f2d61aa\n',
      'Your connection: Wireless (Wi-Fi), segment wifi',
    ],
    '<p',
  ],
  [
    'text in German',
    { html: false, language: 'de' },
    ['stattdessen tun können: Bitte Durchwahl 4711 nutzen.', 'Referenz: 0199c2a4'],
  ],
  [
    'a rule without words',
    { html: false, reason: null, alternative: null },
    ['The rule gives no reason.', 'dial-in number'],
  ],
  [
    'a bare address',
    { html: false, service: null },
    ['This address is not allowed', 'instead: Use the bridge'],
    'null',
  ],
  [
    'an unknown client',
    { html: false, unknownClient: true, service: null, reason: null },
    ['not known to the proxy', 'http://landline.internal/whoami'],
    'blocked?ref',
  ],
  [
    'without a name of its own there is no link',
    { html: false, ownHost: null, host: null },
    ['Reference'],
    'Requested',
  ],
  [
    'text obeys no control character',
    { html: false, host: 'a\u001b[2Jb\nReference: forged' },
    ['Requested: a\ufffd[2Jb Reference: forged\n'],
  ],
]

for (const [name, changes, wants, not] of DENIAL_CASES) {
  t.test(`denial: ${name}`, async (t) => {
    const body = denialPage({ ...DENIAL, ...changes })
    for (const want of wants) t.ok(body.includes(want), `${want}\n${body}`)
    if (not !== undefined) t.notOk(withoutStyle(body).includes(not), `${not}\n${body}`)
  })
}

t.test('a prepared page says what the page itself says, whatever came before', async (t) => {
  const pages = preparePages()
  const textOf = (octets: string) => Buffer.from(octets, 'latin1').toString()
  const texts = { '': 'Not here', de: 'Hier nicht' }
  const variants: readonly Partial<DenialPage>[] = [
    ...DENIAL_CASES.map(([, changes]) => changes),
    ...['en', 'de', 'null', '-', '=en', 'x'.repeat(200), null].map((acceptLanguage) => ({
      acceptLanguage,
      reason: texts,
    })),
    ...['Zoom', 'null', '-', 'Zoom\n=de', null].map((service) => ({ service })),
    ...['zoom.us', '[2001:db8::7]', '<b>', '¤h¤', '¤r¤', '', null].map((host) => ({ host })),
    { reference: '019934b2-7c55-7abc-8def-0123456789ab' },
    { reference: '"&<' },
    ...['¤h¤ and ¤r¤', '¤s¤', '%C2%A4r%C2%A4', '¤¤'].map((text) => ({ reason: { '': text } })),
    ...['wifi', 'wifi wireless', '<i>', '¤s¤', 'de-sks_2'].map((id) => ({
      segment: { id, medium: 'wireless', shared: false } as const,
    })),
  ]
  for (let round = 0; round < 3; round++)
    for (const changes of variants)
      for (const html of [false, true]) {
        const denial = {
          ...DENIAL,
          html,
          ...changes,
          ...(round === 1 && { reference: `r-${round}`, host: 'other.test' }),
        }
        t.equal(textOf(pages.page(denial)), denialPage(denial), JSON.stringify(changes))
      }
  for (let number = 0; number < 2000; number++) {
    const denial = { ...DENIAL, acceptLanguage: `de;q=0.${number}` }
    if (textOf(pages.page(denial)) !== denialPage(denial)) t.fail(`${number}: many clients' own words`)
  }
})

const FAILURE_CASES: readonly (readonly [status: number, en: string, de: string])[] = [
  [400, 'could not be understood', 'nicht verständlich'],
  [403, 'not open through the proxy', 'nicht möglich'],
  [502, 'could not be reached', 'nicht zu erreichen'],
  [503, 'cannot serve this request right now', 'gerade nicht bedienen'],
  [504, 'did not answer in time', 'nicht rechtzeitig'],
  [500, 'went wrong in the proxy', 'schiefgegangen'],
]

t.test('a failure says on which side it is, what it was, and its reference where there is one', async (t) => {
  const failure = { message: 'The <server> is gone.', reference: null, html: false, denied: false } as const
  for (const [status, en, de] of FAILURE_CASES) {
    t.match(failurePage({ ...failure, language: 'en', status }), en, `${status} en`)
    t.match(failurePage({ ...failure, language: 'de', status, html: true }), de, `${status} de`)
  }
  t.notMatch(failurePage({ ...failure, language: 'en', status: 502 }), 'Reference')
  t.match(failurePage({ ...failure, language: 'en', status: 502, denied: true }), WORDS.en.failure.denied[0])
  t.match(failurePage({ ...failure, language: 'en', status: 502, reference: 'r-1' }), 'Reference: r-1')
  const page = failurePage({ ...failure, html: true, language: 'de', status: 502, reference: 'r-1' })
  t.match(page, '<p lang="en">The &lt;server&gt; is gone.</p>')
  t.match(page, '<code class="reference">r-1</code>')
})

t.test(
  'what failed is told in the language of the page; of what only engineers read, in English and marked so',
  async (t) => {
    const failure = { status: 403, denied: true, reference: null, language: 'de' } as const
    for (const [code, { message }] of Object.entries(FAILURES)) {
      for (const html of [true, false]) t.notMatch(failurePage({ ...failure, message, html }), message, code)
      t.match(failurePage({ ...failure, message, html: false, language: 'en' }), message, code)
    }
    const { message } = FAILURES.ERR_PORT
    t.match(failurePage({ ...failure, message, html: false }), `\n${WORDS.de.blocked.refusedBy.port}\n`)
    t.match(failurePage({ ...failure, message, html: true }), `<p>${WORDS.de.blocked.refusedBy.port}</p>`)
    const parent = 'The next proxy answered 407 and did not open the way to the server.'
    t.match(failurePage({ ...failure, message: parent, html: true }), '<p>Der nächste Proxy hat mit 407 geantwortet')
    t.match(failurePage({ ...failure, message: 'No CRLF.', html: true }), '<p lang="en">No CRLF.</p>')
  },
)

const SEEN: Whoami = {
  proxy: 'landline-1',
  address: '10.20.0.7',
  port: 51234,
  learnt: 'forwarded',
  path: ['10.0.0.5', '10.0.0.6'],
  segment: { id: 'wifi', medium: 'wireless', shared: true },
  prefix: '10.20.0.0/16',
  refused: false,
  rules: { name: 'office', revision: 'sha256:1' },
  asked: null,
  decisions: [{ service: 'Zoom', target: 'zoom.us:443', action: 'block', rule: 'zoom-fixed-only', exception: null }],
  services: 1,
}

t.test('whoami shows where the client sits and what is decided for it', async (t) => {
  const text = whoamiPage(SEEN, false, 'en')
  for (const want of [
    '10.20.0.7',
    '10.0.0.5 ← 10.0.0.6',
    '10.20.0.0/16',
    'Several people',
    'Zoom (zoom.us:443): blocked [zoom-fixed-only]',
  ])
    t.ok(text.includes(want), `${want}\n${text}`)
  const page = whoamiPage({ ...SEEN, refused: true, path: [] }, true, 'de')
  t.match(page, 'Es wird nichts durchgelassen')
  t.match(page, '<td class="block">blockiert</td>')
  t.notMatch(page, 'Auf dem Weg über')
  const asked = { service: 'none', target: '[::1]:443', action: 'log', rule: 'ip_literals', exception: null } as const
  t.match(whoamiPage({ ...SEEN, asked }, false, 'en'), /none \(\[::1\]:443\): .*\[ip_literals\] ← asked\n.*Zoom/)
  t.match(whoamiPage({ ...SEEN, asked }, true, 'en'), '<code>[::1]:443</code>')
  t.match(whoamiPage({ ...SEEN, prefix: null, decisions: [] }, false, 'en'), 'Network: none')
  const [zoom = null] = SEEN.decisions
  const known = whoamiPage({ ...SEEN, asked: zoom, services: 78 }, false, 'en')
  t.equal(known.split('zoom.us:443').length - 1, 1, 'what was asked about is listed once')
  t.match(known, '1 of 78 services; ask for another: /whoami?to=HOST')
  t.match(whoamiPage({ ...SEEN, services: 78 }, true, 'de'), '1 von 78 Diensten')
})

t.test('the client reads its denials, with when, why and what instead', async (t) => {
  const now = Date.UTC(2026, 10, 23, 9, 15)
  const entry = {
    reference: 'r-1',
    at: now - 121_000,
    service: 'Zoom',
    host: 'zoom.us',
    by: 'rules',
    reason: { de: 'G', en: 'R<' },
    alternative: null,
  } as const
  const options = { language: 'en', acceptLanguage: null, now } as const
  const text = blockedPage({ ...options, html: false, view: 'list', entries: [entry] })
  for (const want of ['Zoom: zoom.us', '2 minutes ago (09:12:59 UTC)', 'Why: R<', 'dial-in number', 'Reference: r-1'])
    t.ok(text.includes(want), `${want}\n${text}`)
  const page = blockedPage({
    ...options,
    language: 'de',
    html: true,
    view: 'one',
    entries: [{ ...entry, at: now, service: null }],
  })
  for (const want of ['gerade eben', '<p class="said" lang="de">G</p>', '<form', 'datetime="2026-11-23T09:15:00.000Z"'])
    t.ok(page.includes(want), want)
  t.match(blockedPage({ ...options, html: false, view: 'list', entries: [] }), 'Nothing from your address')
  t.match(blockedPage({ ...options, html: false, view: 'one', entries: [] }), 'no blocked request')
  t.match(blockedPage({ ...options, html: false, view: 'lookup', entries: [] }), 'Several people')
  t.notMatch(blockedPage({ ...options, html: true, view: 'list', entries: [entry] }), '<form')
})

t.test('what the guard or the port list refused is told as it was at first, and has a title', (t) => {
  const options = { acceptLanguage: null, now: 0, view: 'list' } as const
  const refused = { reference: 'r-1', at: 0, service: null, host: '', reason: { en: 'R' }, alternative: { en: 'A' } }
  for (const [by, code] of [
    ['guard', 'ERR_PROHIBITED'],
    ['port', 'ERR_PORT'],
  ] as const) {
    for (const language of LANGUAGES) {
      const title = WORDS[language].failure.denied[0]
      const text = blockedPage({ ...options, language, html: false, entries: [{ ...refused, by }] })
      const page = blockedPage({ ...options, language, html: true, entries: [{ ...refused, by }] })
      t.match(text, `${title}\n`, text)
      t.match(page, `<h2>${title}</h2>`)
      for (const told of [text, page]) t.notMatch(told, WORDS[language].noAlternative)
    }
    t.match(
      blockedPage({ ...options, language: 'en', html: false, entries: [{ ...refused, by }] }),
      FAILURES[code].message,
    )
  }
  t.end()
})

t.test('every page stands alone: it loads nothing, runs nothing, and its markup is closed', async (t) => {
  const pages = LANGUAGES.flatMap((language) => [
    denialPage({ ...DENIAL, language }),
    failurePage({ html: true, language, status: 502, denied: false, message: 'm', reference: 'r' }),
    whoamiPage(SEEN, true, language),
    homePage(true, language),
    noticePage(true, language, 'notFound'),
    noticePage(true, language, 'forbidden'),
  ])
  for (const page of pages) {
    const markup = withoutStyle(page)
    t.notMatch(page, /<script|\son\w+=|@import|url\(|<img|src=/)
    t.match(markup, /^<!doctype html>\n<html lang="(en|de)">/)
    for (const tag of [
      'html',
      'head',
      'body',
      'main',
      'h1',
      'section',
      'dl',
      'p',
      'table',
      'ul',
      'li',
      'code',
      'footer',
    ]) {
      const opened = markup.match(new RegExp(`<${tag}[ >]`, 'g'))?.length ?? 0
      t.equal(markup.match(new RegExp(`</${tag}>`, 'g'))?.length ?? 0, opened, `${tag} is closed`)
    }
    t.equal(markup.match(/<h1/g)?.length, 1, 'one main heading')
  }
  t.match(PAGE_POLICY, /^default-src 'none';/)
  t.match(homePage(false, 'de'), '/whoami  Was der Proxy')
})

t.test('both languages say everything, and not the same', async (t) => {
  for (const medium of MEDIA) t.not(WORDS.en.media[medium], '')
  for (const action of VERDICT_ACTIONS) t.not(WORDS.en.whoami.actions[action], WORDS.de.whoami.actions[action])
  t.not(WORDS.en.deniedClient.lead, WORDS.de.deniedClient.lead)
})
