/** What is printed again and again, without what has not changed. */
import { Writable } from 'node:stream'

/** Passes on each line that is not the same as the last. */
export function changedLines(stream: NodeJS.WritableStream): Writable {
  let line = ''
  let last = ''
  return new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      line += text
      if (line.endsWith('\n')) {
        if (line !== last) stream.write(line)
        last = line
        line = ''
      }
      done()
    },
  })
}
