/** The renderings by format. JSONL is none: the record's very line. */
import { cefRendering } from './cef.ts'
import { csvRendering } from './csv.ts'
import { ocsfRendering } from './ocsf.ts'
import type { Format, Rendering } from './rendering.ts'

const RENDERINGS: readonly Rendering[] = [csvRendering, ocsfRendering, cefRendering]

export function renderingOf(format: Format): Rendering | null {
  return RENDERINGS.find((rendering) => rendering.format === format) ?? null
}
