/** A simulation as a page of its own, to attach to a change request: nothing loaded, nothing run; prints on paper. */
import type { Change, ChangeKind, Predicted, Seen, Simulation, Undecidable } from '../rules/change/simulation.ts'
import { howMany, instantInWords } from '../rules/words.ts'
import { Html, html } from './html.ts'
import { CHANGE_WORDS, endInWords, REASON_WORDS, type SimulationReport, talliesInWords } from './simulation.ts'
import { clientsInWords, moved } from './simulation-text.ts'
import { STYLE } from './style.ts'

/** Rows of one table. */
const MOST_ROWS = 500

const WIDE = `body { padding: 0 1.5rem; } main { max-width: 96rem; } .numbers { font-variant-numeric: tabular-nums; text-align: right; }
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1.4rem 0 0; padding: 0; list-style: none; }
.totals li { border: 1px solid var(--line); border-radius: 4px; padding: .6rem .9rem; } .totals b { display: block; font-size: 1.6rem; line-height: 1.2; }
.scroll { overflow-x: auto; } tr { break-inside: avoid; } thead { display: table-header-group; } td small { display: block; color: var(--quiet); }
.whole { white-space: nowrap; }
.sign { margin-top: 3.5rem; } .sign span { display: inline-block; width: 16em; border-bottom: 1px solid var(--ink); }`

const KINDS = ['newly_blocked', 'newly_allowed', 'changed_rule'] as const

export function simulationPage({ simulation, rules, against, outside, at }: SimulationReport): string {
  const { from, to, records, rows, illegible, dir } = against
  const span =
    from === null || to === null
      ? 'No traffic was found'
      : `The traffic of ${instantInWords(from)} to ${endInWords(to)}, judged anew`
  const title = `${rules.name}: what the new rules would change`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Html(STYLE)}${new Html(WIDE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${span}: ${howMany(records, 'record')} and ${howMany(rows, 'row')} of tallies in <code>${dir}</code>.</p>
<dl class="facts"><dt>Rule file</dt><dd><code>${rules.file}</code>, mode ${rules.mode}</dd>
<dt>Revision</dt><dd><code>${rules.revision}</code></dd><dt>Made</dt><dd>${instantInWords(at)}</dd></dl>
${totals(simulation)}
${KINDS.map((kind) => changes(kind, simulation.changes)).filter((part) => part !== null)}
${undecidable(simulation.undecidable)}
${predicted(simulation.cells)}
${note(talliesInWords(simulation))}${note(illegible === 0 ? null : `${howMany(illegible, 'line is neither a record nor a row', 'lines are neither records nor rows')}: see landline audit verify ${dir}`)}
<section><h2>Not in these numbers</h2><ul>${outside.map((sentence) => html`<li>${sentence}</li>`)}</ul></section>
<p class="sign">Reviewed by <span></span> on <span></span></p>
</main>
</body>
</html>
`.text
}

function totals({ totals: { requests, newly_blocked, newly_allowed, unchanged, undecidable } }: Simulation): Html {
  const items = [
    ['requests', requests],
    ['newly blocked', newly_blocked],
    ['newly allowed', newly_allowed],
    ['unchanged', unchanged],
    ['undecidable', undecidable],
  ] as const
  return html`<ul class="totals">${items.map(([name, count]) => html`<li><b>${count}</b> ${name}</li>`)}</ul>`
}

const SEEN_HEAD = html`<th scope="col" class="numbers">requests</th><th scope="col">clients</th><th scope="col">first and last seen</th><th scope="col">hosts</th><th scope="col">references</th>`
const PLACE_HEAD = html`<th scope="col">segment</th><th scope="col">service</th>`

function changes(kind: ChangeKind, all: readonly Change[]): Html | null {
  const rows = all.filter(({ change }) => change === kind)
  if (rows.length === 0)
    return kind === 'newly_blocked' ? html`<section><h2>Newly blocked</h2><p>Nothing.</p></section>` : null
  const body = rows.slice(0, MOST_ROWS).map(
    ({
      before,
      after,
      ...seen
    }) => html`<tr><td>${moved(before.segment, after.segment)}<small>${moved(before.medium, after.medium)}</small></td>
<td>${moved(before.service, after.service)}</td>${said(before)}${said(after)}${seenCells(seen)}</tr>`,
  )
  const words = CHANGE_WORDS[kind]
  return html`<section><h2>${words.charAt(0).toUpperCase()}${words.slice(1)}</h2><div class="scroll"><table>
<thead><tr>${PLACE_HEAD}<th scope="col">before</th><th scope="col">after</th>${SEEN_HEAD}</tr></thead><tbody>${body}</tbody></table></div>${more(rows.length)}</section>`
}

function undecidable(rows: readonly Undecidable[]): Html | null {
  if (rows.length === 0) return null
  const body = rows.slice(0, MOST_ROWS).map(
    ({
      before,
      reason,
      ...seen
    }) => html`<tr><td>${before.segment}<small>${before.medium}</small></td><td>${before.service}</td>${said({ ...before, exception: null })}
<td>${reason}</td>${seenCells(seen)}</tr>`,
  )
  const reasons = [...new Set(rows.map(({ reason }) => reason))]
  return html`<section><h2>Undecidable</h2><p>Never guessed: what is on record does not tell what the new file would say.</p>
<dl class="facts">${reasons.map((reason) => html`<dt>${reason}</dt><dd>${REASON_WORDS[reason]}</dd>`)}</dl><div class="scroll"><table>
<thead><tr>${PLACE_HEAD}<th scope="col">before</th><th scope="col">why</th>${SEEN_HEAD}</tr></thead><tbody>${body}</tbody></table></div>${more(rows.length)}</section>`
}

/** All that was judged, changed or not. */
function predicted(cells: readonly Predicted[]): Html | null {
  if (cells.length === 0) return null
  const body = cells
    .slice(0, MOST_ROWS)
    .map(
      ({ segment, medium, service, requests, ...by }) =>
        html`<tr><td>${segment}<small>${medium}</small></td><td>${service}</td>${said({ ...by, exception: null })}<td class="numbers">${requests}</td></tr>`,
    )
  return html`<section><h2>What the new rules would say of all that can be decided</h2><div class="scroll"><table>
<thead><tr>${PLACE_HEAD}<th scope="col">action</th><th scope="col" class="numbers">requests</th></tr></thead><tbody>${body}</tbody></table></div>${more(cells.length)}</section>`
}

function said({
  action,
  rule,
  exception,
}: {
  readonly action: string
  readonly rule: string
  readonly exception: string | null
}): Html {
  return html`<td><span class="${action}">${action}</span><small>${exception === null ? rule : `${rule}, lifted by ${exception}`}</small></td>`
}

function seenCells(seen: Seen): Html {
  const { requests, first, last, hosts, references } = seen
  return html`<td class="numbers">${requests}</td><td>${clientsInWords(seen)}</td><td class="whole">${instantInWords(first)}<small>${endInWords(last)}</small></td>
<td>${hosts.join(', ')}</td><td class="whole">${references.length === 0 ? 'none on record' : references.map((reference) => html`<small>${reference}</small>`)}</td>`
}

function note(sentence: string | null): Html | null {
  return sentence === null ? null : html`<p class="quiet">${sentence}</p>`
}

function more(rows: number): Html | null {
  return rows <= MOST_ROWS ? null : html`<p class="quiet">… and ${howMany(rows - MOST_ROWS, 'more row')}.</p>`
}
