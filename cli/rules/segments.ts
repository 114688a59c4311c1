/** `landline segments F`: the tree of prefixes, and with `--at ADDRESS` those around one address, and who of them wins. */
import { parseAddress, quoted } from '../../rules/address.ts'
import type { Policy } from '../../rules/policy.ts'
import { prefixesAround, segmentTree, type TreePrefix } from '../../rules/tables/segment-tree.ts'
import { aligned } from '../../rules/words.ts'
import { EXIT, type ExitCode, type Io, printJson, UsageError } from '../io.ts'
import { policyOrProblems } from './load.ts'

export interface SegmentsFlags {
  readonly file: string
  /** An address; undefined: all prefixes. */
  readonly at: string | undefined
  readonly catalogue: string | undefined
  readonly json: boolean
}

/** 0, whatever wins; 1: the rule file is refused. */
export async function segments({ file, at, catalogue, json }: SegmentsFlags, io: Io): Promise<ExitCode> {
  const address = at === undefined ? null : parseAddress(at)
  if (at !== undefined && address === null)
    throw new UsageError(`--at ${quoted(at)} is no address; write one such as 10.20.0.7 or 2001:db8::7`)
  const policy = await policyOrProblems(file, { catalogue, json }, io)
  if (policy === null) return EXIT.wrong
  const tree = segmentTree(policy.segments.values())
  if (address === null) {
    if (json) printJson(io, treeAsJson(policy, tree))
    else for (const line of treeInWords(policy, tree)) io.print(line)
    return EXIT.fine
  }
  const around = prefixesAround(tree, address)
  if (json) printJson(io, { address: address.text, ...seatAsJson(policy, around) })
  else for (const line of seatInWords(address.text, policy, around)) io.print(line)
  return EXIT.fine
}

function treeAsJson({ name, revision, unknownClients, segments }: Policy, tree: readonly TreePrefix[]) {
  return {
    name,
    revision,
    unknown_clients: unknownClients,
    segments: [...segments.values()].map(({ id, medium, shared, prefixes }) => {
      return { id, medium, shared, prefixes: prefixes.length }
    }),
    prefixes: tree.map(asJson),
  }
}

function seatAsJson({ unknownClients, unknownSeat }: Policy, around: readonly TreePrefix[]) {
  const [winner] = around
  const { id, medium, shared } = winner?.segment ?? unknownSeat.segment
  return {
    segment: id,
    medium,
    shared,
    prefix: winner?.prefix.text ?? null,
    unknown_clients: unknownClients,
    prefixes: around.map(asJson),
  }
}

function asJson({ prefix, segment: { id, medium, shared }, within }: TreePrefix) {
  return { prefix: prefix.text, segment: id, medium, shared, within: within?.text ?? null }
}

function treeInWords(policy: Policy, tree: readonly TreePrefix[]): readonly string[] {
  const rows = tree.map(({ prefix, segment, depth }) => row(`${'  '.repeat(depth)}${prefix.text}`, segment, ''))
  const { id, medium } = policy.unknownSeat.segment
  const rest =
    policy.unknownClients === 'refuse' ? ['any other address', 'none', 'refused'] : ['any other address', id, medium]
  return aligned([...rows, rest])
}

function seatInWords(address: string, { unknownClients }: Policy, around: readonly TreePrefix[]): readonly string[] {
  const [winner] = around
  if (winner === undefined) {
    const what = unknownClients === 'refuse' ? 'refused' : 'classified as unknown'
    return [`${address} is in no segment: ${what} (unknown_clients: ${unknownClients})`]
  }
  const { id, medium } = winner.segment
  const rows = around.map(({ prefix, segment }) => row(prefix.text, segment, prefix === winner.prefix ? 'wins' : ''))
  const why = around.length === 1 ? 'the only prefix around it' : 'the longest prefix around it'
  return [
    `${address} is in ${id} (${medium}): ${winner.prefix.text} is ${why}`,
    ...aligned(rows).map((line) => `  ${line}`),
  ]
}

function row(prefix: string, { id, medium, shared }: TreePrefix['segment'], remark: string): readonly string[] {
  return [prefix, id, medium, [shared ? 'shared' : '', remark].filter((word) => word !== '').join(', ')]
}
