// Without a service: a web server of our own answers as the documents say.
'use strict';

const test = require('node:test');
const assert = require('node:assert');
const http = require('node:http');
const YTArchive = require('..');

async function served(answer, run) {
  const heard = [];
  const server = http.createServer((request, reply) => {
    let body = '';
    request.on('data', (data) => (body += data));
    request.on('end', () => {
      heard.push({ method: request.method, url: request.url, headers: request.headers, body });
      const [status, content] = answer(request);
      reply.writeHead(status, { 'Content-Type': 'application/json' });
      reply.end(JSON.stringify(content));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await run(`http://127.0.0.1:${server.address().port}`, heard);
  } finally {
    server.closeAllConnections?.();
    server.close();
  }
}

const ok = (data) => () => [200, { status: 'success', data, timestamp: '2025-01-26T09:43:40Z' }];

test('names are spelled as each side writes them', async () => {
  await served(ok({ job_id: 'j1', video_id: 'v', status: 'queued' }), async (baseURL, heard) => {
    const client = new YTArchive.Client({ baseURL, token: 't' });
    const job = await client.jobs.createDownloadJob({ videoId: 'v', quality: '720p', metadataRequested: true });
    assert.deepStrictEqual(job, { jobId: 'j1', videoId: 'v', status: 'queued' });
    assert.deepStrictEqual(JSON.parse(heard[0].body), { video_id: 'v', quality: '720p', metadata_requested: true });
    assert.strictEqual(heard[0].headers.authorization, 'Bearer t');
  });
});

test('ids of videos stay as they are', async () => {
  const data = { metadata: { a_b: { view_count: 1 } }, failed: [] };
  await served(ok(data), async (baseURL) => {
    const client = new YTArchive.Client({ baseURL });
    assert.deepStrictEqual(await client.metadata.getBatch(['a_b']), { metadata: { a_b: { viewCount: 1 } }, failed: [] });
  });
});

test('an error has its code', async () => {
  const error = { status: 'error', error: { code: 'JOB_NOT_FOUND', message: 'There is no such job.', details: {} } };
  await served(() => [404, error], async (baseURL) => {
    const client = new YTArchive.Client({ baseURL });
    await assert.rejects(client.jobs.getJob('x'), { name: 'ServiceError', code: 'JOB_NOT_FOUND', status: 404 });
  });
});

test('the documented ports lead to the services behind them', () => {
  const client = new YTArchive.Client({ baseURL: 'http://localhost:8001' });
  assert.strictEqual(client.storage.base, 'http://localhost:8004');
  assert.strictEqual(new YTArchive.Client({ baseURL: 'http://localhost:5000/' }).storage.base, 'http://localhost:5000');
});
