"""Posts signed webhooks until the door is gone or all are posted, and prints each that was answered with 200.

    post_webhooks.py PORT PATH SECRET NAME COUNT

Four senders at once, with Python's own HTTP client and HMAC. One forged request comes first.
"""

import hashlib
import hmac
import http.client
import sys
import threading
import time

PORT, PATH, SECRET, NAME, COUNT = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode(), sys.argv[4], int(sys.argv[5])
SENDERS = 4
PATIENCE = 60
printing = threading.Lock()


def post(connection, body, secret):
    """The status that a request with this body is answered with."""
    signature = "sha256=" + hmac.new(secret, body.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": signature, "Content-Type": "application/json"}
    connection.request("POST", PATH, body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def await_door():
    """Waits until somebody listens, and posts what must be refused."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return post(http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE), "forged", b"another secret")
        except OSError:
            if time.monotonic() > deadline:
                raise


def send(sender):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE)
    for number in range(COUNT):
        body = f"{NAME}-{sender}-{number}"
        try:
            status = post(connection, body, SECRET)
        except (OSError, http.client.HTTPException):
            return
        if status == 200:
            with printing:
                print(body, flush=True)


assert await_door() == 401
senders = [threading.Thread(target=send, args=(number,)) for number in range(SENDERS)]
for sender in senders:
    sender.start()
for sender in senders:
    sender.join()
