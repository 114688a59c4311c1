/** /whoami: what address the proxy sees, how it learnt it, where that belongs, and what would be decided for it. */
import type { Segment, VerdictAction } from '../rules/model.ts'
import { html } from './html.ts'
import type { Language } from './language.ts'
import { page, plainText } from './shell.ts'
import { WORDS } from './words.ts'

export interface SampleDecision {
  /** The name to show. */
  readonly service: string
  /** `zoom.us:443`. */
  readonly target: string
  readonly action: VerdictAction
  readonly rule: string
  readonly exception: string | null
}

export interface Whoami {
  readonly proxy: string
  readonly address: string
  readonly port: number
  readonly learnt: 'socket' | 'proxy-protocol' | 'forwarded'
  /** The hops that told it, nearest first. */
  readonly path: readonly string[]
  readonly segment: Segment
  /** null: the client is in no segment. */
  readonly prefix: string | null
  /** Unknown, and such are refused. */
  readonly refused: boolean
  /** The rules in force. */
  readonly rules: { readonly name: string; readonly revision: string }
  /** For the target that was asked about (`/whoami?to=zoom.us`); null: none was. */
  readonly asked: SampleDecision | null
  readonly decisions: readonly SampleDecision[]
  /** How many services the rules know. */
  readonly services: number
}

export function whoamiPage(seen: Whoami, asPage: boolean, language: Language): string {
  const words = WORDS[language]
  const { title, lead, decisions, service, target, decision, rule, actions, shared, refused } = words.whoami
  const note = seen.refused ? refused : seen.segment.shared ? shared : null
  const rows = factsOf(seen, language)
  const { asked } = seen
  const others = seen.decisions.filter(({ target }) => target !== asked?.target)
  const decided = asked === null ? others : [asked, ...others]
  const more = seen.decisions.length < seen.services ? words.whoami.more(seen.decisions.length, seen.services) : null
  if (!asPage) {
    const lines = decided.map(
      (sample) =>
        `  ${sample.service} (${sample.target}): ${actions[sample.action]} [${ruleOf(sample)}]${sample === asked ? ` ← ${words.whoami.asked}` : ''}`,
    )
    const samples = lines.length === 0 ? null : [`${decisions}:`, ...lines, ...(more === null ? [] : [more])].join('\n')
    return plainText([rows.map(([label, value]) => `${label}: ${value}`).join('\n'), note, samples])
  }
  const samples = decided.map(
    (sample) =>
      html`<tr><td>${sample.service}${sample === asked ? html` <span class="quiet">← ${words.whoami.asked}</span>` : null}</td><td class="wide"><code>${sample.target}</code></td><td class="${sample.action}">${actions[sample.action]}</td><td class="wide"><code>${ruleOf(sample)}</code></td></tr>
`,
  )
  const table = html`<section><h2>${decisions}</h2>
<table><thead><tr><th scope="col">${service}</th><th scope="col" class="wide">${target}</th><th scope="col">${decision}</th><th scope="col" class="wide">${rule}</th></tr></thead>
<tbody>${samples}</tbody></table>${more === null ? null : html`<p class="quiet">${more}</p>`}</section>`
  const body = html`<p>${lead}</p>
${note === null ? null : html`<p class="note">${note}</p>`}
<dl class="facts">${rows.map(([label, value]) => html`<dt>${label}</dt><dd>${value}</dd>`)}</dl>
${samples.length === 0 ? null : table}`
  return page({ language, title, body })
}

function factsOf(seen: Whoami, language: Language): readonly (readonly [label: string, value: string])[] {
  const { whoami, media } = WORDS[language]
  return [
    [whoami.address, seen.address],
    [whoami.port, String(seen.port)],
    [whoami.learnt, whoami.learntBy[seen.learnt]],
    ...(seen.path.length === 0 ? [] : [[whoami.path, seen.path.join(' ← ')] as const]),
    [whoami.medium, media[seen.segment.medium]],
    [whoami.segment, seen.segment.id],
    [whoami.prefix, seen.prefix ?? whoami.none],
    ['Proxy', seen.proxy],
  ]
}

function ruleOf({ rule, exception }: SampleDecision): string {
  return exception === null ? rule : `${rule}, ${exception}`
}
