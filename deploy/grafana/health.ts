/** Proxy health, for on-call: does it serve, how fast, and what is about to run out? A denial is no failure. */
import { command, dashboardOf, EVENTS, INSTANCES, type Section, UIDS } from './frame.ts'
import { lines, number, rows } from './panels.ts'
import { inRange, measured, ofInstances, quantile, rate, sum, value } from './queries.ts'

/** Of requests that fail by Landline's own fault: 99.9 % shall not. */
const BUDGET = 0.001
const JOB = '{job=~"$job"}'

const answer: Section = {
  title: null,
  panels: [
    number({
      title: 'Proxies up',
      description: 'Share of the proxies known in the time shown that answer their scrapes.',
      unit: 'percentunit',
      width: 4,
      steps: ['red', [1, 'green']],
      expr: `avg(${ofInstances('up')})`,
    }),
    number({
      title: 'Served without fault',
      description:
        'In the time shown, the share of requests that did not end as `proxy_error`. The objective is 99.9 %. Denials, clients that break off and servers that fail are not faults of the proxy.',
      unit: 'percentunit',
      width: 4,
      decimals: 3,
      steps: ['red', [0.99, 'orange'], [1 - BUDGET, 'green']],
      expr: `1 - sum(${inRange('requests', 'outcome="proxy_error"')}) / (sum(${inRange('requests')}) > 0)`,
      instant: true,
      noValue: 'no requests',
    }),
    number({
      title: 'Error budget burns',
      description:
        'How many times faster than allowed the error budget (0.1 % in 30 days) is spent, over the last hour. 1 spends it exactly; at 14.4 somebody is woken.',
      unit: 'none',
      width: 4,
      decimals: 1,
      steps: ['green', [1, 'orange'], [6, 'red']],
      expr: `max(landline:proxy_errors:ratio1h${JOB}) / ${BUDGET}`,
      noValue: 'no requests',
    }),
    number({
      title: 'Set-up, 99 of 100',
      description:
        'From the end of a request to the first byte of its answer, the slowest kind on the slowest proxy, over 5 minutes. It contains name look-up and the connection to the server.',
      unit: 's',
      width: 4,
      steps: ['green', [1, 'orange'], [5, 'red']],
      expr: 'max(landline:request_setup_seconds:p99_5m{job=~"$job", instance=~"$instance"} >= 0)',
      noValue: 'no requests',
    }),
    number({
      title: 'Tunnels, of the limit',
      description:
        'How full the fullest proxy is: open tunnels against `limits.connections`. At 100 % new clients get 503.',
      unit: 'percentunit',
      width: 4,
      decimals: 1,
      steps: ['green', [0.6, 'orange'], [0.8, 'red']],
      expr: `max(${value('tunnelsActive')} / ${value('tunnelsLimit')})`,
    }),
    number({
      title: 'Turned away',
      description:
        'Clients turned away in the time shown as there were no more connections (`limits.connections`) or file descriptors.',
      unit: 'short',
      width: 4,
      decimals: 0,
      steps: ['green', [1, 'red']],
      expr: sum([], inRange('limits', 'limit=~"connections|descriptors"')),
      instant: true,
    }),
  ],
}

const serving: Section = {
  title: 'Does it serve?',
  panels: [
    lines({
      title: 'Requests',
      description:
        'Per second by outcome: `denied` is the policy at work, `client_error` and `upstream_error` are others’ faults, `proxy_error` is ours.',
      unit: 'reqps',
      width: 12,
      stacked: true,
      queries: [{ expr: sum(['outcome'], rate('requests')), legend: '{{outcome}}' }],
    }),
    lines({
      title: 'Requests by kind',
      description:
        'Per second: `connect` tunnels, `http` plain requests, `upgrade` WebSockets and the like, `own` the pages of the proxy itself.',
      unit: 'reqps',
      width: 12,
      stacked: true,
      queries: [{ expr: sum(['kind'], rate('requests')), legend: '{{kind}}' }],
    }),
    lines({
      title: 'Errors',
      description:
        'Answers per second by error type (RFC 9209), denials left out. What each means, and what to do, stands in the operation guide.',
      unit: 'reqps',
      width: 12,
      stacked: true,
      noValue: 'none',
      queries: [{ expr: `${sum(['error'], rate('errors', 'error!="http_request_denied"'))} > 0`, legend: '{{error}}' }],
    }),
    lines({
      title: 'Error budget, by window',
      description:
        'How many times faster than allowed the error budget is spent. Alerts: 14.4 over 1 h and 6 over 6 h wake somebody, 3 over a day and 1 over three days make a ticket. The line is 1.',
      unit: 'none',
      width: 12,
      steps: ['green', [1, 'orange']],
      queries: ['5m', '1h', '6h', '1d', '3d'].map((window) => ({
        expr: `max(landline:proxy_errors:ratio${window}${JOB}) / ${BUDGET}`,
        legend: window,
      })),
    }),
  ],
}

