// Client of the archive services: jobs, metadata, downloads, storage. Uses fetch and nothing else.
'use strict';

// The four services on ports of their own, as they are documented; at any other address one app is all of them.
const PORTS = { jobs: '8001', metadata: '8002', download: '8003', storage: '8004' };

class ServiceError extends Error {
  constructor(message, code, status, details) {
    super(message);
    this.name = 'ServiceError';
    this.code = code;
    this.status = status;
    this.details = details;
  }
}

const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const isPlain = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** Fields in the spelling of this language. What is kept by ids of videos stays under those ids. */
function told(value, keepNames = false) {
  if (Array.isArray(value)) return value.map((each) => told(each));
  if (!isPlain(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [keepNames ? name : camel(name), told(each, name === 'metadata' && !('title' in Object(each)))]),
  );
}

const sent = (options) => Object.fromEntries(Object.entries(options).map(([name, value]) => [snake(name), value]));

function beside(base, service) {
  const url = new URL(base);
  if (url.port === PORTS.jobs) url.port = PORTS[service];
  return url.href.replace(/\/+$/, '');
}

class Service {
  constructor(base, token) {
    this.base = base;
    this.token = token;
  }

  async call(method, path, { query, body, form } = {}) {
    const url = new URL(this.base + path);
    for (const [name, value] of Object.entries(query || {})) {
      if (value !== undefined && value !== null) url.searchParams.set(snake(name), String(value));
    }
    const headers = {};
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    if (body) headers['Content-Type'] = 'application/json';
    const reply = await fetch(url, { method, headers, body: form || (body && JSON.stringify(body)) });
    const text = await reply.text();
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      answer = {};
    }
    if (!reply.ok || answer.status === 'error') {
      const error = answer.error || {};
      throw new ServiceError(error.message || reply.statusText, error.code, reply.status, error.details);
    }
    return answer;
  }

  async data(method, path, options) {
    return told((await this.call(method, path, options)).data);
  }

  async health() {
    return told(await this.call('GET', '/health'));
  }
}

class Jobs extends Service {
  createDownloadJob(options) {
    return this.data('POST', '/jobs', { body: sent(options) });
  }

  getJob(jobId) {
    return this.data('GET', `/jobs/${encodeURIComponent(jobId)}`);
  }

  listJobs(query = {}) {
    return this.data('GET', '/jobs', { query });
  }

  cancelJob(jobId) {
    return this.data('DELETE', `/jobs/${encodeURIComponent(jobId)}`);
  }
}

class Metadata extends Service {
  getVideo(videoId) {
    return this.data('GET', `/metadata/${encodeURIComponent(videoId)}`);
  }

  getBatch(videoIds, includeFormats = false) {
    return this.data('POST', '/metadata/batch', { body: { video_ids: videoIds, include_formats: includeFormats } });
  }

  getPlaylist(playlistId, query = {}) {
    return this.data('GET', `/metadata/playlist/${encodeURIComponent(playlistId)}`, { query });
  }

  clearCache(query = {}) {
    return this.data('DELETE', '/metadata/cache', { query });
  }
}

class Downloads extends Service {
  start(options) {
    return this.data('POST', '/download', { body: sent(options) });
  }

  get(downloadId) {
    return this.data('GET', `/download/${encodeURIComponent(downloadId)}`);
  }

  list() {
    return this.data('GET', '/download');
  }

  cancel(downloadId) {
    return this.data('DELETE', `/download/${encodeURIComponent(downloadId)}`);
  }
}

class Storage extends Service {
  getVideo(videoId) {
    return this.data('GET', `/storage/videos/${encodeURIComponent(videoId)}`);
  }

  listVideos(query = {}) {
    return this.data('GET', '/storage/videos', { query });
  }

  saveMetadata(options) {
    return this.data('POST', '/storage/metadata', { body: sent(options) });
  }

  saveVideo(videoId, file, metadata = {}) {
    const form = new FormData();
    form.set('video_id', videoId);
    form.set('metadata', JSON.stringify(metadata));
    form.set('file', file);
    return this.data('POST', '/storage/video', { form });
  }

  stats() {
    return this.data('GET', '/storage/stats');
  }
}

class Client {
  constructor({ baseURL = 'http://localhost:5000', token, metadataURL, downloadURL, storageURL } = {}) {
    const base = baseURL.replace(/\/+$/, '');
    this.jobs = new Jobs(base, token);
    this.metadata = new Metadata(metadataURL || beside(base, 'metadata'), token);
    this.downloads = new Downloads(downloadURL || beside(base, 'download'), token);
    this.storage = new Storage(storageURL || beside(base, 'storage'), token);
  }
}

module.exports = { Client, ServiceError };
