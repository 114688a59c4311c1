/** The command line: what runs, what is told to whom, and with which exit code. */
import t from 'tap'
import { parseCommandLine } from '../../cli/options.ts'

const runs: readonly (readonly [line: string, want: object])[] = [
  ['serve', { command: 'serve', flags: {}, positionals: [] }],
  [
    'serve --listen 127.0.0.1:0 --monitor --rules=r.yaml',
    { command: 'serve', flags: { listen: '127.0.0.1:0', monitor: true, rules: 'r.yaml' }, positionals: [] },
  ],
  ['check r.yaml --json', { command: 'check', flags: { json: true }, positionals: ['r.yaml'] }],
  ['check --json r.yaml', { command: 'check', flags: { json: true }, positionals: ['r.yaml'] }],
  [
    'explain r.yaml --from 10.0.0.1 --to zoom.us:443 --at 2026-12-02T10:00:00Z',
    {
      command: 'explain',
      flags: { from: '10.0.0.1', to: 'zoom.us:443', at: '2026-12-02T10:00:00Z' },
      positionals: ['r.yaml'],
    },
  ],
  ['matrix r.yaml --csv', { command: 'matrix', flags: { csv: true }, positionals: ['r.yaml'] }],
  ['test r.yaml a.yaml b.yaml', { command: 'test', flags: {}, positionals: ['r.yaml', 'a.yaml', 'b.yaml'] }],
  ['classify', { command: 'classify', flags: {}, positionals: [] }],
  ['classify -- --help -x', { command: 'classify', flags: {}, positionals: ['--help', '-x'] }],
  ['diff old.yaml new.yaml', { command: 'diff', flags: {}, positionals: ['old.yaml', 'new.yaml'] }],
]

t.test('commands that run', async (t) => {
  for (const [line, want] of runs) t.strictSame(parseCommandLine(line.split(' ')), want, line)
})

const told: readonly (readonly [line: string, exitCode: 0 | 3, firstLine: string])[] = [
  ['--help', 0, 'Usage: landline COMMAND …'],
  ['-h', 0, 'Usage: landline COMMAND …'],
  ['help', 0, 'Usage: landline COMMAND …'],
  ['check --help', 0, 'Usage: landline check FILE [FLAGS]'],
  ['check --jsn -h', 3, 'landline check: unknown flag "--jsn"; did you mean "--json"?'],
  ['check -h --jsn', 0, 'Usage: landline check FILE [FLAGS]'],
  ['', 3, 'landline: no command'],
  ['serv', 3, 'landline: "serv" is no command of this version; did you mean "serve"?'],
  ['fax', 3, 'landline: "fax" is no command of this version'],
  ['toString', 3, 'landline: "toString" is no command of this version'],
  ['--json check', 3, 'landline: flags follow the command: landline COMMAND --json'],
  ['check', 3, 'landline check: FILE is missing'],
  ['check a b', 3, 'landline check: "b" is one argument too many'],
  ['serve now', 3, 'landline serve: "now" is one argument too many'],
  ['diff a', 3, 'landline diff: NEW is missing'],
  ['check a -j', 3, 'landline check: unknown flag "-j"'],
  ['check a --constructor', 3, 'landline check: unknown flag "--constructor"'],
  ['check a --no-json', 3, 'landline check: unknown flag "--no-json"; did you mean "--json"?'],
  ['serve --rules', 3, 'landline serve: --rules needs a value: --rules FILE'],
  ['serve --rules=', 3, 'landline serve: --rules needs a value: --rules FILE'],
  ['serve --rules --strict', 3, 'landline serve: --rules needs a value: --rules FILE'],
  ['serve --strict=yes', 3, 'landline serve: --strict takes no value'],
  ['serve --rules a --rules b', 3, 'landline serve: --rules is given twice'],
  ['explain r --from 10.0.0.1', 3, 'landline explain: --to TARGET is missing'],
  ['matrix r --csv --json', 3, 'landline matrix: --csv and --json do not go together; give one'],
]

t.test('what is told instead', async (t) => {
  for (const [line, exitCode, firstLine] of told) {
    const result = parseCommandLine(line.split(' ').filter(Boolean))
    if (!('usage' in result)) t.fail(`${line}: ran`)
    else
      t.strictSame(
        { exitCode: result.exitCode, line: result.usage.split('\n')[0] },
        { exitCode, line: firstLine },
        line,
      )
  }
})

t.test('--version is that of package.json', async (t) => {
  t.match(parseCommandLine(['--version']), { usage: /^landline \d+\.\d+\.\d+/, exitCode: 0 })
})
