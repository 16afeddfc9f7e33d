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

const WORKFLOW = 'weather-report';
const SPANS_IN_TRACE = 25;
const SPREAD = 0x9e3779b1;
// What the harness compares; records also carry times of storage, and what this package does not read.
const LIGHT = ['traceId', 'spanId', 'parentSpanId', 'name', 'spanType', 'isEvent', 'startedAt', 'endedAt', 'error'];
const SPAN = [
  ...LIGHT,
  ...['entityType', 'entityId', 'entityName', 'userId', 'organizationId', 'resourceId', 'runId', 'sessionId', 'threadId'],
  ...['requestId', 'environment', 'serviceName', 'source', 'attributes', 'metadata', 'tags', 'input', 'output'],
];

let store;
let memory;
let workflows;
let scores;
let observability;
let material;
let scoreNames;
const saved = {};

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
      content: material.contents[number % material.contents.length],
      createdAt: new Date(SAVED_AT + number),
    };
  });

const camel = name => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
const camelKeys = object => Object.fromEntries(Object.entries(object).map(([key, value]) => [camel(key), value]));
const withoutNulls = object => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
const savedId = number => `saved-${(Math.imul(number, SPREAD) >>> 0).toString(16).padStart(8, '0')}`;
const members = (record, names) => Object.fromEntries(names.map(name => [name, plain(record[name])]));
const plain = value => (value instanceof Date ? value.getTime() : (value ?? null));

const newSpans = first =>
  material.spans.map(({ parent, started, ended, rest }, place) => {
    const number = first + place;
    return {
      ...rest,
      traceId: savedId(Math.floor(number / SPANS_IN_TRACE)),
      spanId: savedId(number),
      parentSpanId: parent === null ? null : savedId(number - parent),
      startedAt: new Date(started + first),
      endedAt: new Date(ended + first),
    };
  });

const newResult = (runId, number) => ({
  workflowName: WORKFLOW,
  runId,
  stepId: `step-${number % 12}`,
  result: material.results[number % material.results.length],
  requestContext: { locale: 'en', turn: number % 9 },
});

const newSnapshot = (runId, number) => ({
  workflowName: WORKFLOW,
  runId,
  snapshot: material.snapshots[number % material.snapshots.length],
});

const newScore = number => ({
  ...material.scores[number % material.scores.length],
  id: `saved-${String(number).padStart(12, '0')}`,
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
  load_20kb: runId => workflows.loadWorkflowSnapshot({ workflowName: WORKFLOW, runId }),
  persist_20kb: given => workflows.persistWorkflowSnapshot(given),
  update_step: given => workflows.updateWorkflowResults(given),
  traces_20: () => observability.listTraces({ pagination: { page: 0, perPage: 20 } }),
  structure_500: traceId => observability.getStructure({ traceId }),
  spans_100: records => observability.batchCreateSpans({ records }),
  score_1: score => scores.saveScore(score),
};
const batches = { save_1: 1, save_20: 20, persist_20kb: 1, update_step: 1, spans_100: 100, score_1: 1 };
const makers = {
  save_1: (pick, first) => newMessages(pick, first, 1),
  save_20: (pick, first) => newMessages(pick, first, 20),
  persist_20kb: newSnapshot,
  update_step: newResult,
  spans_100: (_, first) => newSpans(first),
  score_1: (_, number) => newScore(number),
};
// Messages are saved by two operations, which must not meet.
const counters = { save_1: 'messages', save_20: 'messages' };

const stored = {
  async workflows(runId) {
    const run = await workflows.getWorkflowRunById({ workflowName: WORKFLOW, runId });
    const snapshot = typeof run.snapshot === 'string' ? JSON.parse(run.snapshot) : run.snapshot;
    return { snapshot, created: plain(run.createdAt), bumped: run.updatedAt > run.createdAt };
  },
  async observability(traceId) {
    const { spans } = await observability.getTrace({ traceId });
    return spans.map(span => members(span, SPAN));
  },
  async scores(id) {
    return members(await scores.getScoreById({ id }), scoreNames);
  },
};
const domains = { persist_20kb: 'workflows', update_step: 'workflows', spans_100: 'observability', score_1: 'scores' };

function answer(operation, result) {
  if (operation === 'traces_20') {
    const rows = result.spans.map(span => members(span, [...SPAN, 'status']));
    return { rows, total: result.pagination.total };
  }
  if (operation === 'structure_500') return result.spans.map(span => members(span, LIGHT));
  if (operation === 'load_20kb' || operation === 'update_step') return result;
  if (operation in domains) return null;
  if (operation === 'thread_by_id') return [[result.id], null];
  const rows = result.threads ?? result.messages;
  const counted = ['last_10', 'page_100', 'threads_20'].includes(operation);
  return [rows.map(row => row.id), counted ? result.total : null];
}

function argument(operation, pick) {
  const batch = batches[operation];
  if (!batch) return pick;
  const counter = counters[operation] ?? operation;
  const first = saved[counter] ?? 1_000_000;
  saved[counter] = first + batch;
  return makers[operation](pick, first);
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
    material = request.material;
    material.spans = material.spans.map(span => ({ ...span, rest: camelKeys(span.rest) }));
    scoreNames = Object.keys(camelKeys(material.scores[0]));
    material.scores = material.scores.map(score => withoutNulls(camelKeys(score)));
    store = connect();
    await store.init();
    memory = await store.getStore('memory');
    workflows = await store.getStore('workflows');
    scores = await store.getStore('scores');
    observability = await store.getStore('observability');
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
      const value = batch ? makers[operation](pick, first + place * batch) : pick;
      answers.push(answer(operation, await calls[operation](value)));
    }
    return { answers };
  },
  async stored({ operation, pick }) {
    return { stored: await stored[domains[operation]](pick) };
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
