"""A mail server (aiosmtpd) that wants STARTTLS and a login, and prints what it got as Python's own parser reads it.

usage: smtp_server.py PORT CERTIFICATE KEY USER PASSWORD

The first reader's name decides what it does: `refused` and `later` at RCPT, `spam`, `hang` and `cut` after DATA, `large`
refuses the first message. It prints `ready`, and then one line of JSON a message, also for those it did not accept.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys
from html.parser import HTMLParser

from aiosmtpd.smtp import SMTP, AuthResult


class Tags(HTMLParser):
    """Every tag with its attributes, and all of the text."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.links, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "action", "background")]

    def handle_data(self, data):
        self.text.append(data)


def taken_apart(raw, session, envelope):
    message = email.message_from_bytes(raw, policy=email.policy.default)
    parts = list(message.iter_parts())
    tags = Tags()
    tags.feed(message.get_body(("html",)).get_content())
    tags.close()
    defects = [type(defect).__name__ for part in message.walk() for defect in part.defects]
    # A header that was parsed with difficulty says so itself.
    defects += [f"{name}: {defect!r}" for name, value in message.items() for defect in value.defects]
    return {
        "from": envelope.mail_from,
        "to": envelope.rcpt_tos,
        "encrypted": session.ssl is not None,
        "user": session.auth_data.login.decode() if session.auth_data else None,
        "headers": message.keys(),
        "subject": message["subject"],
        "id": message["message-id"],
        "in_reply_to": message["in-reply-to"],
        "references": message["references"],
        "types": [message.get_content_type()] + [part.get_content_type() for part in parts],
        "plain": message.get_body(("plain",)).get_content().replace("\r\n", "\n"),
        "tags": tags.tags,
        "links": tags.links,
        "html": "".join(tags.text),
        "defects": defects,
    }


class Handler:
    def __init__(self):
        self.large = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        answers = {"refused": "550 5.1.1 no such user", "later": "451 4.7.1 greylisted"}
        answer = answers.get(address.split("@")[0])
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 2.1.5 fine"

    async def handle_DATA(self, server, session, envelope):
        print(json.dumps(taken_apart(envelope.original_content, session, envelope)), flush=True)
        match envelope.rcpt_tos[0].split("@")[0]:
            case "spam":
                return "554 5.7.1 spam"
            case "hang":
                await asyncio.Event().wait()
            case "cut":
                server.transport.abort()
            case "large":
                self.large += 1
                if self.large == 1:
                    return "552 5.3.4 too large"
        return "250 2.0.0 queued"


async def main(port, certificate, key, user, password):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    handler = Handler()

    def authenticate(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=False, auth_data=data)

    def serve():
        return SMTP(
            handler,
            require_starttls=True,
            tls_context=context,
            auth_required=True,
            authenticator=authenticate,
            hostname="localhost",
        )

    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", int(port))
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
