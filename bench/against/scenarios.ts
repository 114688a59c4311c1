/** What is measured, and what is aimed at: one row a line of the table that the project holds itself to. */
import type { Load } from './job.ts'

/** A ratio to one other: with `atMost` the smaller the better, else the larger. */
export interface Aim {
  /** The name of a contender. */
  readonly against: string
  readonly bound: number
  readonly goal: number
}

export interface Rate {
  readonly id: string
  readonly title: string
  /** What is counted. */
  readonly unit: string
  readonly load: Load
  /** So many before anything is measured: a just-in-time compiler is to have seen what it will see. */
  readonly warm: number
  readonly needs: 'any' | 'tunnels' | 'denies'
  readonly aims: readonly Aim[]
}

const get = (path: string): Load => ({ kind: 'requests', method: 'GET', path, isDenied: false })
const denied = (method: 'GET' | 'CONNECT'): Load => ({ kind: 'requests', method, path: '/small', isDenied: true })

export const RATES: readonly Rate[] = [
  {
    ...{ id: 'get100', title: 'GET, 100 bytes', unit: 'requests', load: get('/small'), warm: 300_000, needs: 'any' },
    aims: [
      { against: 'Squid', bound: 2, goal: 2.5 },
      { against: 'HAProxy', bound: 0.45, goal: 0.6 },
      { against: 'http-proxy', bound: 3, goal: 4 },
    ],
  },
  {
    ...{ id: 'get64k', title: 'GET, 64 KiB', unit: 'requests', load: get('/large'), warm: 30_000, needs: 'any' },
    aims: [{ against: 'Squid', bound: 2.2, goal: 3 }],
  },
  {
    ...{ id: 'connect', title: 'CONNECT cycle', unit: 'cycles', load: { kind: 'cycles' }, warm: 80_000 },
    needs: 'tunnels',
    aims: [{ against: 'Squid', bound: 1, goal: 1.15 }],
  },
  {
    ...{ id: 'tunnel1', title: 'One tunnel, bulk', unit: 'MiB', load: { kind: 'streams', tunnels: 1 }, warm: 1000 },
    needs: 'tunnels',
    aims: [{ against: 'Squid', bound: 1, goal: 1.3 }],
  },
  {
    ...{ id: 'tunnel8', title: 'Eight tunnels, bulk', unit: 'MiB', load: { kind: 'streams', tunnels: 8 }, warm: 1000 },
    needs: 'tunnels',
    aims: [{ against: 'Squid', bound: 1, goal: 1.3 }],
  },
  {
    ...{ id: 'denyget', title: 'Denial of a GET, recorded', unit: 'denials', load: denied('GET'), warm: 300_000 },
    needs: 'denies',
    aims: [{ against: 'Squid', bound: 1.5, goal: 2.5 }],
  },
  {
    ...{ id: 'denyconnect', title: 'Denial of a CONNECT, recorded', unit: 'denials', load: denied('CONNECT') },
    ...{ warm: 300_000, needs: 'denies' },
    aims: [{ against: 'Squid', bound: 1, goal: 1.8 }],
  },
]

/** The other lines; what they are stands where they are measured. */
export const OTHERS = {
  memory: { title: 'Memory of an idle tunnel', bound: 16, goal: 10 },
  flat: { title: 'CPU with 100,000 + 100,000 entries against none', bound: 1.05, goal: 1.02 },
  decision: { title: 'A decision alone at 100,000 + 100,000', bound: 2, goal: 1 },
  workers: { title: 'Two workers against one', bound: 1.1, goal: 1.05 },
} as const

export const SCENARIOS: readonly string[] = [...RATES.map(({ id }) => id), ...Object.keys(OTHERS)]
