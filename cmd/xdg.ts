/** Folders for a user's state and caches (XDG Base Directory Specification). */
const BELOW_HOME = { STATE: '.local/state', CACHE: '.cache' } as const

/** @returns our folder there; undefined when the system does not say where */
export function xdgFolder(
  purpose: keyof typeof BELOW_HOME,
  variables: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const given = variables[`XDG_${purpose}_HOME`]
  // A relative path is to be ignored.
  if (given?.startsWith('/')) return `${given}/bitswarm`
  const { HOME: home } = variables
  return home ? `${home}/${BELOW_HOME[purpose]}/bitswarm` : undefined
}
