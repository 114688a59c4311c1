/** How a command and its flags are described, and the flags that several commands share. */

export interface FlagSpec {
  /** `strings`: may be given several times. */
  readonly type: 'string' | 'boolean' | 'strings'
  /** How the help calls the value. */
  readonly value?: string
  /** What it is given where it stands without a value. */
  readonly bare?: string
  readonly help: string
}

export interface CommandSpec {
  readonly help: string
  /** As in the help: `F` is required, `[F]` may be left out, a last `…` takes any number. */
  readonly positionals: readonly string[]
  readonly flags: Readonly<Record<string, FlagSpec>>
  readonly required?: readonly string[]
  /** Flags of which one at most may be given. */
  readonly exclusive?: readonly string[]
}

export const JSON_FLAG = { type: 'boolean', help: 'print one JSON value' } as const
export const CATALOG = {
  type: 'string',
  value: 'DIR',
  help: 'a catalogue of services instead of the built-in one',
} as const
export const CONFIG = {
  type: 'string',
  value: 'FILE',
  help: 'server file (default: landline.yaml, if there is one)',
} as const
export const AT = {
  type: 'string',
  value: 'TIME',
  help: 'decide as at this time, 2026-12-02T10:00:00Z (default: now)',
} as const
export const KEYS = {
  type: 'strings',
  value: 'VKEY',
  help: 'public key that signs the log, from elsewhere; again for a second one',
} as const

/** For commands that ask a running proxy. */
export const ADMIN = {
  admin: {
    type: 'string',
    value: 'ADDRESS:PORT',
    help: "the running proxy's admin port, or https://HOST:PORT (as the server file says)",
  },
  user: { type: 'string', value: 'NAME', help: 'who asks (LANDLINE_ADMIN_USER)' },
  'password-file': {
    type: 'string',
    value: 'FILE',
    help: 'file with the password (LANDLINE_ADMIN_PASSWORD_FILE; else it is asked for)',
  },
  ca: { type: 'string', value: 'FILE', help: "who vouches for the admin port's certificate (LANDLINE_ADMIN_CA)" },
  config: { type: 'string', value: 'FILE', help: 'server file that says where the admin port is (landline.yaml)' },
} as const
