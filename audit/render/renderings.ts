/** The renderings by format. JSONL is none: the record's very line. */
import { cefRendering } from './cef.ts'
import { csvRendering } from './csv.ts'
import { ocsfRendering } from './ocsf.ts'
import type { Format, Rendering } from './rendering.ts'

const RENDERINGS: readonly Rendering[] = [csvRendering, ocsfRendering, cefRendering]

/** What a rendering may be called in an extract. */
export const RENDERED_FILES: readonly string[] = RENDERINGS.map(({ file }) => file)

export function renderingOf(format: Format): Rendering | null {
  return RENDERINGS.find((rendering) => rendering.format === format) ?? null
}
