"""Programs as the documents show them: names in braces stand for what is another host or another id."""

from __future__ import annotations

ARCHIVE_PYTHON = """
import asyncio
from ytarchive_sdk import YTArchiveClient

async def main():
    client = YTArchiveClient(base_url="{base}")
    job = await client.jobs.create_download_job(video_id="{video}", quality="240p")
    while job.status != "completed":
        job = await client.jobs.get_job(job.job_id)
        print(f"Progress: {{job.progress}}%")
        await asyncio.sleep(0.3)
    video = await client.storage.get_video(job.video_id)
    print(f"Downloaded: {{video.title}}")

asyncio.run(main())
"""

# The same without ``await``, and a little of each service.
ARCHIVE_BLOCKING = """
import time
from ytarchive_sdk import YTArchiveSyncClient

with YTArchiveSyncClient(base_url="{base}") as client:
    job = client.jobs.create_download_job(video_id="{video}", quality="240p")
    while job.status != "completed":
        time.sleep(0.3)
        job = client.jobs.get_job(job.job_id)
    assert client.downloads.get(job.job_id).progress == 100
    assert client.metadata.get_video("{video}").duration > 0
    assert client.storage.stats().total_videos >= 1
    print("Downloaded:", client.storage.get_video(job.video_id).title, client.jobs.health()["status"])
"""

ARCHIVE_JAVASCRIPT = """
const YTArchive = require('ytarchive-js');
const client = new YTArchive.Client({ baseURL: '{base}' });

async function downloadVideo(videoId) {
  const job = await client.jobs.createDownloadJob({ videoId: videoId, quality: '240p' });
  const progressInterval = setInterval(async () => {
    const status = await client.jobs.getJob(job.jobId);
    console.log(`Progress: ${status.progress}%`);
    if (status.status === 'completed') {
      clearInterval(progressInterval);
      console.log('Download completed!');
    }
  }, 300);
}
downloadVideo('{video}');
"""

AUDIO_JAVASCRIPT = """
const axios = require('axios');
async function downloadAudio(url) {
  try {
    const response = await axios.post('{base}/audio_dl/api/auto-download/', {
      url: url,
      quality: 'best',
      format: 'mp3'
    });
    if (response.data.success) {
      console.log('Download URL:', response.data.download_url);
      return response.data.download_url;
    } else {
      console.error('Error:', response.data.error);
    }
  } catch (error) {
    console.error('Request failed:', error.message);
  }
}
downloadAudio('https://youtube.com/watch?v={video}');
"""

ARCHIVE_SOCKET = """
const ws = new WebSocket('{socket}/ws');

// Download progress updates
ws.onmessage = function(event) {
  const data = JSON.parse(event.data);
  if (data.event === 'download_progress') {
    console.log(`Progress: ${data.progress}%`);
  }
  if (data.type === 'ended') ws.close();
};
const body = JSON.stringify({ video_id: '{video}', quality: '144p' });
const headers = { 'Content-Type': 'application/json' };
ws.onopen = () => fetch('{base}/jobs', { method: 'POST', headers, body });
"""

BACKEND_JAVASCRIPT = """
const pollProgress = async (videoId) => {
  const response = await fetch(`/api/video/status/${videoId}`, {
    headers: { 'Authorization': `Bearer ${token}` }
  });

  const data = await response.json();

  if (data.status === 'processing' && data.progress) {
    // Update UI with progress
    console.log(`Phase: ${data.progress.current_phase}`);
    console.log(`Progress: ${data.progress.download_progress}%`);
    console.log(`ETA: ${data.progress.eta}`);
  }
};

const downloadVideo = async (videoId) => {
  const response = await fetch(`/api/video/download/${videoId}`, {
    method: 'POST',
    headers: { 'Authorization': `Bearer ${token}` }
  });

  if (response.ok) {
    const blob = await response.blob();
    const url = window.URL.createObjectURL(blob);
    const a = document.createElement('a');
    a.href = url;
    a.download = `video_${videoId}.mp4`;
    a.click();
  }
};
"""

# A page of the service's own address, as far as the examples notice, and somebody who uses it.
PAGE = """
const [base, token, videoId] = process.argv.slice(2);
const network = fetch;
globalThis.fetch = (path, options) => network(base + path, options);
globalThis.window = globalThis;
let saved = 0;
URL.createObjectURL = (blob) => { saved = blob.size; return 'blob:1'; };
globalThis.document = {
  createElement: (name) => ({ click() { console.log(`<${name}> ${this.href} ${this.download} ${saved} bytes`); } }),
};
"""

USE = """
const downloading = downloadVideo(videoId);
const timer = setInterval(() => pollProgress(videoId), 200);
downloading.then(() => clearInterval(timer));
"""

# The one call of that library that the example makes.
AXIOS = """
exports.post = async (url, data) => {
  const headers = { 'Content-Type': 'application/json' };
  const reply = await fetch(url, { method: 'POST', headers, body: JSON.stringify(data) });
  if (!reply.ok) throw new Error(`Request failed with status code ${reply.status}`);
  return { data: await reply.json() };
};
"""

SEVERAL = """
import requests, json
response = requests.post(
    "{base}/audio_dl/api/auto-download/",
    headers={{"Content-Type": "application/json"}},
    data=json.dumps({{"url": "https://youtube.com/watch?v={video}"}}),
)
if response.json()["success"]:
    print(f"Download available at: {{response.json()['download_url']}}")
else:
    print(f"Error: {{response.json()['error']}}")

from auto_download_client import AutoDownloadClient
client = AutoDownloadClient("{base}", username="user")
result = client.download("https://youtube.com/watch?v={video}", quality="128k")
print("linked to", result["linked_to_user"])
"""

# A line each that begins with "curl" is the document's; what is between takes an id out of an answer.
CURL = {
    "sessions and jobs": """
curl -X POST "{base}/api/sessions/" \\
  -H "Content-Type: application/json" > session.json
SESSION=$(field session.json session_uuid)
curl -X POST "{base}/api/jobs/" \\
  -H "X-Session-ID: $SESSION" \\
  -H "Content-Type: application/json" \\
  -d '{{
    "url": "https://www.youtube.com/watch?v={video}",
    "media_type": "video",
    "quality": "best"
  }}' > job.json
curl -X GET "{base}/api/jobs/$(field job.json job_uuid)" \\
  -H "X-Session-ID: $SESSION" > answer.json
field answer.json job_url
""",
    "archive services": """
curl {base}/health
curl -X POST {base}/jobs \\
  -H "Content-Type: application/json" \\
  -d '{{"video_id": "{video}", "quality": "240p"}}' > answer.json
curl {base}/metadata/{video}
curl {base}/stats
field answer.json data video_id
""",
    "auto download": """
curl -X POST {base}/audio_dl/api/auto-download/ \\
  -H "Content-Type: application/json" \\
  -d '{{
    "url": "https://youtube.com/watch?v={video}",
    "quality": "best",
    "format": "mp3"
  }}' > answer.json
field answer.json download_url
curl -X POST {base}/audio_dl/api/auto-download/ \\
  -H "Content-Type: application/json" \\
  -d '{{
    "url": "https://youtube.com/watch?v={video}",
    "quality": "best",
    "format": "mp3",
    "username": "user"
  }}' > answer.json
field answer.json linked_to_user
""",
}
SHELL = """
curl() {{ command curl -sS --fail-with-body "$@"; }}
field() {{ {python} -c 'import json, sys; told = json.load(open(sys.argv[1]))
for name in sys.argv[2:]: told = told[name]
print(told)' "$@"; }}
"""
