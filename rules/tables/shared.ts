/** Memory that threads can share. What stands in it is written while it is made and never again. */

export function sharedWords(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(length * Uint32Array.BYTES_PER_ELEMENT))
}

export function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length))
}

export function sharedWordsFrom<T>(items: ArrayLike<T>, wordOf: (item: T) => number): Uint32Array {
  const words = sharedWords(items.length)
  for (let at = 0; at < items.length; at++) words[at] = wordOf(items[at]!) // at < length
  return words
}
