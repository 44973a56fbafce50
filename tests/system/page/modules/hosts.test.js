import assert from 'node:assert/strict';
import { test } from 'node:test';

import { reachOf } from '../../../../src/pages/static/hosts.js';

const MACHINE = ['localhost:8000', '127.0.0.1:8000', '127.8.0.1', '[::1]:8000', 'clips.localhost'];
const NETWORK = ['10.0.0.7', '192.168.1.20:80', '172.16.0.1', '172.31.9.9', '[fd12::1]', 'nas.local', 'clips.lan'];
const PUBLIC = ['clips.example.com', '172.32.0.1', '100.20.30.40', '[2001:db8::1]', 'localhost.example.com', '10.0.0.7.example.com'];

test('addresses of this machine, of its network and of the internet are told apart', () => {
  const command = (host) => `!add $(urlfetch http://${host}/c/x?y=1)`;
  for (const host of MACHINE) assert.deepEqual(reachOf(command(host)), { who: 'machine', host });
  for (const host of NETWORK) assert.deepEqual(reachOf(command(host)), { who: 'network', host: host.replace(':80', '') });
  for (const host of PUBLIC) assert.equal(reachOf(`https://${host}/c/x`), null, host);
  assert.equal(reachOf('no address'), null);
});
