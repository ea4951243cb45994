import type { Contact } from './contact.ts'

export interface TableObserver {
  /** A contact came or went. */
  onChange(contact: Contact, change: 'added' | 'removed', reason: string): void
}
