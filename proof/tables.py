"""``python -m proof.tables``: the tables of Galaxy and nothing in them, as `manage.py prepare` makes them."""

import django
from django.core.management import call_command


def main() -> None:
    django.setup()
    from galaxy.core.db.states import drawn_once

    with drawn_once():
        call_command("migrate", verbosity=0, interactive=False)


if __name__ == "__main__":
    main()
