/**
 * What `npm test` prints: a line for each file, all that a failing file said, every skipped test with its reason, and as the
 * last line `N passed, N failed`, which people and scripts read. tap gives raw TAP and takes what this class puts out.
 */
import { Transform, type TransformCallback } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

const FILE_RESULT = /^(not ok|ok) \d+ - (.*?)(?: # time=([\d.]+)ms)?(?: # SKIP.*)?$/
const SKIPPED = /^ +ok \d+ - .* # SKIP/
/** What a failing file says besides its failures. */
const PASSING = /^\s*(?:ok \d+ .*)?$/
/** Of what tap tells of a failing file, the lines that say how it ended. */
const FILE_DETAIL = /^ {2}(?:exitCode|signal|timeout|error|message|tapError): (?!null)/
const NOISE = /^(?:TAP version|\d+\.\.\d+|# (?:Subtest|time|No coverage)| {2}\S| {4}- | {2}\.\.\.|$)/
const TOTALS = /^# \{ (total: .*) \}$/

/** The last line: tests that were skipped or are to be done count as skipped. */
export function summaryOf(counts: { readonly pass: number; readonly fail: number; readonly skip: number }): string {
  return `${counts.pass} passed, ${counts.fail} failed${counts.skip > 0 ? `, ${counts.skip} skipped` : ''}`
}

export default class Reporter extends Transform {
  readonly #decoder = new StringDecoder('utf8')
  #partial = ''
  /** What the file being reported has said so far. */
  #said: string[] = []
  /** A run that ends without its totals has failed. */
  #summary = summaryOf({ pass: 0, fail: 1, skip: 0 })

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const lines = (this.#partial + this.#decoder.write(chunk)).split('\n')
    this.#partial = lines.pop() ?? ''
    for (const line of lines) this.#take(line)
    done()
  }

  override _flush(done: TransformCallback): void {
    this.#take(this.#partial)
    for (const line of [...this.#said, this.#summary]) this.push(`${line}\n`)
    done()
  }

  #take(line: string): void {
    const [, result, file, ms] = FILE_RESULT.exec(line) ?? []
    const [, totals] = TOTALS.exec(line) ?? []
    if (result !== undefined) {
      const shown = result === 'ok' ? SKIPPED : { test: (said: string) => SKIPPED.test(said) || !PASSING.test(said) }
      for (const said of this.#said) if (shown.test(said)) this.push(`${said}\n`)
      this.push(`${result} ${file} ${(Number(ms ?? 0) / 1000).toFixed(1)} s\n`)
      this.#said = []
    } else if (totals !== undefined) {
      const count = (name: string) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(totals)?.[1] ?? 0)
      this.#summary = summaryOf({ pass: count('pass'), fail: count('fail'), skip: count('skip') + count('todo') })
    } else if (FILE_DETAIL.test(line)) {
      this.push(`${line}\n`)
    } else if (!NOISE.test(line)) {
      this.#said.push(line)
    }
  }
}
