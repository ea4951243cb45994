/**
 * Puts counters into source text, wherever control goes one way or another, and listens to comparisons. The text keeps its
 * lines, so that stacks of what goes wrong name the right ones.
 */
import { parseAst } from 'rolldown/parseAst'

/** Where a counter stands. Line and column count from 1. */
export interface Point {
  readonly line: number
  readonly column: number
}

export interface Instrumented {
  readonly text: string
  /** In the order of their counters. */
  readonly points: readonly Point[]
  /** Strings that the source compares with or writes: words of the grammar that it reads. */
  readonly words: ReadonlySet<string>
}

/** Names of what instrumented text expects as globals: the counters, and who is told of comparisons. */
export const HITS = '__fuzzHits'
export const EQUAL = '__fuzzEqual'

/** Characters of a word of the dictionary: longer strings are messages for people. */
const MAX_WORD_LENGTH = 40

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [member: string]: unknown
}

/** Text that goes in at `at`, in place of `removed` characters. */
interface Edit {
  readonly at: number
  readonly text: string
  readonly removed: number
  /** Where several meet: what closes goes before what opens, what was opened last closes first. */
  readonly rank: number
}

/**
 * @param source TypeScript
 * @param firstPoint number of the first counter
 */
export function instrument(source: string, firstPoint: number): Instrumented {
  const walk = new Walk(source, firstPoint)
  walk.visit(parseAst(source, { lang: 'ts', preserveParens: true }) as unknown as Node)
  return { text: walk.text(), points: walk.points, words: walk.words }
}

class Walk {
  readonly points: Point[] = []
  readonly words = new Set<string>()
  readonly #source: string
  readonly #firstPoint: number
  readonly #edits: Edit[] = []
  #order = 0

  constructor(source: string, firstPoint: number) {
    this.#source = source
    this.#firstPoint = firstPoint
  }

  visit(node: Node): void {
    this.#order++
    // Types are gone at run time, and so are declarations of what is elsewhere.
    if (/^TS(?:Type|Interface|Declare)/.test(node.type) || node.type === 'ImportDeclaration') return
    this.#mark(node)
    for (const member of Object.values(node))
      for (const child of Array.isArray(member) ? (member as unknown[]) : [member])
        if (isNode(child)) this.visit(child)
  }

  text(): string {
    const edits = this.#edits.toSorted((a, b) => a.at - b.at || a.rank - b.rank)
    let text = `const ${HITS}=globalThis.${HITS},${EQUAL}=globalThis.${EQUAL};`
    let at = 0
    for (const edit of edits) {
      text += this.#source.slice(at, edit.at) + edit.text
      at = edit.at + edit.removed
    }
    return text + this.#source.slice(at)
  }

  #mark(node: Node): void {
    switch (node.type) {
      case 'FunctionDeclaration':
      case 'FunctionExpression':
        if (isNode(node['body'])) this.#block(node['body'])
        break
      case 'ArrowFunctionExpression':
        if ((node['body'] as Node).type === 'BlockStatement') this.#block(node['body'] as Node)
        else this.#value(node['body'] as Node)
        break
      case 'IfStatement':
        this.#branch(node)
        break
      case 'ForStatement':
      case 'ForInStatement':
      case 'ForOfStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
        this.#statement(node['body'] as Node)
        break
      case 'SwitchCase': {
        const [first] = node['consequent'] as Node[]
        if (first !== undefined) this.#open(first.start, `${this.#count(first)};`)
        break
      }
      case 'CatchClause':
        this.#block(node['body'] as Node)
        break
      case 'ConditionalExpression':
        this.#value(node['consequent'] as Node)
        this.#value(node['alternate'] as Node)
        break
      case 'LogicalExpression':
      case 'AssignmentPattern':
        this.#value(node['right'] as Node)
        break
      case 'AssignmentExpression':
        if (/^(?:\?\?|\|\||&&)=$/.test(node['operator'] as string)) this.#value(node['right'] as Node)
        break
      case 'BinaryExpression':
        this.#comparison(node)
        break
      case 'Literal':
        this.#word(node['value'])
        break
      case 'TemplateElement':
        this.#word((node['value'] as { readonly cooked?: string }).cooked)
        break
    }
  }

  #branch(node: Node): void {
    const consequent = node['consequent'] as Node
    const alternate = node['alternate']
    if (isNode(alternate)) {
      this.#statement(consequent)
      if (alternate.type !== 'IfStatement') this.#statement(alternate)
    } else this.#statement(consequent, ` else ${this.#count(node)};`)
  }

  #statement(node: Node, behind = ''): void {
    if (node.type === 'BlockStatement') {
      this.#block(node)
      if (behind !== '') this.#close(node.end, behind)
    } else {
      this.#open(node.start, `{${this.#count(node)};`)
      this.#close(node.end, `}${behind}`)
    }
  }

  #block(node: Node): void {
    this.#open(node.start + 1, `${this.#count(node)};`)
  }

  #value(node: Node): void {
    this.#open(node.start, `(${this.#count(node)},`)
    this.#close(node.end, ')')
  }

  #comparison(node: Node): void {
    const operator = node['operator'] as string
    const left = node['left'] as Node
    const right = node['right'] as Node
    if ((operator !== '===' && operator !== '!==') || isPlain(left) || isPlain(right)) return
    this.#open(node.start, operator === '===' ? `${EQUAL}(` : `!${EQUAL}(`)
    this.#edits.push({ at: this.#source.indexOf(operator, left.end), text: ',', removed: 3, rank: 0 })
    this.#close(node.end, ')')
  }

  #word(value: unknown): void {
    if (typeof value === 'string' && value !== '' && value.length <= MAX_WORD_LENGTH) this.words.add(value)
  }

  /** An expression that counts. */
  #count({ start }: Node): string {
    const before = this.#source.slice(0, start)
    this.points.push({
      line: before.split('\n').length,
      column: start - before.lastIndexOf('\n'),
    })
    return `${HITS}[${this.#firstPoint + this.points.length - 1}]++`
  }

  #open(at: number, text: string): void {
    this.#edits.push({ at, text, removed: 0, rank: this.#order })
  }

  #close(at: number, text: string): void {
    this.#edits.push({ at, text, removed: 0, rank: -this.#order })
  }
}

/** Comparing with it teaches nothing about the input. */
function isPlain(node: Node): boolean {
  if (node.type === 'Literal') return typeof node['value'] !== 'string' && typeof node['value'] !== 'number'
  return (node.type === 'Identifier' && node['name'] === 'undefined') || node.type === 'UnaryExpression'
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Node>).type === 'string'
}
