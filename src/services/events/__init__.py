"""Reports changes of jobs to clients: event streams, webhooks and chat replies."""
