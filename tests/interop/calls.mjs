// Runs calls on the official packages. One request per line of input, one line of output for each:
//   {id, store: {adapter, url, schema?}, calls: [{domain, method, args}]} -> {id, answers: [{result} or {error}], began, ended}
//   {id, close: true} closes all stores -> {id, answers: []}
// Arguments and results carry tags: {"$date": iso}, {"$repeat": [unit, count]}, {"$undefined": true}.
import readline from 'node:readline';
import { format } from 'node:util';
import { LibSQLStore } from '@mastra/libsql';
import { PostgresStore } from '@mastra/pg';

// Standard output belongs to the answers.
for (const name of ['log', 'info', 'warn', 'error', 'debug']) {
  console[name] = (...args) => process.stderr.write(`${format(...args)}\n`);
}

const adapters = {
  libsql: ({ url }) => new LibSQLStore({ id: 'interop', url }),
  postgres: ({ url, schema }) => new PostgresStore({ id: 'interop', connectionString: url, schemaName: schema ?? undefined }),
};
const stores = new Map();

async function open(description) {
  const key = JSON.stringify(description);
  if (!stores.has(key)) {
    const store = adapters[description.adapter](description);
    await store.init();
    stores.set(key, store);
  }
  return stores.get(key);
}

async function closeAll() {
  const open = [...stores.values()];
  stores.clear();
  for (const store of open) await store.close();
}

function decode(value) {
  if (Array.isArray(value)) return value.map(decode);
  if (value === null || typeof value !== 'object') return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === '$date') return new Date(value.$date);
  if (keys.length === 1 && keys[0] === '$repeat') return value.$repeat[0].repeat(value.$repeat[1]);
  if (keys.length === 1 && keys[0] === '$undefined') return undefined;
  return Object.fromEntries(keys.map(key => [key, decode(value[key])]));
}

// Members that are undefined are left out, as JSON does.
function encode(value) {
  if (value === undefined) return { $undefined: true };
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString() };
  if (Array.isArray(value)) return value.map(encode);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, encode(item)]));
}

async function answer(store, { domain, method, args }) {
  try {
    const storage = await store.getStore(domain);
    return { result: encode(await storage[method](...args.map(decode))) };
  } catch (error) {
    const id = String(error.id ?? error.name).replace(/^MASTRA_STORAGE_[A-Z]+_/, '');
    return { error: { id, message: String(error.cause?.message ?? error.message) } };
  }
}

async function respond({ id, store: description, calls = [], close }) {
  if (close) await closeAll();
  const store = description && (await open(description));
  const began = Date.now();
  const answers = [];
  for (const call of calls) answers.push(await answer(store, call));
  return { id, answers, began, ended: Date.now() };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const response = await respond(request).catch(error => ({ id: request.id, failure: String(error.stack ?? error) }));
  process.stdout.write(`${JSON.stringify(response)}\n`);
}
await closeAll();
process.exit(0);
