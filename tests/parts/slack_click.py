"""Clicks on a button as Slack does: signed by Slack's own library, posted over HTTP.

slack_click.py URL SECRET ACTION INCIDENT USER WHAT, where WHAT is one of once, twice, forged, stale, changed; prints the status
of each answer on a line.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from slack_sdk.signature import SignatureVerifier


def post(url, body, timestamp, signature):
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature,
    }
    request = urllib.request.Request(url, data=body.encode(), headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def main():
    url, secret, action, incident, user, what = sys.argv[1:]
    payload = {
        "type": "block_actions",
        "user": {"id": user, "username": "alice"},
        "actions": [{"action_id": action, "value": incident}],
    }
    body = urllib.parse.urlencode({"payload": json.dumps(payload)})
    timestamp = str(int(time.time()) - (600 if what == "stale" else 0))
    verifier = SignatureVerifier("not the secret" if what == "forged" else secret)
    signature = verifier.generate_signature(timestamp=timestamp, body=body)
    assert verifier.is_valid(body, timestamp, signature) or what == "stale"
    if what == "changed":
        body = body.replace(user, user + "X")
    for _ in range(2 if what == "twice" else 1):
        print(post(url, body, timestamp, signature))


main()
