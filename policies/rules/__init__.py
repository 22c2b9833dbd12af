"""A workspace's rules: what they may say, how they are compiled, read as sentences, and written as Cedar."""
