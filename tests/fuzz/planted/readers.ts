/** Readers with faults that chance alone would not meet, for the fuzzer to prove itself on. */

/** Refuses one input in 2^48, at each byte another way. */
export function readWord(data: Uint8Array): void {
  if (data[0] === 0x73)
    if (data[1] === 0x77)
      if (data[2] === 0x61)
        if (data[3] === 0x72) if (data[4] === 0x6d) if (data[5] === 0x21) throw new Error('the word was said')
}

/** Compares all at once, with what stands nowhere in the source. */
export function readKey(data: Uint8Array): void {
  const said = Buffer.from(data.subarray(0, 8)).toString('latin1')
  const key = [104, 105, 118, 101].map((code) => String.fromCharCode(code, code + 1)).join('')
  if (said === key) throw new Error('the key was found')
}

export function readEndlessly(data: Uint8Array): void {
  while (data[0] === 0x7e) data[1] = 1
}

export function readGreedily(data: Uint8Array): void {
  if (data[0] === 0x7e) kept = new Uint8Array(2 ** 26)
}

export function readSlowly(data: Uint8Array): void {
  const end = process.threadCpuUsage().user + (data[0] === 0x7e ? 300_000 : 0)
  while (process.threadCpuUsage().user < end);
}

/** So that it is not optimised away. */
export let kept: Uint8Array = new Uint8Array()
