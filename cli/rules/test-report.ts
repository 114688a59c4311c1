/** What tests found, in the forms that other programs read: JUnit's XML for CI, TAP for harnesses. */
import type { TestResult } from '../../rules/change/policy-tests.ts'
import { formatPlace } from '../../rules/problems.ts'

/** One test case each, with the failure's text; no times, since asking takes none. */
export function junit(results: readonly TestResult[], file: string): string {
  const failed = results.filter(({ passed }) => !passed).length
  const cases = results.map((result) => {
    const { place, passed } = result
    const head = `<testcase classname="${xmlText(place.file)}" name="${xmlText(titleOf(result))}" file="${xmlText(place.file)}" line="${place.line}"`
    return passed ? `    ${head}/>` : `    ${head}><failure message="${xmlText(faultOf(result))}"/></testcase>`
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites tests="${results.length}" failures="${failed}">`,
    `  <testsuite name="${xmlText(file)}" tests="${results.length}" failures="${failed}" errors="0" skipped="0">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
  ].join('\n')
}

/** TAP 14; where a test stands is in its diagnostics. */
export function tap(results: readonly TestResult[]): string {
  const points = results.flatMap((result, index) => {
    const { place, expected, got, passed } = result
    const point = `${passed ? 'ok' : 'not ok'} ${index + 1} - ${tapText(titleOf(result))}`
    if (passed) return [point]
    const details = { at: formatPlace(place), expected, got }
    return [
      point,
      '  ---',
      ...Object.entries(details).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`),
      '  ...',
    ]
  })
  return ['TAP version 14', `1..${results.length}`, ...points].join('\n')
}

function titleOf({ from, to, expected }: TestResult): string {
  return `${from} to ${to}: ${expected}`
}

function faultOf({ place, expected, got }: TestResult): string {
  return `${formatPlace(place)}: expected ${expected}, got ${got}`
}

/** For attributes. What XML 1.0 cannot hold at all becomes U+FFFD. */
function xmlText(text: string): string {
  return text
    .toWellFormed()
    .replace(/(?![\t\n\r])\p{Cc}|[\ufffe\uffff]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('"', '&quot;')
    .replace(/[\t\n\r]/g, ' ')
}

/** `#` begins a directive, and a line is a line. */
function tapText(text: string): string {
  return text.replace(/[\r\n]+/g, ' ').replace(/[\\#]/g, '\\$&')
}
