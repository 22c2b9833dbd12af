"""The API under /api/v1/: one more door to the services that the pages call. docs/api.md says how to add to it."""
