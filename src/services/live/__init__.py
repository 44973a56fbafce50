"""Captures moments of running streams and cuts clips from them."""
