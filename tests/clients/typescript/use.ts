// Creates a job, reads it and lists its runs with a generated client, and prints what it got: node use.js URL TOKEN.
import { createJob, getJob, listExecutions, type ExecutionAnswer, type JobAnswer, type JobBody } from "./client";
import { client } from "./client/client.gen";

const [baseUrl, token] = process.argv.slice(2);
client.setConfig({ baseUrl, auth: token });

async function main(): Promise<void> {
  const body: JobBody = { name: "generated", target: { kind: "http", url: "https://example.com/hook" } };
  const headers = { "Idempotency-Key": "typescript-1" };
  const made: JobAnswer = (await createJob({ body, headers, throwOnError: true })).data;
  const again: JobAnswer = (await createJob({ body, headers, throwOnError: true })).data;
  const read: JobAnswer = (await getJob({ path: { id: made.id }, throwOnError: true })).data;
  const listed = await listExecutions({ path: { id: made.id }, query: { limit: 10 }, throwOnError: true });
  const runs: ExecutionAnswer[] = listed.data.items;
  const missing = await getJob({ path: { id: "j0000000000000zzz" } });
  const told = {
    ids: [made.id, again.id, read.id],
    name: read.name,
    created_at: read.created_at,
    runs: runs.map((run) => run.state),
    missing: missing.error?.status,
  };
  process.stdout.write(JSON.stringify(told));
}

void main();
