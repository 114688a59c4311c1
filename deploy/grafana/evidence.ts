/** Audit and integrity, for auditors and on-call: is the record whole, is it signed, and will there be room for more? */
import { command, dashboardOf, EVENTS, INSTANCES, ofSeries, records, type Section, UIDS } from './frame.ts'
import { lines, number, ranking } from './panels.ts'
import { inRange, most, quantile, rate, sum, value } from './queries.ts'

const answer: Section = {
  title: null,
  panels: [
    number({
      title: 'Failed writes',
      description:
        'Attempts to write records that failed, in the time shown. With `audit.on_failure: block` nothing that needs a record was let through meanwhile; the record `recovered` says from when to when.',
      unit: 'short',
      width: 4,
      decimals: 0,
      steps: ['green', [1, 'red']],
      words: { 0: 'none' },
      expr: sum([], inRange('auditErrors')),
      instant: true,
    }),
    number({
      title: 'Not signed since',
      description:
        'Age of the oldest newest checkpoint of all proxies. What was written since then can be changed without being found. Normal is below a minute or two (`audit.checkpoint.seconds`).',
      unit: 's',
      width: 4,
      steps: ['green', [300, 'orange'], [600, 'red']],
      expr: `time() - min(${value('auditCheckpoint')})`,
    }),
    number({
      title: 'Log shorter than before',
      description:
        'Proxies whose signed log is shorter than it was within the last day. A log only grows, purges included: anything but 0 means that records are gone.',
      unit: 'none',
      width: 4,
      steps: ['green', [1, 'red']],
      words: { 0: 'none' },
      expr: `count(${value('auditTreeSize')} < max_over_time(${value('auditTreeSize')}[1d] offset 1m)) or vector(0)`,
    }),
    number({
      title: 'Nobody has looked at',
      description: `Records of traffic that no reviewer has signed off, all proxies together. \`landline audit sign-off\` records who looked at what.${command('--action sign-off')}`,
      unit: 'short',
      width: 4,
      decimals: 0,
      expr: sum([], value('auditUnreviewed')),
    }),
    number({
      title: 'Receivers lack',
      description:
        'Records that a receiver of `audit.ship` does not have yet, all together. It should fall back to 0; nothing is lost while the audit folder has them.',
      unit: 'short',
      width: 4,
      decimals: 0,
      steps: ['green', [100, 'orange'], [1000, 'red']],
      words: { 0: 'nothing' },
      expr: sum([], value('shipBehind')),
      noValue: 'nothing is shipped',
    }),
    number({
      title: 'Disk left',
      description:
        'Space left for records on the proxy that has least. When it is gone, nothing that needs a record is let through. A record takes about 1 KB.',
      unit: 'bytes',
      width: 4,
      steps: ['red', [1e9, 'orange'], [10e9, 'green']],
      expr: `min(${value('auditDiskFree')})`,
    }),
  ],
}

