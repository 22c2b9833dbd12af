"""Streaming the trail to systems of the workspace's own: signed webhooks, and syslog over TLS.

A sink has a cursor in the sealed tree. A batch is whatever leaves follow it, so nothing is lost however long the other
side is away, and each message says between which leaves it lies, so that a gap would show. messages.py makes what is
sent, delivering.py moves the cursor, services.py is what admins do; sandboxd alone signs and sends.
"""
