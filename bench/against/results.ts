/** A report as `bench/RESULTS.md`: what was run, what was fair and what was not, the figures. */
import type { Report } from './report.ts'
import { findingsTable, lineTable } from './table.ts'

const FAIR = `## What was fair

- Every contender runs in the foreground with one thread for traffic where it can be told so, bound to the same processor; the load
  and the origin have another. They are asked by turns, and who begins changes from round to round.
- Where Landline is held against itself, each of the two is warmed up first as often as the other: the one that traffic reaches sooner after
  its start stays a little ahead.
- What counts is work done for each second of the proxy's own processor time, user and system, of all its processes. A ratio is taken
  round by round and the middle one is given: what slowed the machine in one round slowed both.
- 64 clients at once from many thousands of addresses, 1,000 hosts at 200 addresses, no two of them the same one after the other.
  Connections stay open for as long as the proxy keeps them.
- Landline, Squid and HAProxy hold the same policy: 10,000 client prefixes and 10,000 names of conferencing services, and a rule that
  keeps wireless clients from these. One request in ten that is let through is for such a name.
- A tunnel opens with a TLS ClientHello that names its host, as a browser's does.
- Before a round counts, each proxy has answered the same requests for as long as a just-in-time compiler needs to settle: up to 20 s.

## What was not

- Landline does more: it judges the ClientHello in each tunnel and the address of each host, guards against private addresses, keeps a metric for
  each rule, segment and service, and brings a signed, chained record of each denial to the disk before it answers. Squid and HAProxy write a
  line to a file. None of that was turned off.
- HAProxy is no forward proxy: it neither reads where a request is to go nor resolves names. tinyproxy, Traffic Server and the packages
  from npm hold no policy.
- tinyproxy closes each connection after one answer, and so pays for a new one each time.
- Everything is on one machine, over loopback: no network card, no latency, no loss. Real clients are slower and more of them are idle.
- The load is a program of our own on one processor. Where \`busy\` is far below 100 %, it, or something else on the machine, was in the way: a
  proxy that is not kept busy takes fewer events at once, and each costs it more.
- A second of processor time is no measure of memory bandwidth or of latency. The waits in the tables are those of a proxy at its limit.
`

/** `chart` is the name of the picture beside it. */
export function resultsPage(report: Report, chart: string): string {
  const { date, machine, loadAverage, places, hosts, rounds, seconds, contenders, lines, findings, left } = report
  const who = contenders.map(({ name, version, set }) => `- **${name}** ${version}: ${set}.`)
  const remarks = findings.flatMap(({ measure, remark }) => (remark === null ? [] : [`- ${measure}: ${remark}.`]))
  return `# Benchmark results

Written by \`npm run bench\` on ${date}; run it yourself, figures of another machine are not comparable, ratios nearly so.

Machine: ${machine}; ${places}. Its load average before the run was ${loadAverage.toFixed(1)}${loadAverage < 1 ? '' : ': it was busy with other work, so look at the ratios and how far they spread, not at the figures'}. Hosts: ${hosts}. ${rounds} rounds of ${seconds} s each.

![Work for each second of the proxy’s processor time](${chart})

## What is aimed at

Ratios are Landline's figure over the other one's; \`rounds\` gives the least and the most of them.

${findingsTable(findings)}

${[...new Set(remarks), ...left.map((line) => `- ${line}`)].join('\n')}

${FAIR}
## Who took part

${who.join('\n')}

## All figures

${lines.map((line) => `### ${line.title}\n\n${lineTable(line)}`).join('\n\n')}
`
}
