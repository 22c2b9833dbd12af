"""``make docs``: write the pages that are made from code, and say which changed."""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "galaxy.settings")
django.setup()

from tests.docs.pages import PAGES, ROOT  # noqa: E402  (the apps first)

for name, page in PAGES.items():
    path, text = ROOT / name, page()
    changed = not path.exists() or path.read_text(encoding="utf-8") != text
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{name}: {'written' if changed else 'as it was'}\n")
