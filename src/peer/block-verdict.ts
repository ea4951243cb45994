/** What becomes of a block that came. */

/** `duplicate`: it was asked for once, and is of no use now. Drop both others; `unrequested` earns a strike. */
export type BlockVerdict = 'accepted' | 'duplicate' | 'unrequested'
