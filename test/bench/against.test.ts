/** The comparison of `npm run bench`: that its figures are worked out rightly, that its policy means what it says, and that it runs. */
import t from 'tap'
import { chart } from '../../bench/against/chart.ts'
import { answerTo } from '../../bench/against/names.ts'
import { clientOf } from '../../bench/against/plan.ts'
import { meetingHost, plainHost, ruleFiles } from '../../bench/against/policy.ts'
import { type Finding, type Line, standing } from '../../bench/against/report.ts'
import { resultsPage } from '../../bench/against/results.ts'
import { run } from '../../bench/against/run.ts'
import { middlesOfTwo, quantile, ratios, summarise } from '../../bench/against/statistics.ts'
import { figure, findingsTable, lineTable, table } from '../../bench/against/table.ts'
import { parseAddress } from '../../rules/address.ts'
import { compile } from '../../rules/compile.ts'
import { decide } from '../../rules/decide.ts'
import { catalogue, parsed, sha256, TODAY } from '../compiled.ts'

t.test('rounds are summed up by their middle and their ends', async (t) => {
  t.strictSame(summarise([3, 1, 2]), { median: 2, least: 1, most: 3, rounds: 3 })
  t.strictSame(summarise([10, 1, 2, 4]), { median: 3, least: 1, most: 10, rounds: 4 })
  t.strictSame(summarise([]), { median: Number.NaN, least: Number.NaN, most: Number.NaN, rounds: 0 })
  t.strictSame(middlesOfTwo([0.5, 2, 4, 1]), { median: 1.5, least: 1, most: 2, rounds: 2 })
  t.strictSame(ratios([10, 40, 9], [5, 10, 9]), { median: 2, least: 1, most: 4, rounds: 3 }, 'each round by itself')
  t.equal(quantile([1, 2, 3, 4], 0.5), 3)
  t.equal(quantile([1, 2, 3, 4], 1), 4)
})

const finding: Finding = {
  ...{ scenario: 'get100', measure: 'GET', against: 'Squid', value: summarise([1, 2, 3]), unit: '' },
  ...{ bound: 2, goal: 3, isBetter: 'larger', remark: null },
}

t.test('what is aimed at is reached or missed', async (t) => {
  const cases = [
    { value: 3, isBetter: 'larger', want: 'goal' },
    { value: 2, isBetter: 'larger', want: 'bound' },
    { value: 1.99, isBetter: 'larger', want: 'missed' },
    { value: 3, isBetter: 'smaller', want: 'goal' },
    { value: 3.5, isBetter: 'smaller', want: 'bound' },
    { value: 4.01, isBetter: 'smaller', want: 'missed' },
    { value: Number.NaN, isBetter: 'smaller', want: 'missed' },
  ] as const
  for (const { value, isBetter, want } of cases)
    t.equal(
      standing({ ...finding, value: summarise([value]), isBetter, bound: isBetter === 'larger' ? 2 : 4 }),
      want,
      `${value}, ${isBetter}`,
    )
})

const ours = {
  contender: 'Landline',
  perCpuSecond: summarise([20, 30, 40]),
  busy: 0.987,
  failures: 0,
  p50: 1.5,
  p99: 12,
}
const line: Line = {
  ...{ scenario: 'get100', title: 'GET <100>', unit: 'requests' },
  measured: [
    { ...ours, ratio: null },
    {
      ...ours,
      contender: 'Squid',
      perCpuSecond: summarise([10, 10, 10]),
      ratio: summarise([2, 3, 4]),
      p50: Number.NaN,
    },
  ],
}

