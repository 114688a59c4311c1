/** Policy overview, for whoever answers for the control: is it in force, what does it stop, does anything get past it? */
import {
  command,
  dashboardOf,
  EVENTS,
  INSTANCES,
  ofRow,
  ofSeries,
  records,
  type Section,
  TRAFFIC,
  UIDS,
} from './frame.ts'
import { lines, number, ranking, rows } from './panels.ts'
import { CHOSEN_TRAFFIC, inRange, most, rate, sum, value } from './queries.ts'

const blocks = inRange('decisions', 'action="block"', ...CHOSEN_TRAFFIC)

const answer: Section = {
  title: null,
  panels: [
    number({
      title: 'Control in force?',
      description:
        'Share of the proxies whose rule file is in mode `enforce`. In mode `monitor` a block is only recorded as a would-block. Below 100 %: see *Rules in force* for which.',
      unit: 'percentunit',
      width: 3,
      steps: ['red', [1, 'green']],
      words: { 0: 'monitor only', 1: 'enforced' },
      expr: `(count(${value('rulesInfo', 'mode="enforce"')}) or vector(0)) / count(${value('rulesInfo')})`,
    }),
    number({
      title: 'Revisions in force',
      description:
        'Different revisions of the rules over all proxies chosen. More than one for longer than a rollout takes: what is blocked depends on which proxy a client meets.',
      unit: 'none',
      width: 3,
      steps: ['red', [1, 'green'], [2, 'orange']],
      expr: `count(count by (revision) (${value('rulesInfo')}))`,
    }),
    number({
      title: 'Newest rules refused',
      description:
        'Proxies that refused their newest rule file, or could not record the change, and run an older one. What the change was to allow or to block does not hold there; the log names the problems.',
      unit: 'none',
      width: 3,
      steps: ['green', [1, 'red']],
      words: { 0: 'none' },
      expr: `sum(1 - ${value('reloadOk')})`,
    }),
    number({
      title: 'Lifted by break-glass',
      description: `Rules that somebody has lifted on a running proxy, the most on any. It ends by itself, within 24 hours.${command('--action breakglass')}`,
      unit: 'none',
      width: 3,
      steps: ['green', [1, 'red']],
      words: { 0: 'nothing' },
      expr: `max(${value('breakglass')})`,
    }),
    number({
      title: 'Blocked',
      description: `Requests for conferencing that a rule blocked, in the time shown. None at all while rules are enforced is a warning: clients may have found a way around the proxy.${command('--action block')}`,
      unit: 'short',
      width: 3,
      decimals: 0,
      expr: sum([], blocks),
      instant: true,
      link: records({ decision: 'block' }),
    }),
    number({
      title: 'Let through anyway',
      description: `Requests that an exception or break-glass let through although a rule blocks them, and would-blocks, in the time shown.${command('--action except')}`,
      unit: 'short',
      width: 3,
      decimals: 0,
      steps: ['green', [1, 'orange']],
      expr: sum([], inRange('decisions', 'action=~"except|would_block"', ...CHOSEN_TRAFFIC)),
      instant: true,
      link: records({ decision: ['except', 'would_block'] }),
    }),
    number({
      title: 'Clients of no segment',
      description:
        'Share of decisions on clients that are in no segment of the rule file, in the time shown. It should be near 0: a rule for wireless clients does not see them. A sudden rise means that a prefix is missing, or that something rewrites addresses.',
      unit: 'percentunit',
      width: 3,
      decimals: 1,
      steps: ['green', [0.01, 'orange'], [0.1, 'red']],
      expr: `sum(${inRange('segmentDecisions', 'segment="unknown"')}) / (sum(${inRange('segmentDecisions')}) > 0)`,
      instant: true,
      noValue: 'no traffic',
    }),
    number({
      title: 'Suspect addresses',
      description:
        'Connections whose client address is probably not that of the client, in the time shown; `share` and `forwarded_header`, which have harmless causes, left out. The rules are decided by the address: if that is wrong, so is every verdict.',
      unit: 'short',
      width: 3,
      decimals: 0,
      steps: ['green', [1, 'red']],
      expr: sum([], inRange('suspects', 'reason!~"share|forwarded_header"')),
      instant: true,
    }),
  ],
}

