"""Adds access rules to a broker; the order is one JSON object on standard input.

{"bootstrap": "127.0.0.1:9092", "user": "reader", "rules": [["TOPIC", "access", "READ"]]}
"""

import json
import sys

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

PATIENCE = 60

order = json.load(sys.stdin)
admin = AdminClient({"bootstrap.servers": order["bootstrap"]})
rules = [
    AclBinding(
        ResourceType[kind],
        name,
        ResourcePatternType.LITERAL,
        f"User:{order['user']}",
        "*",
        AclOperation[operation],
        AclPermissionType.ALLOW,
    )
    for kind, name, operation in order["rules"]
]
for added in admin.create_acls(rules, request_timeout=PATIENCE).values():
    added.result(PATIENCE)
