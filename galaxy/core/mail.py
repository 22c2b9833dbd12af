"""Mail to people: plain text first, simple HTML beside it."""

import smtplib

import structlog
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

log = structlog.get_logger(__name__)


def send(template: str, to: str, context: dict, headers: dict[str, str] | None = None) -> bool:
    """Send ``mail/<template>`` (subject, text and HTML) to one address; called after the commit.

    True once the mail server took it. A mail that cannot be sent never undoes what it tells of; callers say so.
    """
    subject = " ".join(render_to_string(f"mail/{template}_subject.txt", context).split())
    message = EmailMultiAlternatives(
        subject, render_to_string(f"mail/{template}.txt", context), to=[to], headers=headers
    )
    message.attach_alternative(render_to_string(f"mail/{template}.html", context), "text/html")
    try:
        return message.send() == 1
    except (smtplib.SMTPException, OSError) as error:
        log.error("mail was not sent", template=template, error=type(error).__name__)
        return False
