"""yt-downloader: a link and a time range in, a frame-exact video file out."""