const speed: Section = {
  title: 'How fast?',
  panels: [
    lines({
      title: 'Set-up time',
      description:
        'From the end of a request to the first byte of its answer: half of them, 95 and 99 of 100 were faster.',
      unit: 's',
      width: 8,
      queries: [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, 'requestSetup'), legend: `${100 * q} %` })),
    }),
    lines({
      title: 'Time to decide',
      description:
        'Spent in the rules, by request: microseconds. When this grows, the rule file has, or the machine is out of CPU.',
      unit: 's',
      width: 8,
      queries: [0.5, 0.99].map((q) => ({ expr: quantile(q, 'decision'), legend: `${100 * q} %` })),
    }),
    lines({
      title: 'Time to sync records',
      description: 'Time to bring a batch of records to disk: the least that a recorded answer takes.',
      unit: 's',
      width: 8,
      queries: [0.5, 0.99].map((q) => ({ expr: quantile(q, 'auditSync'), legend: `${100 * q} %` })),
    }),
    lines({
      title: 'Name look-ups',
      description: 'Time to resolve a name, 95 of 100 were faster, by result. `timeout` lies at `limits.dns_ms`.',
      unit: 's',
      width: 6,
      queries: [{ expr: quantile(0.95, 'dnsLookup', ['result']), legend: '{{result}}' }],
    }),
    lines({
      title: 'Name look-ups by result',
      description: 'Per second. `not_found` are names that do not exist; `error` and `timeout` are the name server.',
      unit: 'ops',
      width: 6,
      stacked: true,
      queries: [{ expr: sum(['result'], measured('dnsLookup')), legend: '{{result}}' }],
    }),
    lines({
      title: 'Connections to servers',
      description: 'Time to connect, 95 of 100 were faster, by result. `timeout` lies at `limits.dial_ms`.',
      unit: 's',
      width: 6,
      queries: [{ expr: quantile(0.95, 'upstreamConnect', ['result']), legend: '{{result}}' }],
    }),
    lines({
      title: 'Connections to servers by result',
      description: 'Per second. A rise of `timeout` for all is a firewall or the line, not the proxy.',
      unit: 'ops',
      width: 6,
      stacked: true,
      queries: [{ expr: sum(['result'], measured('upstreamConnect')), legend: '{{result}}' }],
    }),
  ],
}

const capacity: Section = {
  title: 'What runs out?',
  panels: [
    lines({
      title: 'Tunnels open',
      description:
        'By proxy. A meeting is one tunnel for hours. How full the fullest proxy is, against `limits.connections`, stands on top.',
      unit: 'short',
      width: 8,
      queries: [{ expr: value('tunnelsActive'), legend: '{{instance}}' }],
    }),
    lines({
      title: 'Bytes in tunnels',
      description: 'Per second, `sent` to servers and `received` from them, all proxies together.',
      unit: 'binBps',
      width: 8,
      queries: [{ expr: sum(['direction'], rate('tunnelBytes')), legend: '{{direction}}' }],
    }),
    lines({
      title: 'How long tunnels were open',
      description: 'Of those that ended: half of them, and 95 of 100, were shorter.',
      unit: 's',
      width: 8,
      queries: [0.5, 0.95].map((q) => ({ expr: quantile(q, 'tunnelSeconds'), legend: `${100 * q} %` })),
    }),
    lines({
      title: 'Limits met',
      description:
        'Requests and connections per second that ran into a limit, by its setting. `head_ms`, `idle_ms`: clients that stand still. `connections`, `descriptors`: clients turned away.',
      unit: 'ops',
      width: 8,
      stacked: true,
      noValue: 'none',
      queries: [{ expr: `${sum(['limit'], rate('limits'))} > 0`, legend: '{{limit}}' }],
    }),
    lines({
      title: 'CPU',
      description: 'Cores in use by each proxy, all of its threads.',
      unit: 'none',
      width: 8,
      queries: [
        { expr: `rate(${ofInstances('process_cpu_seconds_total')}[$__rate_interval])`, legend: '{{instance}}' },
      ],
    }),
    lines({
      title: 'Event loop, 99 of 100',
      description:
        'How late the main thread comes to its turns. Above 100 ms requests wait for CPU: more `workers`, or another proxy.',
      unit: 's',
      width: 8,
      steps: ['green', [0.1, 'orange']],
      queries: [{ expr: ofInstances('nodejs_eventloop_lag_p99_seconds'), legend: '{{instance}}' }],
    }),
    lines({
      title: 'Memory',
      description: 'Resident, by proxy. It follows the tunnels; what grows for days without them is a leak.',
      unit: 'bytes',
      width: 8,
      queries: [{ expr: ofInstances('process_resident_memory_bytes'), legend: '{{instance}}' }],
    }),
    lines({
      title: 'File descriptors',
      description: 'In use, of those that the system allows. Each tunnel takes two.',
      unit: 'percentunit',
      width: 8,
      steps: ['green', [0.8, 'red']],
      queries: [
        {
          expr: `${ofInstances('process_open_fds')} / ${ofInstances('process_max_fds')}`,
          legend: '{{instance}}',
        },
      ],
    }),
    lines({
      title: 'Threads that serve, and threads replaced',
      description:
        'By proxy: how many serve clients, and how many died and were replaced in the time shown. A thread that dies takes its connections along.',
      unit: 'none',
      width: 8,
      queries: [
        { expr: value('workers'), legend: '{{instance}}' },
        { expr: inRange('workersReplaced'), legend: '{{instance}} replaced' },
      ],
    }),
    rows({
      title: 'Proxies',
      description: `What runs, since when, and how long ago rules were last loaded.${command('--action start')}`,
      unit: 'none',
      width: 24,
      height: 6,
      queries: [
        value('buildInfo'),
        `time() - (${ofInstances('process_start_time_seconds')} and on (job, instance) ${value('buildInfo')})`,
        `time() - ${value('reloadAt')}`,
      ],
      columns: [
        { field: 'instance', title: 'Proxy' },
        { field: 'job', title: 'Job' },
        { field: 'version', title: 'Landline' },
        { field: 'node', title: 'Node.js' },
        { field: 'Value #B', title: 'Runs for', unit: 's' },
        { field: 'Value #C', title: 'Rules loaded before', unit: 's' },
      ],
    }),
  ],
}

export const health = dashboardOf({
  uid: UIDS.health,
  title: 'Landline: proxy health',
  description: 'Does the proxy serve, how fast, and what is about to run out?',
  variables: INSTANCES,
  annotations: EVENTS,
  sections: [answer, serving, speed, capacity],
})
