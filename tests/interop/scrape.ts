/** What a tracker counts (BEP 48), asked with the tests' own eyes and not with the code that they try. */

export interface Counted {
  readonly complete: number
  readonly downloaded: number
  readonly incomplete: number
}

/** @param announce an HTTP announce address; `infoHash` in hex */
export async function scrape(announce: string, infoHash: string): Promise<Counted> {
  const query = infoHash.replaceAll(/../g, (byte) => `%${byte}`)
  const response = await fetch(`${announce.replace(/announce$/, 'scrape')}?info_hash=${query}`)
  const text = Buffer.from(await response.arrayBuffer()).toString('latin1')
  const count = (name: string): number => {
    const found = new RegExp(`${name.length}:${name}i(\\d+)e`).exec(text)
    if (found === null) throw new Error(`${announce} does not tell ${name}: ${text}`)
    return Number(found[1])
  }
  return { complete: count('complete'), downloaded: count('downloaded'), incomplete: count('incomplete') }
}
