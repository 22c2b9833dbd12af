"""What a creator does from a shell beside checking: contract tests on this machine, and submitting over the API."""
