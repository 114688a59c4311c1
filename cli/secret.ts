/** A password typed at a terminal, not shown; or the first line of standard input where that is no terminal. */
import { createInterface } from 'node:readline'
import type { ReadStream } from 'node:tty'

const ENTER = ['\r', '\n', '\u0004']
const INTERRUPT = '\u0003'
const RUB_OUT = ['\b', '\u007f']
const MAX_LENGTH = 1024

/** The text, '' where there was none; null where it was broken off. The prompt goes to standard error. */
export async function readSecret(prompt: string): Promise<string | null> {
  if (process.stdin.isTTY) return typed(prompt, process.stdin)
  const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) return line
  return ''
}

function typed(prompt: string, input: ReadStream): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>()
  let text = ''
  const end = (result: string | null) => {
    input.off('data', take)
    input.setRawMode(false)
    input.pause()
    process.stderr.write('\n')
    resolve(result)
  }
  const take = (chunk: Buffer) => {
    for (const letter of chunk.toString('utf8')) {
      if (letter === INTERRUPT) return end(null)
      if (ENTER.includes(letter)) return end(text)
      if (RUB_OUT.includes(letter)) text = [...text].slice(0, -1).join('')
      else if (text.length < MAX_LENGTH) text += letter
    }
  }
  input.setRawMode(true) // before anybody is asked to type
  process.stderr.write(prompt)
  input.on('data', take)
  input.resume()
  return promise
}
