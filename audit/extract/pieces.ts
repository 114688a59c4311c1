/**
 * The tree in pieces: the leaves of the records in an extract and, for what lies between them, the roots of the largest
 * complete subtrees. Added up in their order they give the root of the whole: one proof of inclusion for all the records,
 * of a few hashes where they follow each other.
 */
import { HASH_BYTES, nodeHash } from '../proof/merkle.ts'
import { strictBase64 } from '../proof/note.ts'

/** Of `leaves` lines (a power of two), the first of which is record `first`. */
export interface Piece {
  readonly first: number
  readonly leaves: number
  readonly hash: Buffer
  /** A record of the extract, not a subtree of others. */
  readonly isRecord: boolean
}

/** What lies between two records of an extract, as few subtrees as there can be. Memory grows with the logarithm. */
export class Gap {
  #pieces: Piece[] = []
  #next: number

  /** `next`: the record that comes first. */
  constructor(next = 1) {
    this.#next = next
  }

  /** Adds a subtree whose place is at a multiple of its size, as the places of all subtrees of such a tree are. */
  add(hash: Buffer, leaves = 1): void {
    let piece: Piece = { first: this.#next, leaves, hash, isRecord: false }
    for (let left = this.#pieces.at(-1); left !== undefined && isPair(left, piece); left = this.#pieces.at(-1)) {
      this.#pieces.pop()
      piece = { ...left, leaves: left.leaves * 2, hash: nodeHash(left.hash, piece.hash) }
    }
    this.#pieces.push(piece)
    this.#next += leaves
  }

  /** The pieces so far; the record that follows them is none of the gap. */
  end(): Piece[] {
    const pieces = this.#pieces
    this.#pieces = []
    this.#next++
    return pieces
  }
}

function isPair(left: Piece, right: Piece): boolean {
  return left.leaves === right.leaves && (left.first - 1) % (left.leaves * 2) === 0
}

/** One line of the proof: `42 HASH` of a record, `43-50 HASH` of others. */
export function formatPiece({ first, leaves, hash, isRecord }: Piece): string {
  return `${first}${isRecord ? '' : `-${first + leaves - 1}`} ${hash.toString('base64')}\n`
}

const PIECE = /^([1-9]\d{0,14})(?:-([1-9]\d{0,14}))? (\S+)$/

/** null where the line is no piece of a tree. */
export function parsePiece(line: string): Piece | null {
  const [, from, to, encoded = ''] = PIECE.exec(line) ?? []
  const hash = strictBase64(encoded)
  const first = Number(from)
  const leaves = Number(to ?? from) - first + 1
  const isSubtree = leaves >= 1 && Number.isInteger(Math.log2(leaves)) && (first - 1) % leaves === 0
  if (hash?.length !== HASH_BYTES || !isSubtree) return null
  return { first, leaves, hash, isRecord: to === undefined }
}
