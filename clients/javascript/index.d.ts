/** Client of the archive services of yt-downloader. */

export type JobStatus = 'queued' | 'downloading' | 'completed' | 'failed' | 'cancelled';

export interface Job {
  jobId: string;
  videoId: string;
  status: JobStatus;
  createdAt: string;
  /** Percent. */
  progress?: number;
  updatedAt?: string;
  estimatedCompletion?: string;
  downloadPath?: string | null;
  metadata?: Record<string, unknown> | null;
  [field: string]: unknown;
}

export interface Download {
  downloadId: string;
  videoId: string;
  status: JobStatus;
  progress: number;
  outputPath?: string | null;
  startedAt?: string | null;
  [field: string]: unknown;
}

export interface StoredVideo {
  videoId: string;
  title: string | null;
  filePath: string | null;
  fileSize: number | null;
  storedAt: string;
  [field: string]: unknown;
}

export interface ClientOptions {
  /** Address of the service; of the jobs service, if the four run on ports of their own. */
  baseURL?: string;
  /** Needed from outside the networks that the service trusts. */
  token?: string;
  metadataURL?: string;
  downloadURL?: string;
  storageURL?: string;
}

export class ServiceError extends Error {
  code?: string;
  status: number;
  details?: unknown;
}

declare class Service {
  health(): Promise<{ status: string; service: string; timestamp: string }>;
}

export class Jobs extends Service {
  createDownloadJob(options: {
    videoId: string;
    quality?: string;
    outputPath?: string;
    metadataRequested?: boolean;
  }): Promise<Job>;
  getJob(jobId: string): Promise<Job>;
  listJobs(query?: { status?: JobStatus; limit?: number; offset?: number }): Promise<{
    jobs: Job[];
    total: number;
    hasMore: boolean;
  }>;
  cancelJob(jobId: string): Promise<Job>;
}

export class Metadata extends Service {
  getVideo(videoId: string): Promise<Record<string, unknown>>;
  getBatch(videoIds: string[], includeFormats?: boolean): Promise<Record<string, unknown>>;
  getPlaylist(
    playlistId: string,
    query?: { includeVideos?: boolean; limit?: number },
  ): Promise<Record<string, unknown>>;
  clearCache(query?: { videoId?: string; expiredOnly?: boolean }): Promise<Record<string, unknown>>;
}

export class Downloads extends Service {
  start(options: {
    videoId: string;
    quality?: string;
    outputPath?: string;
    jobId?: string;
    formatSelection?: string;
    extractAudio?: boolean;
  }): Promise<Download>;
  get(downloadId: string): Promise<Download>;
  list(): Promise<{ downloads: Download[]; activeCount: number; queueCount: number }>;
  cancel(downloadId: string): Promise<Download>;
}

export class Storage extends Service {
  getVideo(videoId: string): Promise<StoredVideo>;
  listVideos(query?: {
    limit?: number;
    offset?: number;
    search?: string;
    sort?: 'stored_at' | 'title' | 'duration';
    order?: 'asc' | 'desc';
  }): Promise<{ videos: StoredVideo[]; total: number }>;
  saveMetadata(options: {
    videoId: string;
    metadata: Record<string, unknown>;
    filePath?: string;
    fileSize?: number;
  }): Promise<Record<string, unknown>>;
  saveVideo(videoId: string, file: Blob, metadata?: Record<string, unknown>): Promise<Record<string, unknown>>;
  stats(): Promise<Record<string, unknown>>;
}

export class Client {
  constructor(options?: ClientOptions);
  jobs: Jobs;
  metadata: Metadata;
  downloads: Downloads;
  storage: Storage;
}
