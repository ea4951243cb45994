/** Whether a block that came is of use. */

/**
 * `duplicate`: it was requested, but has come from elsewhere since. `unrequested`: it never was, which earns the sender a strike. Both
 * are dropped.
 */
export type BlockVerdict = 'accepted' | 'duplicate' | 'unrequested'
