/** The Date field (RFC 9110 §6.6.1), formatted once a second. */

let second = -1
let text = ''

/** An IMF-fixdate. `now`: milliseconds since 1970. */
export function httpDate(now: number): string {
  const current = Math.floor(now / 1000)
  if (current !== second) {
    second = current
    text = new Date(now).toUTCString()
  }
  return text
}
