"""Reads kept previews of messages and lets other people's libraries judge them.

usage: verify_messages.py webhook SECRET FILE | slack FILE

A preview is a JSON object with `headers` and `body`.
"""

import json
import sys
import unicodedata


def preview(path):
    with open(path, encoding="utf-8") as file:
        kept = json.load(file)
    body = kept["body"]
    return kept.get("headers", {}), body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)


def webhook(secret, path):
    import datetime
    from unittest import mock

    import standardwebhooks.webhooks as library

    headers, body = preview(path)
    moment = datetime.datetime.fromtimestamp(int(headers["webhook-timestamp"]), datetime.timezone.utc)

    class Frozen(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return moment

    with mock.patch.object(library, "datetime", Frozen):
        hook = library.Webhook(secret)
        hook.verify(body.encode(), headers)
        try:
            hook.verify(body.replace("incident", "accident", 1).encode(), headers)
        except library.WebhookVerificationError:
            print("verified; an altered body is refused")
            return 0
    print("an altered body was accepted", file=sys.stderr)
    return 1


def texts(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "text" and isinstance(inner, str):
                yield inner
            else:
                yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def slack(path):
    from slack_sdk.models.blocks import Block

    _, body = preview(path)
    message = json.loads(body)
    blocks = message["blocks"]
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None, block
        parsed.validate_json()
    shown = list(texts(blocks)) + [message["text"]]
    assert shown, "nothing is shown"
    for text in shown:
        assert "<!" not in text and "<@" not in text and "<#" not in text, text
        hidden = [c for c in text if unicodedata.category(c) in ("Cc", "Cf") and c != "\n"]
        assert not hidden, (text, hidden)
    print(f"{len(blocks)} blocks are valid and inert")
    return 0


if __name__ == "__main__":
    kind, *arguments = sys.argv[1:]
    sys.exit({"webhook": webhook, "slack": slack}[kind](*arguments))
