"""What the templates draw with: pure functions from plain values to safe markup.

``galaxy.core.templatetags.ui`` gives each of them a name in templates; ``/patterns/`` shows them all.
"""
