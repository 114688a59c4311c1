/**
 * The proxy auto-configuration file. Pure. It decides by what the browser was asked for and looks no name up: a look-up
 * would tell the name service of every page, and wait for it.
 */
import { addressBits, parsePrefixes } from '../rules/address.ts'
import { canonicalHost } from '../rules/host.ts'
import type { Prefix } from '../rules/model.ts'

export interface PacOptions {
  /** In the order to try: `host:port`, `http://host:port`, or `https://host:port` for a proxy that speaks TLS. */
  readonly proxies: readonly string[]
  /** What goes past the proxy: names (with all below them), or prefixes, which count for addresses that are asked for as such. */
  readonly direct: readonly string[]
  /** The client may leave the building with this file: nothing but `direct` ever goes past the proxy. */
  readonly mobile: boolean
}

/** Discard, on the client's own machine: no browser gets anywhere, which is what a file without a way out must say. */
const NOWHERE = 'PROXY 127.0.0.1:9'

/** The text of the file, in the oldest JavaScript there is. Throws TypeError at an entry that is neither; worth a call at start. */
export function pacFile({ proxies, direct, mobile }: PacOptions): string {
  const ways = proxies.map(wayOf)
  if (!mobile) ways.push('DIRECT')
  const entries = direct.map(directOf)
  const names = entries.filter((entry) => typeof entry === 'string')
  const prefixes = entries.filter((entry) => typeof entry !== 'string').flatMap((entry) => entry.map(digitsOf))
  return `// Landline. Looks no name up.
var names = ${JSON.stringify(names)};
var prefixes = ${JSON.stringify(prefixes)};
var ways = ${JSON.stringify(ways.join('; ') || NOWHERE)};

${BITS}
function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/\\.$/, '');
  var i;
  for (i = 0; i < names.length; i++) {
    if (host === names[i] || host.slice(-names[i].length - 1) === '.' + names[i]) return 'DIRECT';
  }
  var address = bits(host);
  for (i = 0; address && i < prefixes.length; i++) {
    if (address.indexOf(prefixes[i]) === 0) return 'DIRECT';
  }
  return ways;
}
`
}

/** An address as its family and binary digits, so that a prefix is the beginning of a text; '' for a name. */
const BITS = `function digits(number, width) {
  var text = number.toString(2);
  while (text.length < width) text = '0' + text;
  return text;
}

function bits(host) {
  var text = '', i, parts, tail, groups;
  parts = /^(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})\\.(\\d{1,3})$/.exec(host);
  if (parts) {
    for (i = 1; i < 5; i++) text += digits(Number(parts[i]), 8);
    return text.length === 32 ? '4:' + text : '';
  }
  host = host.replace(/^\\[|\\]$/g, '');
  if (!/^[0-9a-f:]+$/.test(host) || host.indexOf(':') < 0) return '';
  parts = host.split('::');
  groups = parts[0] ? parts[0].split(':') : [];
  tail = parts.length === 2 && parts[1] ? parts[1].split(':') : [];
  while (parts.length === 2 && groups.length + tail.length < 8) groups.push('0');
  groups = groups.concat(tail);
  for (i = 0; i < groups.length; i++) text += digits(parseInt(groups[i], 16), 16);
  return text.length === 128 ? '6:' + text : '';
}
`

function wayOf(proxy: string): string {
  const match = /^(?:(https?):\/\/)?(\[[^\]]+\]|[^:/\s]+):([1-9]\d{0,4})\/?$/i.exec(proxy)
  const host = canonicalHost(match?.[2] ?? '')
  if (host.kind === 'invalid' || Number(match?.[3]) > 65_535) {
    throw new TypeError(`pac.proxies: ${JSON.stringify(proxy)} is no proxy; write host:port or https://host:port`)
  }
  const name =
    host.kind === 'name' ? host.name : host.address.family === 4 ? host.address.text : `[${host.address.text}]`
  return `${match?.[1]?.toLowerCase() === 'https' ? 'HTTPS' : 'PROXY'} ${name}:${match?.[3]}`
}

/** The name, or the prefixes, that the entry stands for. */
function directOf(entry: string): string | readonly Prefix[] {
  const prefixes = parsePrefixes(entry)
  if (typeof prefixes !== 'string') return prefixes
  const host = canonicalHost(entry.replace(/^\*?\./, ''))
  if (host.kind === 'name') return host.name
  throw new TypeError(
    `pac.direct: ${JSON.stringify(entry)} is neither a name nor a prefix; write intranet.example or 10.0.0.0/8`,
  )
}

function digitsOf({ base, length }: Prefix): string {
  const digits = addressBits(base)
    .toString(2)
    .padStart(base.family === 4 ? 32 : 128, '0')
  return `${base.family}:${digits.slice(0, length)}`
}
