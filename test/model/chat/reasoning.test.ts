import t from 'tap'
import { opensReasoning, ReasoningParser, showsReasoning } from '../../../src/model/chat/reasoning.js'
import { Random, testSeed } from '../../support/random.js'

interface Divided { reasoning: string, text: string }

function divide (pieces: readonly string[], isOpen: boolean): Divided {
  const parser = new ReasoningParser(isOpen)
  const whole = pieces.join('')
  const divided: Divided = { reasoning: '', text: '' }
  let at = 0
  const add = (parts: ReturnType<ReasoningParser['push']>): void => {
    for (const { chars, kind } of parts) {
      if (kind !== 'markup') divided[kind] += whole.slice(at, at + chars)
      at += chars
    }
  }
  for (const piece of pieces) add(parser.push(piece))
  add(parser.end())
  if (at !== whole.length) throw new Error(`${at} of ${whole.length} characters are in parts`)
  return divided
}

/** The same in one go. */
function expected (answer: string, isOpen: boolean): Divided {
  const rest = isOpen ? answer : /^\s*<think>/.test(answer) ? answer.replace(/^\s*<think>/, '') : undefined
  if (rest === undefined) return { reasoning: '', text: answer }
  const end = rest.indexOf('</think>')
  const lead = rest.length - rest.trimStart().length
  if (end < 0) return { reasoning: rest.slice(lead), text: '' }
  return { reasoning: rest.slice(0, end).trim(), text: rest.slice(end + '</think>'.length).trimStart() }
}

t.test('thoughts stand between the marks, without the blanks beside these; the rest is text', t => {
  t.same(divide(['<think>\nWell,\n hm.\n</think>\n\nYes. '], false), { reasoning: 'Well,\n hm.', text: 'Yes. ' })
  t.same(divide(['\nWell.</think>Yes.'], true), { reasoning: 'Well.', text: 'Yes.' }, 'the prompt has opened them')
  t.same(divide(['<think>\n\n</think>\n\nYes.'], false), { reasoning: '', text: 'Yes.' }, 'none')
  t.same(divide(['Yes. <think>no</think>'], false), { reasoning: '', text: 'Yes. <think>no</think>' }, 'only at the beginning')
  t.same(divide(['<think>a</think>b<think>c</think>'], false), { reasoning: 'a', text: 'b<think>c</think>' }, 'and only once')
  t.same(divide(['<think>cut </th'], false), { reasoning: 'cut </th', text: '' })
  t.same(divide([' <thi'], false), { reasoning: '', text: ' <thi' })
  t.end()
})

t.test('however an answer is cut into pieces, its parts are the same', t => {
  const seed = testSeed()
  t.comment(`seed ${seed}`)
  const random = new Random(seed)
  const words = ['<think>', '</think>', '<', '</', '</think', 'think>', '<think', ' ', '\n', 'a', 'bc', '>']
  let wrong: string | undefined
  for (let i = 0; i < 20_000 && wrong === undefined; i++) {
    const answer = (random.chance(0.3) ? '' : '<think>') + Array.from({ length: random.integer(0, 12) }, () => random.pick(words)).join('')
    const pieces: string[] = []
    for (let at = 0; at < answer.length; at += pieces.at(-1)!.length) pieces.push(answer.slice(at, at + random.integer(1, 6)))
    const isOpen = random.chance(0.5)
    const [got, meant] = [divide(pieces, isOpen), expected(answer, isOpen)]
    if (got.reasoning !== meant.reasoning || got.text !== meant.text) wrong = JSON.stringify({ pieces, isOpen, got, meant })
  }
  t.equal(wrong, undefined)
  t.end()
})

t.test('a template shows thoughts when it takes them out of answers; a prompt opens them when it ends so', t => {
  t.ok(showsReasoning('{{ content.split(\'</think>\')[-1] }}'))
  t.notOk(showsReasoning('{{ content }}'))
  t.ok(opensReasoning('<|im_start|>assistant\n<think>\n'))
  t.notOk(opensReasoning('<|im_start|>assistant\n<think>\n\n</think>\n\n'))
  t.notOk(opensReasoning('<|im_start|>assistant\n'))
  t.end()
})
