"""sandboxd: the one process of a host that runs untrusted Python, speaks to third parties and opens secrets.

Web and Celery workers reach it over a Unix socket (``protocol``, ``client``). No operation answers with the value of a
secret, so whoever can reach the socket can use secrets in the ways a manifest allows, and can never read one.
"""
