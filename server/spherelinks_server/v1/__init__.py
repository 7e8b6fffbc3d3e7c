"""The v1 API, behind a key."""
