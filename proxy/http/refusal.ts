/**
 * Every way a head can be refused, in one table. The sentences are fixed: what a client or an origin sent is never
 * repeated to anyone. What is ambiguous stands here too; it is refused, not repaired.
 */
import type { ErrorType } from '../../rules/events.ts'

export type RefusalStatus = 400 | 414 | 417 | 431 | 501 | 502 | 505

/** A head that goes no further, and the status and sentence for the client. The connection is then closed. */
export interface Refusal {
  readonly refused: true
  readonly status: RefusalStatus
  readonly error: ErrorType
  readonly message: string
}

const request = (status: RefusalStatus, message: string): Refusal =>
  Object.freeze({ refused: true, status, error: 'http_request_error', message })

const response = (message: string, error: ErrorType = 'http_protocol_error'): Refusal =>
  Object.freeze({ refused: true, status: 502, error, message })

export const BAD_REQUEST = {
  requestLine: request(400, 'The request line is not a method, a target and a version with one space between them.'),
  method: request(501, 'The method name is too long.'),
  lineTooLong: request(414, 'The request line is too long.'),
  headTooLarge: request(431, 'The header section is too large.'),
  tooManyFields: request(431, 'There are too many header fields.'),
  version: request(505, 'Only HTTP/1.1 and HTTP/1.0 are spoken here.'),
  lineEnd: request(400, 'A header line holds a control character or does not end with CRLF.'),
  fold: request(400, 'A header line begins with white space; folded lines are not accepted.'),
  fieldName: request(400, 'A header line is not a field name followed directly by a colon.'),
  targetCharacter: request(400, 'The request target holds a character that no URI may hold there.'),
  targetForm: request(400, 'The request target is in none of the forms that this method may have.'),
  scheme: request(501, 'Only http URIs are fetched; for https, open a tunnel with CONNECT.'),
  userinfo: request(400, 'A user name in the request target is not accepted.'),
  authority: request(400, 'The host or the port of the request target is not valid.'),
  hostMissing: request(400, 'An HTTP/1.1 request needs a Host field.'),
  hostRepeated: request(400, 'There is more than one Host field.'),
  host: request(400, 'The Host field is not a valid host with an optional port.'),
  hostMismatch: request(400, 'The Host field names another host or port than the request target.'),
  bothFramings: request(400, 'Content-Length and Transfer-Encoding exclude each other.'),
  codingInHttp10: request(400, 'Transfer-Encoding is not defined for HTTP/1.0.'),
  coding: request(400, 'The Transfer-Encoding does not end with chunked, once and by itself.'),
  codingUnknown: request(501, 'The only transfer coding spoken here is chunked.'),
  contentLength: request(400, 'The Content-Length is not one decimal number.'),
  unexpectedContent: request(400, 'A request of this method has no content.'),
  expectation: request(417, 'The only expectation that can be met is 100-continue.'),
  connection: request(400, 'The Connection field is not a list of options, or names a field that may not be dropped.'),
  maxForwards: request(400, 'The Max-Forwards field is not one decimal number.'),
} as const satisfies Record<string, Refusal>

export const BAD_RESPONSE = {
  statusLine: response('The status line of the answer is not HTTP/1.'),
  headTooLarge: response('The header section of the answer is too large.', 'http_response_header_section_size'),
  fields: response('The answer holds a malformed header line.'),
  tooManyFields: response('The answer holds too many header fields.', 'http_response_header_section_size'),
  framing: response('The answer does not say without doubt where it ends.'),
  connection: response('The Connection field of the answer names a field that may not be dropped.'),
  upgrade: response('The server switched to a protocol that was not asked for.', 'http_upgrade_failed'),
  proxyAuthentication: response('The server asked for the credentials of a proxy.'),
} as const satisfies Record<string, Refusal>
