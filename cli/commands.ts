/** Which commands there are, and what each takes. */
import { AUDIT_COMMANDS } from './audit/commands.ts'
import { ADMIN, AT, CATALOG, CONFIG, type CommandSpec, JSON_FLAG } from './flags.ts'

export const COMMANDS = {
  serve: {
    help: 'run the proxy',
    positionals: [],
    flags: {
      rules: { type: 'string', value: 'FILE', help: 'rule file (default: rules.yaml, else the quick-start policy)' },
      config: CONFIG,
      listen: { type: 'string', value: 'ADDRESS:PORT', help: 'where the first listener listens (127.0.0.1:3128)' },
      admin: { type: 'string', value: 'ADDRESS:PORT', help: 'where metrics and health are served (127.0.0.1:3129)' },
      audit: { type: 'string', value: 'DIR', help: 'folder of the audit records (data/audit)' },
      workers: { type: 'string', value: 'N|auto', help: 'threads that serve clients (1)' },
      monitor: { type: 'boolean', help: 'block nothing: record what would have been blocked' },
      shadow: { type: 'string', value: 'FILE', help: 'a second rule file, whose verdicts are only recorded' },
      strict: { type: 'boolean', help: 'refuse a bad rule file at start, even where a last good revision is archived' },
      catalog: CATALOG,
    },
  },
  check: {
    help: 'validate a rule file',
    positionals: ['FILE'],
    flags: { catalog: CATALOG, json: JSON_FLAG },
  },
  explain: {
    help: 'the verdict for one request, and every step that led to it',
    positionals: ['FILE'],
    flags: {
      from: { type: 'string', value: 'ADDRESS', help: "the client's address" },
      to: { type: 'string', value: 'TARGET', help: 'URL, host, host:port or address that it asks for' },
      sni: {
        type: 'string',
        value: 'NAME',
        help: 'what the tunnel opens with: a server name, or an address in its place',
      },
      at: AT,
      'why-not': {
        type: 'string',
        value: 'allow',
        help: 'and the smallest changes that would let it through, with what else each would let through',
      },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
    required: ['from', 'to'],
  },
  matrix: {
    help: 'what every segment may do with every service',
    positionals: ['FILE'],
    flags: {
      at: AT,
      csv: { type: 'boolean', help: 'print CSV' },
      html: { type: 'boolean', help: 'print a page' },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
    exclusive: ['csv', 'html', 'json'],
  },
  test: {
    help: 'run the tests of a rule file, and of files of cases',
    positionals: ['FILE', '[CASES…]'],
    flags: {
      live: {
        type: 'string',
        value: 'HOST:PORT',
        help: 'send them through this running proxy too, and compare; what it denies goes on its record',
      },
      'client-address': {
        type: 'string',
        value: 'HOW',
        help: "how that listener learns a client's address: socket (default), proxy-protocol or forwarded",
      },
      junit: { type: 'boolean', help: 'print JUnit XML' },
      tap: { type: 'boolean', help: 'print TAP' },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
    exclusive: ['junit', 'tap', 'json'],
  },
  classify: {
    help: 'the service of each target, from arguments or standard input',
    positionals: ['[TARGET…]'],
    flags: {
      rules: { type: 'string', value: 'FILE', help: 'rule file whose services count, too' },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
  },
  diff: {
    help: 'what differs between two rule files',
    positionals: ['OLD', 'NEW'],
    flags: { at: AT, catalog: CATALOG, json: JSON_FLAG },
  },
  segments: {
    help: 'the tree of prefixes; with --at, who of them wins for an address',
    positionals: ['FILE'],
    flags: {
      at: { type: 'string', value: 'ADDRESS', help: 'only the prefixes around this address, the one that wins first' },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
  },
  import: {
    help: 'segments from the export of an address management system: netbox, infoblox or csv',
    positionals: ['SYSTEM', 'FILE'],
    flags: {
      map: {
        type: 'strings',
        value: 'KIND=SEGMENT:MEDIUM',
        help: 'what a kind of network is here, :shared behind it for one address of many people; KIND=- leaves it out, * is any other kind',
      },
      column: {
        type: 'string',
        value: 'COLUMN',
        help: 'the column that says the kind (netbox: role; csv: segment; infoblox: must be given)',
      },
      json: JSON_FLAG,
    },
  },
  whoami: {
    help: 'what address the running proxy sees, and how it learnt it',
    positionals: [],
    flags: {
      proxy: { type: 'string', value: 'HOST:PORT', help: "the proxy (default: the server file's first listener)" },
      to: { type: 'string', value: 'TARGET', help: 'and what would be decided for this target' },
      config: CONFIG,
      json: JSON_FLAG,
    },
  },
  doctor: {
    help: 'is the set-up sound, and are the addresses that the proxy sees true?',
    positionals: [],
    flags: {
      config: CONFIG,
      rules: { type: 'string', value: 'FILE', help: 'rule file, as for serve' },
      listen: { type: 'string', value: 'ADDRESS:PORT', help: 'where the running proxy listens, as for serve' },
      admin: {
        type: 'string',
        value: 'ADDRESS:PORT',
        help: 'where the running proxy serves metrics and health, as for serve',
      },
      audit: { type: 'string', value: 'DIR', help: 'folder of the audit records, as for serve' },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
  },
  simulate: {
    help: 'what another rule file would have made of the traffic on record',
    positionals: [],
    flags: {
      rules: { type: 'string', value: 'FILE', help: 'the new rule file' },
      against: { type: 'string', value: 'DIR', help: 'the audit folder with the records and tallies' },
      since: {
        type: 'string',
        value: 'TIME',
        help: 'only what came from then on: 2026-12-02T10:00:00Z, or 90m, 24h, 7d ago',
      },
      'max-newly-blocked': {
        type: 'string',
        value: 'N',
        help: 'exit with 2 where more requests than this are newly blocked',
      },
      html: {
        type: 'string',
        value: '[FILE]',
        bare: '-',
        help: 'write a page to attach to a change request; without FILE, print it',
      },
      catalog: CATALOG,
      json: JSON_FLAG,
    },
    required: ['rules', 'against'],
  },
  ...AUDIT_COMMANDS,
  breakglass: {
    help: 'lift rules on the running proxy, 24 h at most; without flags, what is lifted',
    positionals: [],
    flags: {
      rule: {
        type: 'strings',
        value: 'ID|all',
        help: 'the rule to lift, otherwise, ip_literals, or all; again for a second one',
      },
      until: {
        type: 'string',
        value: 'TIME',
        help: 'when it ends by itself: 2026-12-02T18:00:00+01:00, or 90m, 2h from now',
      },
      ticket: { type: 'string', value: 'T', help: 'under which number this is kept' },
      by: { type: 'string', value: 'WHO', help: 'who asked for it' },
      end: { type: 'string', value: 'ID|all', help: 'end one that is active before its time' },
      ...ADMIN,
      json: JSON_FLAG,
    },
  },
  admin: {
    help: 'passwords for the admin port, and what it says',
    positionals: ['SUBCOMMAND'],
    flags: {},
  },
  'admin hash': {
    help: 'the hash of a password, for the users file; the password is asked for, or read from standard input',
    positionals: [],
    flags: {
      name: { type: 'string', value: 'NAME', help: "print the user's whole entry" },
      role: {
        type: 'strings',
        value: 'ROLE',
        help: 'operator, auditor or privacy-officer; again for a second one (operator)',
      },
      json: JSON_FLAG,
    },
  },
  'admin status': {
    help: 'what runs, by which rules, and which exceptions there are',
    positionals: [],
    flags: { ...ADMIN, json: JSON_FLAG },
  },
} as const satisfies Readonly<Record<string, CommandSpec>>
