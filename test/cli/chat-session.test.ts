import t from 'tap'
import { ChatSession } from '../../src/cli/chat-session.js'
import { FakeEngine } from '../support/fake-engine.js'
import { eventually } from '../support/http.js'
import { memoryIo } from '../support/memory-io.js'

t.test('a conversation grows by question and answer, with the system message in front', async t => {
  const engine = new FakeEngine()
  const session = new ChatSession(engine, memoryIo(), { temperature: 0 }, 'Be brief.')
  await session.take('one')
  await session.take('two')
  t.same(engine.chats[1]!.messages, [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'one' },
    { role: 'assistant', content: 'Hello there!' },
    { role: 'user', content: 'two' }
  ])
  await session.take('/reset')
  await session.take('/system')
  await session.take('three')
  t.same(engine.chats[2]!.messages, [{ role: 'user', content: 'three' }])
  t.equal(await session.take('/exit'), 'exit')
})

t.test('an interrupted answer ends, and what was said of it stays in the conversation', async t => {
  const engine = new FakeEngine({ answer: Array(1000).fill('x'), tokenMs: 5 })
  const io = memoryIo()
  const session = new ChatSession(engine, io, {})
  t.notOk(session.interrupt(), 'nothing to interrupt')
  const answer = session.take('go')
  await eventually(() => io.out().includes('xx'), 'some text')
  t.ok(session.interrupt())
  await answer
  t.match(io.err(), /interrupted/)
  engine.options = {}
  await session.take('on')
  t.match(engine.chats[1]!.messages[1], { role: 'assistant', content: /^x+$/ })
})

t.test('a conversation that grew too long is not lost: the question is dropped, and the remedy named', async t => {
  const engine = new FakeEngine({ maxModelLen: 5 })
  const io = memoryIo()
  const session = new ChatSession(engine, io, {})
  await session.take('short')
  await session.take('this is far too long')
  t.match(io.err(), /The prompt has \d+ tokens.*\/reset/)
  await session.take('ok')
  t.equal(engine.chats[2]!.messages.length, 3)
})

t.test('a failure of the engine ends the session with its error', async t => {
  const engine = new FakeEngine({ failure: new Error('gone') })
  await t.rejects(new ChatSession(engine, memoryIo(), {}).take('hi'), { message: 'gone' })
})
