/**
 * Every way an exchange can fail, in one table: which side failed, and what the client is told while it still can be.
 * The error types are RFC 9209 §2.3; their statuses are the ones recommended there, but for the notes below.
 */
import type { ErrorType, Limit, Outcome } from '../rules/events.ts'

interface Failure {
  readonly status: number
  readonly error: ErrorType
  readonly outcome: Outcome
  readonly limit?: Limit
  readonly message: string
}

export const FAILURES = {
  ERR_REQUEST: {
    status: 400,
    error: 'http_request_error',
    outcome: 'client_error',
    message: 'The request was not understood.',
  },
  ERR_REQUEST_INCOMPLETE: {
    status: 400,
    error: 'http_request_error',
    outcome: 'client_error',
    message: 'The request ended too early.',
  },
  ERR_CONTRADICTED: {
    status: 400,
    error: 'http_request_error',
    outcome: 'client_error',
    message: 'X-Forwarded-For and Forwarded name different clients.',
  },
  ERR_HEAD_TIMEOUT: {
    status: 408,
    error: 'http_request_error',
    outcome: 'client_error',
    limit: 'head_ms',
    message: 'The request did not arrive in time.',
  },
  ERR_HEAD_TOO_LARGE: {
    status: 431,
    error: 'http_request_error',
    outcome: 'client_error',
    limit: 'head_bytes',
    message: 'The header section of the request is too large.',
  },
  ERR_DNS: { status: 502, error: 'dns_error', outcome: 'upstream_error', message: 'The name could not be resolved.' },
  ERR_DNS_TIMEOUT: {
    status: 504,
    error: 'dns_timeout',
    outcome: 'upstream_error',
    limit: 'dns_ms',
    message: 'The name server did not answer in time.',
  },
  ERR_PROHIBITED: {
    status: 502,
    error: 'destination_ip_prohibited',
    outcome: 'denied',
    message: 'This proxy does not connect to addresses of that kind.',
  },
  ERR_PORT: {
    status: 403,
    error: 'http_request_denied',
    outcome: 'denied',
    message: 'This proxy does not open tunnels to that port.',
  },
  ERR_OWN_TUNNEL: {
    status: 403,
    error: 'http_request_denied',
    outcome: 'denied',
    message: 'The pages of this proxy are plain HTTP, not to be reached through a tunnel.',
  },
  /** The verdict turned after the 200; there is no answer left to give. */
  ERR_SEVERED: {
    status: 403,
    error: 'http_request_denied',
    outcome: 'denied',
    message: 'The tunnel was cut by policy.',
  },
  ERR_LOOP: {
    status: 502,
    error: 'proxy_loop_detected',
    outcome: 'client_error',
    message: 'The request has been through this proxy before.',
  },
  ERR_REFUSED: {
    status: 502,
    error: 'connection_refused',
    outcome: 'upstream_error',
    message: 'The server refused the connection.',
  },
  ERR_PARENT: {
    status: 502,
    error: 'destination_unavailable',
    outcome: 'upstream_error',
    message: 'The next proxy did not open the way to the server.',
  },
  ERR_UNROUTABLE: {
    status: 502,
    error: 'destination_ip_unroutable',
    outcome: 'upstream_error',
    message: 'There is no way to the network of the server.',
  },
  ERR_DIAL_TIMEOUT: {
    status: 504,
    error: 'connection_timeout',
    outcome: 'upstream_error',
    limit: 'dial_ms',
    message: 'The server did not accept the connection in time.',
  },
  ERR_TERMINATED: {
    status: 502,
    error: 'connection_terminated',
    outcome: 'upstream_error',
    message: 'The server closed the connection before it answered.',
  },
  ERR_RESPONSE: {
    status: 502,
    error: 'http_protocol_error',
    outcome: 'upstream_error',
    message: 'The answer of the server breaks the rules of HTTP.',
  },
  ERR_RESPONSE_INCOMPLETE: {
    status: 502,
    error: 'http_response_incomplete',
    outcome: 'upstream_error',
    message: 'The answer of the server ended too early.',
  },
  ERR_RESPONSE_TOO_LARGE: {
    status: 502,
    error: 'http_response_header_section_size',
    outcome: 'upstream_error',
    message: 'The header section of the answer is too large.',
  },
  ERR_RESPONSE_TIMEOUT: {
    status: 504,
    error: 'http_response_timeout',
    outcome: 'upstream_error',
    limit: 'idle_ms',
    message: 'The server did not answer in time.',
  },
  ERR_UPGRADE: {
    status: 502,
    error: 'http_upgrade_failed',
    outcome: 'upstream_error',
    message: 'The server switched to a protocol that was not asked for.',
  },
  /** The client neither sent the rest of its request nor took the answer. */
  ERR_IDLE: {
    status: 408,
    error: 'http_request_error',
    outcome: 'client_error',
    limit: 'idle_ms',
    message: 'The request stood still for too long.',
  },
  ERR_TUNNEL_LIMIT: {
    status: 503,
    error: 'connection_limit_reached',
    outcome: 'client_error',
    limit: 'tunnels_per_client',
    message: 'Too many tunnels are open from this address.',
  },
  ERR_DESCRIPTORS: {
    status: 503,
    error: 'connection_limit_reached',
    outcome: 'proxy_error',
    limit: 'descriptors',
    message: 'The proxy has no more connections to give.',
  },
  ERR_HELLO: {
    status: 400,
    error: 'tls_protocol_error',
    outcome: 'client_error',
    message: 'The tunnel began as TLS or HTTP but gave no well-formed ClientHello or head.',
  },
  ERR_HELLO_TIMEOUT: {
    status: 408,
    error: 'tls_protocol_error',
    outcome: 'client_error',
    limit: 'hello_ms',
    message: 'The tunnel began as TLS or HTTP but its ClientHello or head did not arrive in time.',
  },
  ERR_CLIENT_GONE: {
    status: 499,
    error: 'connection_terminated',
    outcome: 'client_error',
    message: 'The client went away.',
  },
  ERR_DRAINED: {
    status: 503,
    error: 'proxy_internal_response',
    outcome: 'proxy_error',
    message: 'The proxy is shutting down.',
  },
  /** 503 and not the 500 of RFC 9209: it is a state that passes, and the client may try again. */
  ERR_RECORD: {
    status: 503,
    error: 'proxy_internal_error',
    outcome: 'proxy_error',
    message:
      'The proxy cannot write its record now, and lets nothing through that must be recorded. Please try again later.',
  },
  ERR_INTERNAL: { status: 500, error: 'proxy_internal_error', outcome: 'proxy_error', message: 'The proxy failed.' },
} as const satisfies Record<string, Failure>

export type FailureCode = keyof typeof FAILURES

/** An exchange that cannot go on. Thrown in the shell, caught in one place; `message` is fit for the client. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError'
  readonly code: FailureCode
  readonly status: number
  readonly error: ErrorType

  /** `status` and `error` differ from the table only where the request itself says which rule of HTTP it broke. */
  constructor(
    code: FailureCode,
    options: { message?: string; cause?: unknown; status?: number; error?: ErrorType } = {},
  ) {
    const failure: Failure = FAILURES[code]
    super(options.message ?? failure.message, { cause: options.cause })
    this.code = code
    this.status = options.status ?? failure.status
    this.error = options.error ?? failure.error
  }

  get failure(): Failure {
    return FAILURES[this.code]
  }
}
