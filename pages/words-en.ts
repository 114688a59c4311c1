/** The sentences in English. */
import type { Words } from './words.ts'

export const en: Words = {
  proxy: 'Network access',
  why: 'Why',
  instead: 'What you can do instead',
  reference: 'Reference',
  referenceHint: 'Please quote this number when you contact your IT support: it leads them to exactly this request.',
  noReason: 'The rule gives no reason. Your IT support can tell you more if you quote the reference below.',
  noAlternative:
    'Ask the host for a dial-in number or another way to join. Your IT support can tell you what is available.',
  connection: 'Your connection',
  askedFor: 'Requested',
  lookUpAgain: 'Look this up again within 15 minutes',
  whatTheProxySees: 'What the proxy sees of you',
  media: {
    wired: 'Fixed (cable)',
    wireless: 'Wireless (Wi-Fi)',
    vpn: 'VPN',
    mobile: 'Mobile network',
    unknown: 'Not known',
  },
  segment: (id) => `segment ${id}`,
  denied: {
    title: (service) => `${service} is not allowed on this connection`,
    lead: (service) =>
      `Your organisation’s rules do not let ${service} through on the connection you are using. Your device is fine, and trying again will not help.`,
  },
  deniedAddress: {
    title: 'This address is not allowed on this connection',
    lead: 'The request was for a bare network address instead of a name. On the connection you are using, such requests are not let through. Your device is fine, and trying again will not help.',
    alternative:
      'Use the name of the website or service, if you know it. If an application keeps asking for the address, please tell your IT support.',
  },
  deniedClient: {
    title: 'This connection is not known to the proxy',
    lead: 'Your network address belongs to none of the networks that this proxy serves, so it lets nothing through.',
    reason:
      'Requests from networks that are not known are not let through. Usually this is a matter of set-up, not of anything you did.',
    alternative:
      'Check that you are connected to your organisation’s network or VPN. If you are, please tell your IT support.',
  },
  failure: {
    messages: {},
    detail: 'Details',
    referenceHint: 'Please quote this number when you contact your IT support.',
    request: [
      'The request could not be understood',
      'The proxy could not make sense of what the application sent. Trying again will probably not help.',
    ],
    denied: [
      'This is not open through the proxy',
      'The proxy does not make connections of this kind. Trying again will not help.',
    ],
    busy: ['The proxy cannot serve this request right now', 'This should pass. Please try again in a moment.'],
    upstream: [
      'The other side could not be reached',
      'The proxy is working, but it got no usable answer from the server you asked for. Please check the address, or try again in a few minutes.',
    ],
    slow: [
      'The other side did not answer in time',
      'The proxy is working, but the server you asked for took too long. Please try again in a few minutes.',
    ],
    internal: [
      'Something went wrong in the proxy',
      'This is not your fault. Please try again; if it happens once more, please tell your IT support.',
    ],
  },
  home: {
    title: 'You have reached the network proxy',
    lead: 'Your web traffic and your meetings pass through here. These pages tell you what the proxy knows about your connection, and why something was blocked.',
    whoami: 'What the proxy sees of you, and which meeting services work here',
    blocked: 'Your requests that were blocked in the last 15 minutes, with the reason and the alternative',
    pac: 'The proxy settings for your browser, as a file',
  },
  whoami: {
    title: 'What the proxy sees of you',
    lead: 'What works for you depends on the connection that you are using right now.',
    address: 'Your address',
    port: 'Port',
    learnt: 'Learnt',
    learntBy: {
      socket: 'from the connection itself',
      'proxy-protocol': 'from a trusted load balancer (PROXY protocol)',
      forwarded: 'from a trusted proxy (forwarded header)',
    },
    path: 'By way of',
    segment: 'Segment',
    medium: 'Connection',
    prefix: 'Network',
    none: 'none',
    shared: 'Several people use this address.',
    refused: 'This connection is not known to the proxy: nothing is let through.',
    decisions: 'What would be decided now',
    asked: 'asked',
    more: (shown, all) => `${shown} of ${all} services; ask for another: /whoami?to=HOST`,
    service: 'Service',
    target: 'Address',
    decision: 'Decision',
    rule: 'Rule',
    actions: {
      allow: 'allowed',
      log: 'allowed, recorded',
      block: 'blocked',
      'would-block': 'allowed for now, recorded',
      except: 'allowed by an exception, recorded',
      refuse: 'refused',
    },
  },
  blocked: {
    title: 'Your blocked requests',
    lead: 'Requests from your address that were blocked in the last 15 minutes, the latest first.',
    sharedLead:
      'Several people use your address. Please enter the reference that you were shown, to see that request and no other.',
    none: 'Nothing from your address was blocked in the last 15 minutes.',
    notFound: 'There is no blocked request from your address with this reference in the last 15 minutes.',
    refusedBy: {
      guard: 'This proxy does not connect to addresses of that kind.',
      port: 'This proxy does not open tunnels to that port.',
    },
    refusedInstead:
      'Trying again will not help. If you need this, please quote the reference below to your IT support.',
    lookUp: 'Look up',
    when: 'When',
    ago: (minutes) => (minutes < 1 ? 'just now' : minutes === 1 ? '1 minute ago' : `${minutes} minutes ago`),
  },
  notFound: ['There is no such page', 'The proxy has no page at this address.'],
  forbidden: [
    'This page is not open to you',
    'The proxy does not know your connection. It can show you only what it sees of you.',
  ],
}
