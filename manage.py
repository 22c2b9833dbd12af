#!/usr/bin/env python
"""The door for commands: ``manage.py help`` lists them."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "galaxy.settings")
    from django.core.management import execute_from_command_line

    from galaxy.env import SettingError

    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        sys.exit(str(error))
