"""Connections: how people connect an account, what becomes of the runs that wait for one, and their pages."""
