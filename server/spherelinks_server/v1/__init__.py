"""The v1 API: three endpoints behind a key."""
