/** The fields that decide about a message as a whole, picked out in one pass. */
import type { Field } from './fields.ts'
import { PICKED } from './names.ts'

/**
 * The schemes that log in a connection and not a request (RFC 4559), and their kin, at the start of a member of the list. What looks like
 * one in a quoted text is taken for one, too: that costs no more than a connection.
 */
const BINDING_SCHEME = /(?:^|,)[ \t]*(?:ntlm|negotiate|nego2|kerberos)\b/i

/** Values are null where the field is missing. Several lines of one name are one list, joined by commas (RFC 9110 §5.3). */
export interface Picked {
  hosts: number
  /** The last one: more than one are refused. */
  host: string | null
  length: string | null
  coding: string | null
  connection: string | null
  expect: string | null
  upgrade: string | null
  maxForwards: string | null
  /** Credentials, or a challenge, of a scheme that logs in the connection. */
  bindsConnection: boolean
}

export function pick(fields: readonly Field[]): Picked {
  const picked: Picked = {
    hosts: 0,
    host: null,
    length: null,
    coding: null,
    connection: null,
    expect: null,
    upgrade: null,
    maxForwards: null,
    bindsConnection: false,
  }
  for (const { lower, value, roles } of fields) {
    if ((roles & PICKED) === 0) continue
    switch (lower) {
      case 'host':
        picked.hosts++
        picked.host = value
        break
      case 'content-length':
        picked.length = join(picked.length, value)
        break
      case 'transfer-encoding':
        picked.coding = join(picked.coding, value)
        break
      case 'connection':
        picked.connection = join(picked.connection, value)
        break
      case 'expect':
        picked.expect = join(picked.expect, value)
        break
      case 'upgrade':
        picked.upgrade = join(picked.upgrade, value)
        break
      case 'max-forwards':
        picked.maxForwards = join(picked.maxForwards, value)
        break
      case 'authorization':
      case 'www-authenticate':
        picked.bindsConnection ||= BINDING_SCHEME.test(value)
        break
    }
  }
  return picked
}

function join(list: string | null, value: string): string {
  return list === null ? value : `${list}, ${value}`
}