const stopping: Section = {
  title: 'What is it stopping?',
  panels: [
    lines({
      title: 'Decisions',
      description:
        'Conferencing requests per second by what became of them; `refuse` are unknown clients, guarded destinations and ports. A tunnel counts as it closes. Traffic that is no conferencing is not judged, and not here.',
      unit: 'reqps',
      width: 12,
      stacked: true,
      actions: true,
      queries: [{ expr: sum(['action'], rate('decisions', ...CHOSEN_TRAFFIC)), legend: '{{action}}' }],
      link: records({ decision: ofSeries('action') }),
    }),
    lines({
      title: 'Blocks by medium',
      description:
        'Blocked requests per second, by how the client is connected. Where only the wired network may confer, blocks of `wired` are a surprise.',
      unit: 'reqps',
      width: 12,
      stacked: true,
      queries: [
        { expr: sum(['medium'], rate('decisions', 'action="block"', ...CHOSEN_TRAFFIC)), legend: '{{medium}}' },
      ],
      link: records({ decision: 'block' }),
    }),
    ranking({
      title: 'Blocks by service',
      description: `Which conferencing people try where they may not, in the time shown. Click a bar for its records.${command('--action block --service ID')}`,
      unit: 'short',
      width: 8,
      expr: most(['service'], blocks),
      legend: '{{service}}',
      noValue: 'nothing blocked',
      link: records({ decision: 'block', service: ofSeries('service') }),
    }),
    ranking({
      title: 'Blocks by segment',
      description: `Where they sit who try, in the time shown. A segment on top that should not confer may need its own dial-in.${command('--action block --segment ID')}`,
      unit: 'short',
      width: 8,
      expr: most(['segment'], inRange('segmentDecisions', 'action="block"')),
      legend: '{{segment}}',
      noValue: 'nothing blocked',
      link: records({ decision: 'block', segment: ofSeries('segment') }),
    }),
    rows({
      title: 'What each rule did',
      description: `Requests in the time shown by the rule that decided them and what it decided; \`otherwise\` is what no rule matched.${command('--rule ID')}`,
      unit: 'short',
      width: 8,
      decimals: 0,
      queries: [`${sum(['rule', 'action'], inRange('ruleMatches'))} > 0`],
      columns: [
        { field: 'rule', title: 'Rule' },
        { field: 'action', title: 'Action' },
        { field: 'Value', title: 'Requests' },
      ],
      sortBy: 'Requests',
      noValue: 'no rule matched',
      link: records({ rule: ofRow('Rule') }),
    }),
  ],
}

