/** Asks a contact whether it is alive. */
import type { Contact } from '../table/contact.ts'

export interface Pinger {
  /** @returns false when there is no room for another question; `onDone` is not called then */
  ping(contact: Contact, onDone: (hasAnswered: boolean) => void): boolean
}

export type Ping = Pinger['ping']
