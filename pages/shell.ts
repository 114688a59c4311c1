/** What all pages share: one frame in HTML, one layout in text, and the header that keeps a page to itself. */
import { Html, html, oneLine, printable } from './html.ts'
import type { Language } from './language.ts'
import { STYLE } from './style.ts'
import { WORDS } from './words.ts'

/** The Content-Security-Policy of every page: it loads nothing, runs nothing and is framed by nobody. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export interface Page {
  readonly language: Language
  readonly title: string
  readonly body: Html | readonly Html[]
}

/** A handset: a plain land line. */
const MARK = html`<svg viewBox="0 0 24 24" fill="currentColor" aria-hidden="true"><path d="M6.6 10.8a15 15 0 0 0 6.6 6.6l2.2-2.2a1 1 0 0 1 1-.25c1.1.37 2.3.57 3.6.57a1 1 0 0 1 1 1V20a1 1 0 0 1-1 1A17 17 0 0 1 3 4a1 1 0 0 1 1-1h3.5a1 1 0 0 1 1 1c0 1.25.2 2.45.57 3.57a1 1 0 0 1-.25 1z"/></svg>`

/** A whole document. The body is put in as it is; the title is escaped. */
export function page({ language, title, body }: Page): string {
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Html(STYLE)}</style>
</head>
<body>
<main>
<p class="brand">${MARK} ${WORDS[language].proxy}</p>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`.text
}

/** A row of text: a label and what stands under it. null leaves the row out. */
export type TextRow = readonly [label: string, value: string] | null

/** For terminals: the paragraphs, then the rows, each with its label. Control characters are shown, not obeyed. */
export function plainText(paragraphs: readonly (string | null)[], rows: readonly TextRow[] = []): string {
  const blocks = paragraphs.filter((paragraph) => paragraph !== null).map(printable)
  const lines = rows.filter((row) => row !== null).map(([label, value]) => `${label}: ${oneLine(value)}`)
  return `${[...blocks, ...(lines.length > 0 ? [lines.join('\n')] : [])].join('\n\n')}\n`
}
