/** Loops (RFC 9110 §7.6.3): a message that names this proxy among those it came through has been here before. */
import { trimBlank } from './fields.ts'
import type { RequestHead } from './request.ts'

/** Whether a Via of the request was received by `pseudonym`. Names compare without regard to case; comments say nothing. */
export function hasLoop({ fields }: Pick<RequestHead, 'fields'>, pseudonym: string): boolean {
  const name = pseudonym.toLowerCase()
  return fields.some(({ lower, value }) => lower === 'via' && namesProxy(value.toLowerCase(), name))
}

function namesProxy(via: string, name: string): boolean {
  if (!via.includes(name)) return false
  const bare = withoutComments(via)
  // A comment that never ends could hide any number of hops, and so an endless loop.
  return bare === null || bare.split(',').some((hop) => receivedBy(hop) === name)
}

/** The second word of `protocol received-by`, without its port. */
function receivedBy(hop: string): string {
  const [, by = ''] = trimBlank(hop).split(/[ \t]+/)
  return by.replace(/:\d*$/, '')
}

/** Comments nest and may hold commas (RFC 9110 §5.6.5). Null if one is not closed, or closed without having been opened. */
function withoutComments(via: string): string | null {
  let bare = ''
  let depth = 0
  for (let at = 0; at < via.length; at++) {
    const char = via.charAt(at)
    if (char === '\\' && depth > 0) at++
    else if (char === '(') depth++
    else if (char === ')') depth--
    else if (depth === 0) bare += char
    if (depth < 0) return null
  }
  return depth === 0 ? bare : null
}
