"""The workshop: where a workspace's makers write extensions for it, import them, and try them out."""
