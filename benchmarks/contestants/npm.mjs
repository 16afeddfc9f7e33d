// The official npm packages, through their public API. The counterpart of worker.py; requests and replies are the same.
// Arguments: kind, backend, URL, descriptor of the pipe; PACKAGES is the folder in which the packages are installed.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [, , , backend, url, descriptor] = process.argv;
const require = createRequire(`${process.env.PACKAGES}/package.json`);
const WARM_UP = 0.15;
const SAVED_AT = Date.UTC(2027, 0, 1);
const NEWEST_FIRST = { field: 'createdAt', direction: 'DESC' };

let store;
let memory;
let contents;
let saved = 1_000_000;

function connect() {
  if (backend === 'postgres') {
    const { PostgresStore } = require('@mastra/pg');
    return new PostgresStore({ id: 'benchmark', connectionString: url });
  }
  const { LibSQLStore } = require('@mastra/libsql');
  return new LibSQLStore({ id: 'benchmark', url: url.replace('sqlite:///', 'file:') });
}

const newMessages = (thread, first, batch) =>
  Array.from({ length: batch }, (_, offset) => {
    const number = first + offset;
    return {
      id: `saved-${String(number).padStart(12, '0')}`,
      threadId: thread,
      resourceId: 'resource-of-writers',
      role: 'user',
      type: 'v2',
      content: contents[number % contents.length],
      createdAt: new Date(SAVED_AT + number),
    };
  });

const save = messages => memory.saveMessages({ messages });
const calls = {
  save_1: save,
  save_20: save,
  last_10: threadId => memory.listMessages({ threadId, perPage: 10, orderBy: NEWEST_FIRST }),
  page_100: threadId => memory.listMessages({ threadId, perPage: 100 }),
  thread_by_id: threadId => memory.getThreadById({ threadId }),
  threads_20: resourceId => memory.listThreads({ filter: { resourceId }, perPage: 20, orderBy: NEWEST_FIRST }),
  window_5_5: id =>
    memory.listMessages({
      threadId: 'none',
      perPage: 0,
      include: [{ id, withPreviousMessages: 5, withNextMessages: 5 }],
    }),
};
const batches = { save_1: 1, save_20: 20 };

function answer(operation, result) {
  if (operation === 'thread_by_id') return [[result.id], null];
  const rows = result.threads ?? result.messages;
  const counted = ['last_10', 'page_100', 'threads_20'].includes(operation);
  return [rows.map(row => row.id), counted ? result.total : null];
}

function argument(operation, pick) {
  const batch = batches[operation];
  if (!batch) return pick;
  saved += batch;
  return newMessages(pick, saved - batch, batch);
}

async function drive(operation, picks, turn, callers, seconds) {
  const call = calls[operation];
  const end = performance.now() + seconds * 1000;
  const latencies = [];
  const caller = async () => {
    while (performance.now() < end) {
      const value = argument(operation, picks[turn.next++ % picks.length]);
      const start = performance.now();
      await call(value);
      latencies.push((performance.now() - start) * 1000);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return latencies;
}

const handlers = {
  async open(request) {
    contents = request.contents;
    store = connect();
    await store.init();
    memory = await store.getStore('memory');
    return {};
  },
  async load() {
    return { loaded: false };
  },
  async close() {
    await store.close?.();
    return {};
  },
  async check({ operation, picks, first }) {
    const answers = [];
    const batch = batches[operation] ?? 0;
    for (const [place, pick] of picks.entries()) {
      const value = batch ? newMessages(pick, first + place * batch, batch) : pick;
      answers.push(answer(operation, await calls[operation](value)));
    }
    return { answers };
  },
  async bumped({ thread }) {
    const { createdAt, updatedAt } = await memory.getThreadById({ threadId: thread });
    return { bumped: updatedAt > createdAt };
  },
  async refuses({ first, batch }) {
    try {
      await save(newMessages('no-such-thread', first, batch));
    } catch {
      return { refused: true };
    }
    return { refused: false };
  },
  async slot({ operation, picks, callers, seconds }) {
    const turn = { next: 0 };
    await drive(operation, picks, turn, callers, seconds * WARM_UP);
    const start = performance.now();
    const latencies = await drive(operation, picks, turn, callers, seconds);
    const elapsed = performance.now() - start;
    latencies.sort((a, b) => a - b);
    const p50 = latencies[Math.floor(latencies.length / 2)];
    return { calls: latencies.length, each: (elapsed * 1000) / latencies.length, p50 };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let reply;
  try {
    reply = await handlers[request.do](request);
  } catch (error) {
    reply = { error: String(error.stack ?? error) };
  }
  fs.writeSync(Number(descriptor), `${JSON.stringify(reply)}\n`);
}
process.exit(0);
