/** What the load program is asked to do, and what it says it did. Plain data: it goes from process to process. */

export type Load =
  /** Requests one after the other on connections that stay open, for as long as the proxy keeps them. */
  | { readonly kind: 'requests'; readonly method: 'GET' | 'CONNECT'; readonly path: string; readonly isDenied: boolean }
  /** Connect, a tunnel, a ClientHello, a short answer, close; and again. */
  | { readonly kind: 'cycles' }
  /** So many tunnels through which the origin pours. */
  | { readonly kind: 'streams'; readonly tunnels: number }
  /** So many tunnels more, each opened and used once; they stay open until `release`. */
  | { readonly kind: 'hold'; readonly tunnels: number }
  | { readonly kind: 'release' }

export interface Job {
  readonly load: Load
  /** Of the proxy, on 127.0.0.1. */
  readonly port: number
  /** Ports of the origin. */
  readonly web: number
  readonly stream: number
  /** Ignored by `hold` and `release`. */
  readonly seconds: number
}

export interface Done {
  /** Requests answered as expected, cycles, or (streams) MiB. */
  readonly count: number
  readonly failures: number
  /** Of the first one. */
  readonly failure: string | null
  /** Milliseconds that the middle one and the slowest hundredth waited. */
  readonly p50: number
  readonly p99: number
}