const past: Section = {
  title: 'Is anything getting past?',
  panels: [
    lines({
      title: 'Would be blocked',
      description: `Requests per second that are let through only because the file or their rule is in mode \`monitor\`, by service. What a trial would do once it is enforced. A tunnel counts as it closes; its record is written as it opens.${command('--action would-block')}`,
      unit: 'reqps',
      width: 8,
      stacked: true,
      noValue: 'nothing would be',
      queries: [
        {
          expr: `${sum(['service'], rate('decisions', 'action="would_block"', ...CHOSEN_TRAFFIC))} > 0`,
          legend: '{{service}}',
        },
      ],
      link: records({ decision: 'would_block', service: ofSeries('service') }),
    }),
    lines({
      title: 'Let through by exceptions and break-glass',
      description: `Requests per second that an exception let through; \`breakglass\` stands for all of them. A tunnel counts as it closes; its record is written as it opens.${command('--action except')}`,
      unit: 'reqps',
      width: 8,
      stacked: true,
      queries: [{ expr: `${sum(['exception'], rate('exceptionUses'))} > 0`, legend: '{{exception}}' }],
      noValue: 'none is in use',
      link: records({ decision: 'except' }),
    }),
    rows({
      title: 'Exceptions',
      description:
        'How long each exception still holds, the soonest of all proxies, and how often it was used in the time shown. Red has ended; orange ends within three days. One that nobody uses can go from the rule file.',
      unit: 'short',
      width: 8,
      noValue: 'the rule file has none',
      queries: [
        `min by (exception) (${value('exceptionExpiry')}) - time()`,
        `${sum(['exception'], inRange('exceptionUses'))} and on (exception) ${value('exceptionExpiry')}`,
      ],
      columns: [
        { field: 'exception', title: 'Exception' },
        { field: 'Value #A', title: 'Ends in', unit: 's', steps: ['red', [0, 'orange'], [3 * 86400, 'green']] },
        { field: 'Value #B', title: 'Uses', unit: 'short' },
      ],
    }),
    lines({
      title: 'Clients of no segment',
      description:
        'Share of decisions on clients of no segment over 15 minutes, by proxy. The line at 10 % is where the alert begins.',
      unit: 'percentunit',
      width: 8,
      steps: ['green', [0.1, 'red']],
      queries: [
        { expr: 'landline:unknown_clients:ratio15m{job=~"$job", instance=~"$instance"}', legend: '{{instance}}' },
      ],
    }),
    lines({
      title: 'Suspect client addresses',
      description:
        'Connections per second whose address is probably not that of the client, by reason. `gateway`, `own_address`: clients come in through an address translation. `balancer`, `missing`, `malformed`: a balancer is set up differently than its listener.',
      unit: 'cps',
      width: 8,
      stacked: true,
      queries: [{ expr: `${sum(['reason'], rate('suspects'))} > 0`, legend: '{{reason}}' }],
      noValue: 'none',
    }),
    lines({
      title: 'Bare addresses',
      description: `Requests per second for an address that belongs to no service, by action. Conferencing that hides its name looks like this.${command('--service none')}`,
      unit: 'reqps',
      width: 8,
      stacked: true,
      actions: true,
      queries: [
        {
          expr: sum(['action'], rate('decisions', 'service="none"', 'action!="refuse"', 'medium=~"$medium"')),
          legend: '{{action}}',
        },
      ],
      link: records({ service: 'none' }),
    }),
    lines({
      title: 'Open tunnels no longer let through',
      description:
        'Tunnels that changed rules would refuse, per second: `kept` go on, `drained` have been given time, `cut` are gone. With `existing_tunnels: keep`, a meeting that was blocked goes on to its end.',
      unit: 'cps',
      width: 8,
      queries: [{ expr: sum(['fate'], rate('tunnelsRejudged')), legend: '{{fate}}' }],
    }),
    rows({
      title: 'Where a shadow would decide otherwise',
      description:
        'With `serve --shadow`: requests on which the next rule file differs from the one in force, since either was loaded or the proxy started. Empty where there is no shadow, or no difference.',
      unit: 'short',
      width: 8,
      decimals: 0,
      queries: [`${sum(['segment', 'service', 'action', 'shadow_action'], value('shadowDifferences'))} > 0`],
      columns: [
        { field: 'segment', title: 'Segment' },
        { field: 'service', title: 'Service' },
        { field: 'action', title: 'Now' },
        { field: 'shadow_action', title: 'Shadow' },
        { field: 'Value', title: 'Requests' },
      ],
      sortBy: 'Requests',
      noValue: 'no shadow, or no difference',
    }),
    rows({
      title: 'Rules in force',
      description:
        'Name, mode and revision on each proxy. The revision pins every verdict; the audit folder keeps the file of each that ran.',
      unit: 'none',
      width: 8,
      queries: [value('rulesInfo')],
      columns: [
        { field: 'instance', title: 'Proxy' },
        { field: 'name', title: 'Rules' },
        { field: 'mode', title: 'Mode' },
        { field: 'revision', title: 'Revision' },
      ],
    }),
  ],
}

export const policy = dashboardOf({
  uid: UIDS.policy,
  title: 'Landline: policy overview',
  description: 'Is the control in force, what is it stopping, is anything getting past?',
  variables: [...INSTANCES, ...TRAFFIC],
  annotations: EVENTS,
  sections: [answer, stopping, past],
})
