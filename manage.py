#!/usr/bin/env python
"""The door for commands: ``manage.py help`` lists them, ``manage.py doctor`` says what is missing."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "galaxy.settings")
    from django.core.management import execute_from_command_line

    from galaxy.env import SettingError

    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:  # an operator wants the sentence, not the stack above it
        sys.exit(f"Galaxy cannot start: {error}")
