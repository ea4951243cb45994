/** Asks a contact whether it is alive. */
import type { Contact } from '../table/contact.ts'

/** @returns false when there is no room for another question; `onDone` is not called then */
export type Ping = (contact: Contact, onDone: (hasAnswered: boolean) => void) => boolean

export interface Pinger {
  /** As {@link Ping}. */
  ping(contact: Contact, onDone: (hasAnswered: boolean) => void): boolean
}
