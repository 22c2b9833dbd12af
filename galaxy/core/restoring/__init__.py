"""After a backup was restored: where the database stands, what does not fit, and what must not go on by itself.

A copy of the database knows nothing of what happened since it was made. So an approval that was used then is unused in
it, a call that was made is queued, a token that was revoked opens doors, and whoever goes on from there does all of it
twice. docs/backup.md says what is done about each.
"""
