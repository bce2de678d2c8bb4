"""Fills the bucket `logs` with Amazon's own client, and prints each line that it put under `cdn/`.

    fill_bucket.py PORT OBJECTS LINES PULLS

`AWSLogs/` gets one object as CloudTrail delivers it: gzip, and one JSON object of records.
"""

import gzip
import json
import sys

import boto3

PORT, OBJECTS, LINES, PULLS = map(int, sys.argv[1:5])

s3 = boto3.client(
    "s3",
    endpoint_url=f"http://127.0.0.1:{PORT}",
    region_name="us-east-1",
    aws_access_key_id="testing",
    aws_secret_access_key="testing",
)
s3.create_bucket(Bucket="logs")
for number in range(OBJECTS):
    lines = [f"object-{number:03}-line-{line:03}" for line in range(LINES)]
    body = ("\n".join(lines) + "\n").encode()
    if number % 2:
        body = gzip.compress(body)
    # Keys as people choose them: blanks, plus signs, accents.
    s3.put_object(Bucket="logs", Key=f"cdn/2026/day {number:03}+é.log", Body=body)
    print("\n".join(lines))
records = [
    {
        "eventVersion": "1.08",
        "eventTime": f"2026-11-24T10:00:0{number}Z",
        "eventSource": "ecr.amazonaws.com",
        "eventName": "BatchGetImage",
        "eventID": f"event-{number}",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/Node/i-0abc"},
        "requestParameters": {"repositoryName": "team/app", "imageIds": [{"imageTag": "latest"}]},
    }
    for number in range(PULLS)
]
s3.put_object(
    Bucket="logs",
    Key="AWSLogs/123456789012/CloudTrail/eu-west-1/2026/11/24/trail.json.gz",
    Body=gzip.compress(json.dumps({"Records": records}).encode()),
)
