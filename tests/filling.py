"""What a browser sends of the form of a draft where nobody typed anything."""

from marketplace.workshop.field_forms import FieldsForm
from marketplace.workshop.field_values import values_of


def untouched(text: str) -> dict[str, str]:
    form = FieldsForm(values_of(text))
    parts = [*form.parts, *(form.actions.forms if form.actions is not None else ())]
    sent = {
        part.add_prefix(name): value.replace("\n", "\r\n") for part in parts for name, value in part.initial.items()
    }
    if form.actions is not None:
        number = str(len(form.actions.forms))
        sent |= {"actions-TOTAL_FORMS": number, "actions-INITIAL_FORMS": number}
    return sent
