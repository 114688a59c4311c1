/** The log's output, on a pipe that is full for a while. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { LogOutput } from '../../cli/serve/log-output.ts'
import { scratch, waitFor } from '../e2e/landline.ts'

/** Both ends of a pipe; neither waits for the other. */
function pipe(t: Parameters<typeof scratch>[0]) {
  const path = join(scratch(t), 'pipe')
  execFileSync('mkfifo', [path])
  const out = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  t.teardown(() => closeSync(descriptor))
  const bytes = Buffer.alloc(65_536)
  return {
    descriptor,
    /** What there is. */
    read: () => {
      try {
        return bytes.toString('latin1', 0, readSync(out, bytes))
      } catch {
        return ''
      }
    },
    close: () => closeSync(out),
  }
}

t.test('what waits is written later, what is too much is counted, no line is cut', async (t) => {
  const { descriptor, read, close } = pipe(t)
  const complaints: string[] = []
  let missing = 0
  const output = new LogOutput({
    descriptor,
    mostWaiting: 20_000,
    complain: (line) => complaints.push(line),
    missing: (lines) => {
      missing += lines
      output.write(`${lines} missing\n`)
    },
  })
  const line = `${'é'.repeat(50)}\n` // two bytes each
  for (let count = 0; count < 2000; count++) output.write(line + line)
  let text = ''
  await waitFor('the rest', () => {
    for (let more = read(); more !== ''; more = read()) text += more
    return text.includes('missing')
  })
  const lines = text.split('\n')
  const wanted = Buffer.from(line).toString('latin1').trimEnd()
  const written = lines.filter((one) => one === wanted).length
  t.equal(lines.length, written + 2, 'nothing but whole lines, and what is missing')
  t.equal(written + missing, 4000)
  t.ok(written * 101 > 65_536 + 10_000 && missing > 0, `${written} written`)
  t.same(complaints, [])
  close()
  for (let count = 0; count < 3; count++) output.write(line)
  t.match(complaints, [/EPIPE; nobody reads it/])
  t.equal(complaints.length, 1)
})

t.test('one text that is too much by itself is counted as well', async (t) => {
  const { descriptor, read } = pipe(t)
  let missing = 0
  const output = new LogOutput({
    descriptor,
    mostWaiting: 100,
    complain: () => {},
    missing: (lines) => (missing += lines),
  })
  output.write('.\n'.repeat(60))
  output.write('next\n')
  await waitFor('a word on it', () => missing > 0)
  t.equal(missing, 60)
  t.equal(read(), 'next\n')
})

t.test('each time in which the log cannot be written is complained of once', async (t) => {
  const dir = scratch(t)
  const [full, disk] = ['/dev/full', join(dir, 'log')]
  const descriptor = openSync(full, 'w')
  t.teardown(() => closeSync(descriptor))
  /** The lowest that is free is given out. */
  const replaceBy = (path: string) => {
    closeSync(descriptor)
    t.equal(openSync(path, 'a'), descriptor)
  }
  const complaints: string[] = []
  const output = new LogOutput({ descriptor, complain: (line) => complaints.push(line), missing: () => {} })
  for (const times of [1, 2]) {
    for (const line of ['one\n', 'two\n']) output.write(line)
    t.match(complaints[times - 1], 'ENOSPC; it is tried again')
    t.equal(complaints.length, times)
    replaceBy(disk)
    await waitFor('what waits', () => readFileSync(disk, 'utf8') === 'one\ntwo\n'.repeat(times))
    replaceBy(full)
  }
})

t.test('at the end, what waits has a last chance, and no more than that', async (t) => {
  const { descriptor } = pipe(t)
  const output = new LogOutput({ descriptor, complain: () => {}, missing: () => {} })
  output.write('.'.repeat(100_000))
  const before = performance.now()
  output.end('the end\n')
  t.ok(performance.now() - before < 20_000)
})
