"""Mail by SMTP, over TLS. A server on this machine may be spoken to in the clear."""

import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Literal

from reconciler.adapters.speakers.webhook import id_of
from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.notice import Notice

_SECONDS: Final = 10.0
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_FOR_GOOD: Final = 500


@dataclass(frozen=True, slots=True)
class MailServer:
    """Which server takes mail, and as whom we come."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    context: ssl.SSLContext | None = None
    seconds: float = _SECONDS


class MailSpeaker:
    """Writes to some people."""

    def __init__(
        self, server: MailServer, to: Sequence[str], clock: Callable[[], datetime]
    ) -> None:
        if server.tls == "none" and server.host not in _LOOPBACK:
            raise ReconcilerError(
                "mail-in-the-clear",
                f"mail is not sent to {server.host} in the clear, where anybody can read it",
                hint="set RECONCILER_SMTP_TLS to starttls or tls",
                subject=server.host,
            )
        self._server = server
        self._to = tuple(to)
        self._clock = clock

    def tell(self, notice: Notice) -> None:
        """Write it."""
        server = self._server
        try:
            with self._connected() as smtp:
                if server.user:
                    smtp.login(server.user, server.password)
                smtp.send_message(self._message(notice))
        except smtplib.SMTPAuthenticationError as err:
            raise self._refused(f"it does not accept the user: {err.smtp_code}") from None
        except smtplib.SMTPResponseException as err:
            if err.smtp_code < _FOR_GOOD:
                raise self._away(str(err.smtp_code)) from None
            raise self._refused(str(err.smtp_code)) from None
        except smtplib.SMTPRecipientsRefused as err:
            codes = sorted({code for code, _ in err.recipients.values()})
            if codes and codes[0] < _FOR_GOOD:
                raise self._away(str(codes[0])) from None
            raise self._refused(f"it takes none of the receivers: {codes}") from None
        except smtplib.SMTPNotSupportedError:
            raise self._refused("it lacks what is needed: STARTTLS, or logging in") from None
        except ssl.SSLCertVerificationError:
            raise self._refused("nobody knows whose server that is") from None
        except (OSError, smtplib.SMTPException) as err:
            raise self._away(type(err).__name__) from None

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        context = server.context or ssl.create_default_context()
        if server.tls == "tls":
            return smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.seconds, context=context
            )
        smtp = smtplib.SMTP(server.host, server.port, timeout=server.seconds)
        if server.tls == "starttls":
            try:
                smtp.starttls(context=context)
            except BaseException:
                smtp.close()
                raise
        return smtp

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["Subject"] = " ".join(notice.title.split())
        message["From"] = self._server.sender
        message["To"] = ", ".join(self._to)
        message["Date"] = format_datetime(self._clock())
        # The same for the same notice: a reader's program shows one that came twice once.
        domain = self._server.sender.rpartition("@")[2].rstrip(">")
        message["Message-ID"] = f"<{id_of(notice)}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(notice.text + (f"\n\n{notice.link}" if notice.link else "") + "\n")
        return message

    def _away(self, why: str) -> TransientError:
        return TransientError(
            "notice-unsent",
            f"the mail server {self._server.host} does not take it now: {why}",
            hint="is the network there, and are RECONCILER_SMTP_HOST and _PORT right?",
            subject=self._server.host,
        )

    def _refused(self, why: str) -> ReconcilerError:
        return ReconcilerError(
            "notice-refused",
            f"the mail server {self._server.host} does not take it: {why}",
            hint="look at RECONCILER_SMTP_USER, _PASSWORD, _FROM and _TLS, and at the receivers",
            subject=self._server.host,
        )
