import assert from 'node:assert/strict';
import { test } from 'node:test';

import { unreachableHost } from '../../../../src/pages/static/hosts.js';

const OWN = ['localhost:8000', '127.0.0.1:8000', '10.0.0.7', '192.168.1.20:80', '172.16.0.1', '172.31.9.9', '[::1]:8000', '[fd12::1]', 'nas.local', 'clips.lan'];
const PUBLIC = ['clips.example.com', '172.32.0.1', '100.20.30.40', '[2001:db8::1]', 'localhost.example.com', '10.0.0.7.example.com'];

test('hosts of this computer and its network are told from those of the internet', () => {
  for (const host of OWN) assert.notEqual(unreachableHost(`!add $(urlfetch http://${host}/c/x?y=1)`), '', host);
  for (const host of PUBLIC) assert.equal(unreachableHost(`https://${host}/c/x`), '', host);
  assert.equal(unreachableHost('no address'), '');
});