const written: Section = {
  title: 'Is everything written?',
  panels: [
    lines({
      title: 'Records',
      description: `Written per second, by action.${command('--action ACTION')}`,
      unit: 'ops',
      width: 12,
      stacked: true,
      actions: true,
      queries: [{ expr: `${sum(['action'], rate('auditRecords'))} > 0`, legend: '{{action}}' }],
      link: records({ decision: ofSeries('action') }),
    }),
    ranking({
      title: 'Records by action',
      description:
        'In the time shown. `recovered` after a crash is expected; without one, somebody touched the folder. `reload-failed`, `login-failed`, `breakglass` and `reveal` deserve a look.',
      unit: 'short',
      width: 6,
      expr: most(['action'], inRange('auditRecords'), 30),
      legend: '{{action}}',
      link: records({ decision: ofSeries('action') }),
    }),
    lines({
      title: 'Denials, and records of them',
      description:
        'Per second: blocks and refusals decided, and those recorded. The two lines lie on one another; with `audit.repeat_seconds` the records are fewer, and `repeat` records carry the difference.',
      unit: 'ops',
      width: 6,
      queries: [
        { expr: sum([], rate('decisions', 'action=~"block|refuse"')), legend: 'decided' },
        { expr: sum([], rate('auditRecords', 'action=~"block|refuse"')), legend: 'recorded' },
      ],
    }),
    lines({
      title: 'Failed writes',
      description: 'Attempts per second to write records that failed, by proxy. The log has the cause.',
      unit: 'ops',
      width: 6,
      queries: [{ expr: rate('auditErrors'), legend: '{{instance}}' }],
    }),
    lines({
      title: 'Records waiting',
      description: 'Not yet on disk, by proxy: some while many come at once, none soon after.',
      unit: 'short',
      width: 6,
      steps: ['green', [10000, 'red']],
      queries: [{ expr: value('auditQueue'), legend: '{{instance}}' }],
    }),
    lines({
      title: 'Time to sync',
      description:
        'Time to bring a batch of records to disk: half of them, and 99 of 100, took less. Above 100 ms, denied clients notice.',
      unit: 's',
      width: 6,
      steps: ['green', [0.1, 'orange']],
      queries: [0.5, 0.99].map((q) => ({ expr: quantile(q, 'auditSync'), legend: `${100 * q} %` })),
    }),
    lines({
      title: 'Allowed conferencing, tallied',
      description:
        'Requests per second: with their host (`row`), without it as there were too many (`overflow`), in no tally (`lost`). Tallies tell `simulate` what a new rule would newly block.',
      unit: 'reqps',
      width: 6,
      stacked: true,
      queries: [{ expr: sum(['as'], rate('tallied')), legend: '{{as}}' }],
    }),
  ],
}

const proven: Section = {
  title: 'Is it proven, kept and elsewhere?',
  panels: [
    lines({
      title: 'Records under signature',
      description:
        'Records in the log, by proxy, purged ones included. It only ever grows; compare it with a checkpoint that you keep elsewhere.',
      unit: 'short',
      width: 8,
      queries: [{ expr: value('auditTreeSize'), legend: '{{instance}}' }],
    }),
    lines({
      title: 'Age of the newest checkpoint',
      description: 'By proxy. The line is where the alert begins.',
      unit: 's',
      width: 8,
      steps: ['green', [600, 'red']],
      queries: [{ expr: `time() - ${value('auditCheckpoint')}`, legend: '{{instance}}' }],
    }),
    lines({
      title: 'Nobody has looked at',
      description: 'Records of traffic that no reviewer has signed off, by proxy. It falls with each sign-off.',
      unit: 'short',
      width: 8,
      queries: [{ expr: value('auditUnreviewed'), legend: '{{instance}}' }],
    }),
    lines({
      title: 'Age of the oldest record',
      description:
        'By proxy. More than two days beyond `audit.retention_days`, purging does not work, and the log says why.',
      unit: 's',
      width: 6,
      queries: [{ expr: `time() - (${value('auditOldest')} > 0)`, legend: '{{instance}}' }],
    }),
    lines({
      title: 'Disk left',
      description: 'Space left for records, by proxy. The line is where the alert begins.',
      unit: 'bytes',
      width: 6,
      steps: ['red', [1e9, 'green']],
      queries: [{ expr: value('auditDiskFree'), legend: '{{instance}}' }],
    }),
    lines({
      title: 'Records that receivers lack',
      description:
        'By receiver of `audit.ship`. One that is away catches up by itself when it is back; what it has not taken when its records are purged, it misses.',
      unit: 'short',
      width: 6,
      noValue: 'nothing is shipped',
      steps: ['green', [1000, 'red']],
      queries: [{ expr: sum(['target'], value('shipBehind')), legend: '{{target}}' }],
    }),
    lines({
      title: 'Shipping',
      description:
        'Records per second that each receiver has taken, and attempts per second that failed: the log has the cause.',
      unit: 'ops',
      width: 6,
      noValue: 'nothing is shipped',
      queries: [
        { expr: sum(['target'], rate('shipped')), legend: '{{target}} taken' },
        { expr: sum(['target'], rate('shipFailures')), legend: '{{target}} failed' },
      ],
    }),
  ],
}

export const evidence = dashboardOf({
  uid: UIDS.evidence,
  title: 'Landline: audit and integrity',
  description: 'Is the record whole, is it signed, and will there be room for more?',
  variables: INSTANCES,
  annotations: EVENTS,
  sections: [answer, written, proven],
})
