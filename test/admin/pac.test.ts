import { createContext, runInContext } from 'node:vm'
import t from 'tap'
import { type PacOptions, pacFile } from '../../admin/pac.ts'

/** Runs the file as a browser does; the helpers of browsers that look names up are there, and must not be called. */
function find(options: Partial<PacOptions>, host: string): unknown {
  const lookUp = () => {
    throw new Error('the file looked a name up')
  }
  const context = createContext({
    dnsResolve: lookUp,
    isInNet: lookUp,
    isResolvable: lookUp,
    myIpAddress: lookUp,
    url: `http://${host}/`,
    host,
  })
  const text = pacFile({ proxies: ['proxy.example:3128'], direct: [], mobile: false, ...options })
  return runInContext(`${text}\nFindProxyForURL(url, host)`, context)
}

const BOTH = 'PROXY proxy.example:3128; DIRECT'
const DIRECT = [
  'intranet.example',
  '*.apps.example',
  '.Lab.Example',
  'bücher.example',
  '10.0.0.0/8',
  '192.0.2.7',
  '2001:db8:10::/48',
  '198.51.100.4-198.51.100.6',
]

const CASES: readonly (readonly [name: string, host: string, want: string, options?: Partial<PacOptions>])[] = [
  ['a desk falls back', 'zoom.us', BOTH],
  ['a mobile client never does', 'zoom.us', 'PROXY proxy.example:3128', { mobile: true }],
  [
    'proxies are tried in order',
    'zoom.us',
    'PROXY a.example:3128; HTTPS b.example:3130; PROXY [2001:db8::1]:3128; DIRECT',
    { proxies: ['http://A.example:3128/', 'https://b.example:3130', '[2001:DB8::1]:3128'] },
  ],
  ['a desk without a proxy goes direct', 'zoom.us', 'DIRECT', { proxies: [] }],
  ['a mobile client without a proxy goes nowhere', 'zoom.us', 'PROXY 127.0.0.1:9', { proxies: [], mobile: true }],
  ['a name', 'intranet.example', 'DIRECT'],
  ['a name below it', 'wiki.intranet.example', 'DIRECT'],
  ['a name in upper case with its dot', 'Wiki.INTRANET.example.', 'DIRECT'],
  ['a name that only ends alike', 'notintranet.example', BOTH],
  ['a star is the name and all below it', 'a.apps.example', 'DIRECT'],
  ['a dot too', 'lab.example', 'DIRECT'],
  ['an international name, as browsers ask for it', 'xn--bcher-kva.example', 'DIRECT'],
  ['the name of a mobile client is direct where it is listed', 'intranet.example', 'DIRECT', { mobile: true }],
  ['an address in a prefix', '10.255.0.1', 'DIRECT'],
  ['an address beside it', '11.0.0.1', BOTH],
  ['a single address', '192.0.2.7', 'DIRECT'],
  ['the next one', '192.0.2.8', BOTH],
  ['a range', '198.51.100.6', 'DIRECT'],
  ['beyond the range', '198.51.100.7', BOTH],
  ['a name that begins like an address', '10.0.0.1.example', BOTH],
  ['no address', '10.0.0.999', BOTH],
  ['IPv6 in brackets', '[2001:db8:10::7]', 'DIRECT'],
  ['IPv6 without', '2001:db8:10:0:0:0:0:7', 'DIRECT'],
  ['IPv6 beside it', '2001:db8:11::7', BOTH],
  ['IPv6 that ends in zeros', '2001:db8:10::', 'DIRECT'],
  ['IPv6 does not match IPv4', '[a00::1]', BOTH],
]

t.test('the file sends browsers where it should, and looks no name up', async (t) => {
  for (const [name, host, want, options] of CASES) t.equal(find({ direct: DIRECT, ...options }, host), want, name)
})

t.test('every address but no name is in the prefixes of all', async (t) => {
  for (const [host, want] of [
    ['192.0.2.1', 'DIRECT'],
    ['[::1]', BOTH],
    ['zoom.us', BOTH],
  ] as const)
    t.equal(find({ direct: ['0.0.0.0/0'] }, host), want, host)
})

t.test('an entry that is neither is refused, and says what to write', async (t) => {
  for (const proxies of [
    'proxy.example',
    'proxy.example:0',
    'proxy.example:65536',
    'a b:1',
    'socks://a:1',
    "x';alert(1)//:1",
    '2001:db8::1:3128',
    'a:1; DIRECT',
  ]) {
    t.throws(
      () => pacFile({ proxies: [proxies], direct: [], mobile: false }),
      { name: 'TypeError', message: /write host:port/ },
      proxies,
    )
  }
  for (const direct of ['', 'a b', '10.0.0.1/8', 'http://intranet.example/', '*', '"];alert(1)//']) {
    t.throws(
      () => pacFile({ proxies: [], direct: [direct], mobile: false }),
      { name: 'TypeError', message: /pac.direct/ },
      direct,
    )
  }
})
