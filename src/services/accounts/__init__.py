"""Manages users and guests: accounts, logins, limits on password attempts, administrators."""
