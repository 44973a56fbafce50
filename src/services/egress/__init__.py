"""The one way out: a loopback proxy that checks where everything this service fetches comes from."""
