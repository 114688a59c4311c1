/** The commands of `landline audit`, and what each takes. */
import { ADMIN, type CommandSpec, JSON_FLAG, KEYS } from '../flags.ts'

/** Which records. */
const FILTER = {
  since: { type: 'string', value: 'TIME', help: 'from then on: 2026-12-02T10:00:00Z, or 90m, 24h, 7d ago' },
  until: { type: 'string', value: 'TIME', help: 'before then' },
  segment: { type: 'string', value: 'ID', help: 'of this segment' },
  medium: { type: 'string', value: 'MEDIUM', help: 'wired, wireless, vpn, mobile or unknown' },
  service: { type: 'string', value: 'ID', help: 'for this service' },
  rule: { type: 'string', value: 'ID', help: 'decided by this rule' },
  action: { type: 'strings', value: 'ACTION', help: 'block, log, except, reload, …; again for a second one' },
  ref: { type: 'string', value: 'PREFIX', help: 'whose reference begins so' },
  source: { type: 'string', value: 'ADDRESS', help: 'of this client; where it has none, its pseudonym' },
} as const
/** Who does what goes on record, and why. */
const ABOUT = {
  reason: { type: 'string', value: 'TEXT', help: 'why; it goes on record' },
  by: { type: 'string', value: 'NAME', help: 'who; of a running proxy: its user, where nobody else is named' },
} as const

export const AUDIT_COMMANDS = {
  audit: {
    help: 'check and read the audit log',
    positionals: ['SUBCOMMAND'],
    flags: {},
  },
  'audit verify': {
    help: 'is the audit log what was signed?',
    positionals: ['DIR', '[CHECKPOINT…]'],
    flags: {
      key: KEYS,
      checkpoint: {
        type: 'strings',
        value: 'FILE',
        help: "checkpoints that were kept elsewhere, or the operator's log with them; more may follow",
      },
      'reviewer-key': {
        type: 'strings',
        value: 'VKEY',
        help: 'public key of who signs reviews; again for a second one',
      },
      'as-of': {
        type: 'string',
        value: 'TIME',
        help: 'when the copy was made, to judge how old its end is: 2026-12-02T10:42:00Z, or 90m, 24h, 7d ago (default: now)',
      },
      json: JSON_FLAG,
    },
  },
  'audit query': {
    help: 'records by what they say',
    positionals: ['DIR'],
    flags: {
      ...FILTER,
      csv: { type: 'boolean', help: 'print CSV' },
      json: JSON_FLAG,
    },
    exclusive: ['csv', 'json'],
  },
  'audit show': {
    help: 'one record, the rule as it stood then, its neighbours, and the proof that it is in the log',
    positionals: ['DIR', 'REF'],
    flags: { key: KEYS, json: JSON_FLAG },
  },
  'audit export': {
    help: 'an extract of the log, with the proof that it is one',
    positionals: ['DIR'],
    flags: {
      ...FILTER,
      out: { type: 'string', value: 'FOLDER', help: 'where to; it must not be there yet' },
      format: {
        type: 'string',
        value: 'FORMAT',
        help: 'beside the records themselves: csv, ocsf or cef (jsonl: none)',
      },
      ...ABOUT,
      checkpoint: { type: 'string', value: 'FILE', help: 'prove against this checkpoint (default: the newest)' },
      key: { type: 'string', value: 'FILE', help: 'private key (PEM) of who exports, to sign the manifest of a copy' },
      ...ADMIN,
      json: JSON_FLAG,
    },
    required: ['out', 'reason'],
  },
  'audit verify-export': {
    help: 'is an extract what was taken out of the log?',
    positionals: ['EXTRACT'],
    flags: {
      key: KEYS,
      checkpoint: { type: 'strings', value: 'FILE', help: 'checkpoints that were kept elsewhere' },
      json: JSON_FLAG,
    },
  },
  'audit consistency': {
    help: "prove that one checkpoint's log is the beginning of another's, or check such a proof",
    positionals: ['DIR|PROOF', '[OLDER]', '[NEWER]'],
    flags: { key: KEYS, json: JSON_FLAG },
  },
  'audit rules': {
    help: 'the rules that were in force at a time, word for word',
    positionals: ['DIR'],
    flags: {
      at: { type: 'string', value: 'TIME', help: '2026-12-02T10:42:00Z, or 90m, 24h, 7d ago' },
      json: JSON_FLAG,
    },
    required: ['at'],
  },
  'audit reveal': {
    help: 'the address behind a pseudonym',
    positionals: ['DIR', 'REF|PSEUDONYM'],
    flags: {
      'privacy-key': {
        type: 'string',
        value: 'FILE',
        help: "the months' keys, on a copy; a running proxy has its own",
      },
      ...ABOUT,
      ...ADMIN,
      json: JSON_FLAG,
    },
    required: ['reason'],
  },
  'audit forget': {
    help: "destroy a month's privacy key: its records become anonymous, and stay in the log",
    positionals: ['MONTH'],
    flags: {
      'privacy-key': { type: 'string', value: 'FILE', help: "the months' keys (audit.privacy_key in the server file)" },
      ...ABOUT,
      json: JSON_FLAG,
    },
    required: ['privacy-key', 'reason', 'by'],
  },
  'audit sign-off': {
    help: 'say, by a key of your own, which records you have reviewed',
    positionals: ['[DIR]'],
    flags: {
      reviewer: { type: 'string', value: 'NAME', help: 'who' },
      role: { type: 'string', value: 'ROLE', help: 'in which role' },
      range: {
        type: 'string',
        value: 'FROM..TO',
        help: 'sequence numbers, or times (TO not included); left out: from the first that nobody signed off, to the newest',
      },
      verdict: { type: 'string', value: 'VERDICT', help: 'in-order (default) or findings' },
      note: { type: 'string', value: 'TEXT', help: 'what was looked at, and what was found' },
      key: { type: 'string', value: 'FILE', help: "the reviewer's private key (PEM); landline audit keygen makes one" },
      out: { type: 'string', value: 'FILE', help: 'write the signed statement there, too' },
      ...ADMIN,
      json: JSON_FLAG,
    },
    required: ['reviewer', 'note', 'key'],
  },
  'audit keygen': {
    help: 'make a key that signs an audit log or a review, or print the public half of the one that is there',
    positionals: ['FILE'],
    flags: {
      name: {
        type: 'string',
        value: 'NAME',
        help: "the proxy's name in the server file (landline-1), or the reviewer's",
      },
      json: JSON_FLAG,
    },
  },
} as const satisfies Readonly<Record<string, CommandSpec>>