t.test('tables and the chart say what was found', async (t) => {
  t.equal(table(['of', 'n'], [['é', '1']]), '| of  |   n |\n| --- | --: |\n| é   |   1 |')
  t.strictSame([1234.5, 12.34, 1.2, 2, 0.456, Number.NaN].map(figure), ['1,235', '12.3', '1.2', '2', '0.46', '–'])
  t.match(lineTable(line), /\| Squid +\| +10 \| +10 – 10 \| +3 \| +2 – 4 \| 99 % \| +\| +0 \|$/m)
  t.match(findingsTable([finding]), /\| GET +\| +Squid \| +2 \| +1 – 3 \| +2 \| +3 \| within bound \|/)
  const svg = chart([line], 'a & b')
  t.match(svg, /GET &lt;100&gt;/)
  t.match(svg, /a &amp; b/)
  t.match(svg, />3 \(30\)</, 'in the unit of Squid')
  t.notMatch(svg, /NaN|undefined/)
})

for (const entries of [0, 1000])
  t.test(`the policy with ${entries} entries keeps wireless clients, and them alone, from conferencing`, async (t) => {
    const { 'rules.yaml': main = '', ...included } = ruleFiles(entries)
    const policy = compile(parsed(main, included), catalogue, { sha256 })
    const decided = (isDenied: boolean, index: number, host: string) => {
      const source = parseAddress(clientOf(isDenied, index))
      const rest = { at: TODAY, address: null, port: 443, serverName: null, httpHost: null }
      const { action, segment, service } = decide(policy, { source, host, ...rest })
      return `${action} ${segment.medium} ${service.replace(/-\d+$/, '')}`
    }
    for (let index = 0; index < 3000; index += 37) {
      const host = meetingHost(entries === 0 ? index : index % 27) // the first names are there in both
      t.equal(decided(true, index, host), 'block wireless meet')
      t.equal(decided(false, index, host), 'allow wired meet')
      t.equal(decided(true, index, plainHost(index)), 'allow wireless none')
    }
  })

t.test('a name server knows every name', async (t) => {
  const question = '3\u0003www\u0004test\u0000\u0000'
  const ask = (type: number) =>
    answerTo(
      Buffer.from(
        `\u0012\u0034\u0001\u0000\u0000\u0001\u0000\u0000\u0000\u0000\u0000\u0000${question.slice(1)}${String.fromCharCode(type)}\u0000\u0001`,
        'latin1',
      ),
      (name) => (name === 'www.test' ? '127.100.0.9' : '127.0.0.1'),
    )
  const answer = ask(1)
  t.equal(answer?.readUInt16BE(0), 0x1234)
  t.equal(answer?.readUInt16BE(6), 1)
  t.strictSame([...(answer?.subarray(-4) ?? [])], [127, 100, 0, 9])
  t.equal(ask(28)?.readUInt16BE(6), 0, 'and no IPv6 address')
  t.equal(
    answerTo(Buffer.alloc(12), () => ''),
    null,
  )
})

t.test('a short run measures all that it is asked to', async (t) => {
  const said: string[] = []
  const report = await run({
    ...{
      scenarios: ['get100', 'denyconnect'],
      peers: ['http-proxy'],
      rounds: 2,
      seconds: 0.2,
      date: '2026-11-25',
      profile: null,
    },
    say: (line) => said.push(line),
  })
  const shape = report.lines.map(({ scenario, measured }) => [scenario, ...measured.map(({ contender }) => contender)])
  t.strictSame(shape, [
    ['get100', 'Landline', 'http-proxy'],
    ['denyconnect', 'Landline'],
  ])
  for (const { measured } of report.lines)
    for (const { contender, perCpuSecond, failures } of measured) {
      t.equal(failures, 0, contender)
      t.equal(perCpuSecond.rounds, 2, `${contender} was asked in both rounds`)
      t.ok(perCpuSecond.most > 0, 'and answered')
    }
  t.match(report.findings, [{ scenario: 'get100', against: 'http-proxy', value: { rounds: 2 } }])
  t.match(resultsPage(report, 'x.svg'), /\n\| GET, 100 bytes \| http-proxy \| /)
  t.ok(said.some((line) => line.includes('round 2 of 2')))
})
