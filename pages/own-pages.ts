/** The pages under the proxy's own name: the index, and the short answers for what is not there or not open. */
import { html } from './html.ts'
import type { Language } from './language.ts'
import { page, plainText } from './shell.ts'
import { WORDS } from './words.ts'

export function homePage(asPage: boolean, language: Language): string {
  const { title, lead, whoami, blocked, pac } = WORDS[language].home
  const links = [
    ['/whoami', whoami],
    ['/blocked', blocked],
    ['/proxy.pac', pac],
  ] as const
  if (!asPage) return plainText([`${title}.`, lead, links.map(([path, what]) => `${path}  ${what}`).join('\n')])
  const items = links.map(([path, what]) => html`<li><a href="${path}">${what}</a></li>`)
  return page({ language, title, body: html`<p>${lead}</p><ul class="links">${items}</ul>` })
}

/** `notFound`: 404. `forbidden`: 403, for a client that may see nothing but what the proxy sees of it. */
export function noticePage(asPage: boolean, language: Language, notice: 'notFound' | 'forbidden'): string {
  const words = WORDS[language]
  const [title, lead] = words[notice]
  const [path, what] = notice === 'notFound' ? ['/', words.home.title] : ['/whoami', words.whoami.title]
  if (!asPage) return plainText([`${title}.`, lead, `${what}: ${path}`])
  return page({
    language,
    title,
    body: html`<p>${lead}</p><ul class="links"><li><a href="${path}">${what}</a></li></ul>`,
  })
}
