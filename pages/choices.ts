/** The weighted lists of Accept and Accept-Language (RFC 9110 §12.4.2), read within bounds; what makes no sense is left out. */

const MAX_HEADER_LENGTH = 2048
const MAX_CHOICES = 32
const QVALUE = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

export interface Choice {
  /** In lower case, without parameters. */
  readonly value: string
  /** 0 (not wanted) to 1. */
  readonly quality: number
}

/** Clients of one kind all say the same: what they said is kept, so many headers of so many characters at most. */
const MOST_KEPT = 128
const MAX_KEPT_LENGTH = 256
const kept = new Map<string, readonly Choice[]>()

/** The elements in their order, without those whose weight is malformed. */
export function choicesOf(header: string | null): readonly Choice[] {
  if (header === null) return []
  const known = kept.get(header)
  if (known !== undefined) return known
  const choices = read(header)
  if (header.length > MAX_KEPT_LENGTH) return choices
  if (kept.size >= MOST_KEPT) kept.clear()
  kept.set(header, choices)
  return choices
}

function read(header: string): readonly Choice[] {
  const choices: Choice[] = []
  for (const element of header.slice(0, MAX_HEADER_LENGTH).split(',', MAX_CHOICES)) {
    const [value = '', ...parameters] = element.split(';').map((part) => part.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1'
    if (value !== '' && QVALUE.test(weight)) choices.push({ value, quality: Number(weight) })
  }
  return choices
}
