"""The stream engine: HLS playlists and direct files of any site, fetched in pieces that outlive a dead worker."""
