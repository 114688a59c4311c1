/** Imported segments → the text of a rule file. */

import type { Problem } from '../model.ts'
import type { ImportedSegment } from './segments.ts'

export interface SegmentsText {
  readonly text: string
  /** What became of a text that is too long; null where all is in it. */
  readonly fault: Pick<Problem, 'severity' | 'message'> | null
}

/**
 * YAML for `include`: the same segments are the same text, so that what changed in the export is what changes in git. `most`: the
 * longest text that a rule file may be; descriptions are left out where they would not fit.
 */
export function segmentsAsYaml(segments: readonly ImportedSegment[], madeBy: string, most: number): SegmentsText {
  const text = yamlOf(segments, madeBy, true)
  if (text.length < most) return { text, fault: null }
  const short = yamlOf(segments, madeBy, false)
  const severity = short.length < most ? 'warning' : 'error'
  const message =
    severity === 'warning'
      ? `with descriptions the segments have more than ${most} characters, too many for a rule file; they are left out`
      : `the segments have more than ${most} characters, too many for a rule file; import some kinds into one file and some into another, with --map KIND=-`
  return { text: short, fault: { severity, message } }
}

function yamlOf(segments: readonly ImportedSegment[], madeBy: string, isDescribed: boolean): string {
  const lines = [`# Made by ${madeBy}: change it there, and import again.`, 'segments:']
  for (const { id, medium, shared, prefixes } of segments) {
    // An id such as 2020 or no would be something else than text.
    lines.push(`  ${/^[a-z][a-z-]+$/.test(id) && !YAML_WORDS.has(id) ? id : `"${id}"`}:`, `    medium: ${medium}`)
    if (shared) lines.push('    shared: true')
    lines.push('    prefixes:')
    for (const { prefix, description } of prefixes) {
      const text = prefix.text.includes(':') ? `"${prefix.text}"` : prefix.text
      const remark = isDescribed ? oneLine(description) : ''
      lines.push(`      - ${text}${remark === '' ? '' : ` # ${remark}`}`)
    }
  }
  return lines.join('\n')
}

const YAML_WORDS: ReadonlySet<string> = new Set(['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n'])
const MOST_OF_LINE = 120

function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  if (line.length <= MOST_OF_LINE) return line
  // Half a character is none that a rule file takes.
  return `${line.slice(0, MOST_OF_LINE - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
