/** Why the API does not do what it was asked to: the status, what is wrong, and what to do about it. */
import { hiddenIn } from '../rules/hidden.ts'

/** The JSON object that a call carries; empty for those without a body. */
export type ApiBody = Readonly<Record<string, unknown>>

export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal'
  readonly status: number
  readonly remedy: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, error: string, remedy: string, headers: Readonly<Record<string, string>> = {}) {
    super(error)
    this.status = status
    this.remedy = remedy
    this.headers = headers
  }
}

/** A field of a body as text of one line; throws the refusal that names it. */
export function textField(body: ApiBody, name: string, { most = 200 } = {}): string {
  const value = body[name]
  if (typeof value !== 'string' || value.trim() === '' || value.length > most || /[\t\r\n]/.test(value))
    throw new ApiRefusal(
      400,
      `"${name}" is missing or no text of one line, ${most} characters at most`,
      `give "${name}"`,
    )
  const hidden = hiddenIn(value)
  if (hidden !== null) throw new ApiRefusal(400, `"${name}" has the hidden character ${hidden}`, 'leave it out')
  return value.trim()
}

/** Refuses fields that nobody reads: a misspelt one would be left out in silence. */
export function onlyFields(body: ApiBody, ...names: readonly string[]): void {
  const unknown = Object.keys(body).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const shown = JSON.stringify(unknown.slice(0, 40))
  throw new ApiRefusal(400, `${shown} is no field of this call`, `it takes ${names.join(', ') || 'none'}`)
}
