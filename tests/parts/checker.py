"""Counts what a crashed run lost, doubled, made up or said out of order. Shares no code with Sealwatch.

    checker.py REPLAYED LIVE

REPLAYED: the findings of an undisturbed replay, one JSON object a line (`sealwatch replay --findings`).
LIVE: the findings in the database of the run under test (`sealwatch findings --json`), each with `seq`, its place in
the order of emission, and with `lane` where there are several: each lane is in order, one does not wait for another.

Prints `LOST n DUP n PHANTOM n ORDER n` on standard output, and which findings those are on standard error.

LOST     a replayed finding that LIVE has not, or not with the same content
DUP      one more copy of a finding that LIVE has already
PHANTOM  a finding in LIVE that was not replayed, or not with that content
ORDER    a `seq` given twice, or a finding emitted after one of a later (time, id) of its lane

Content is compared as canonical JSON without the fields of NOT_COMPARED; numbers are compared as they are written.
Exit code: 0 if all four are 0; 1 if not; 2 if the comparison is impossible or empty.
"""

import calendar
import collections
import json
import re
import sys

# Where a finding was found and how it was stored, which is not what was found.
NOT_COMPARED = ("mode", "incident", "seq", "lane")

# How many findings of each kind are named.
NAMED = 10

TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))"
)


class Impossible(Exception):
    """The files do not allow a comparison."""


Verdict = collections.namedtuple("Verdict", "lost dup phantom order")


def read(path):
    """The findings of a file, in the order of its lines."""
    findings = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                finding = json.loads(line, object_pairs_hook=without_doubles, parse_float=as_written)
            except ValueError as error:
                raise Impossible(f"{path}:{number}: {error}") from error
            if not isinstance(finding, dict) or not isinstance(finding.get("id"), str):
                raise Impossible(f"{path}:{number}: not a finding with an id")
            findings.append(finding)
    return findings


def without_doubles(pairs):
    """An object; one that has a field twice would hide one of the two."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands twice in one object")
    return fields


def as_written(digits):
    """Keeps 0.1 and 0.10 apart, and both apart from a string."""
    return {"number": digits}


def content(finding):
    """What is compared, as canonical text."""
    compared = {name: value for name, value in finding.items() if name not in NOT_COMPARED}
    return json.dumps(compared, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def nanoseconds(text):
    """RFC 3339 as nanoseconds since 1970, exactly."""
    parts = TIME.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        raise Impossible(f"not a time: {text!r}")
    seconds = calendar.timegm(tuple(int(part) for part in parts.groups()[:6]))
    fraction, sign, hours, minutes = parts.groups()[6:]
    if sign:
        away = int(hours) * 3600 + int(minutes) * 60
        seconds += -away if sign == "+" else away
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))


def compare(replayed, live):
    """The verdict on two lists of findings and, for each kind, the findings behind it."""
    if not replayed:
        raise Impossible("the replay found nothing: there is nothing to compare")
    expected = {}
    for finding in replayed:
        if finding["id"] in expected:
            raise Impossible(f"the replay itself has {finding['id']} twice")
        expected[finding["id"]] = finding

    lost, dup, phantom = [], [], []
    found = set()
    for finding in live:
        wanted = expected.get(finding["id"])
        if wanted is None:
            phantom.append(f"{finding['id']} of {finding.get('detector')}: was not replayed")
        elif content(finding) != content(wanted):
            phantom.append(f"{finding['id']}: differs in {', '.join(differences(wanted, finding))}")
        elif finding["id"] in found:
            dup.append(finding["id"])
        else:
            found.add(finding["id"])
    for identity, finding in expected.items():
        if identity not in found:
            lost.append(f"{identity} of {finding.get('detector')}")
    return lost, dup, phantom, disorder(live)


def differences(one, other):
    """The names of the compared fields that are not the same."""
    names = sorted((one.keys() | other.keys()) - set(NOT_COMPARED))
    missing = object()
    return [name for name in names if one.get(name, missing) != other.get(name, missing)]


def disorder(live):
    """The findings that were emitted where they may not."""
    wrong = []
    emitted = {}
    latest = {}
    for finding in sorted(live, key=place):
        identity, seq, lane = finding["id"], place(finding), finding.get("lane")
        if seq in emitted:
            wrong.append(f"{identity}: seq {seq} was given to {emitted[seq]}")
        emitted[seq] = identity
        moment = (nanoseconds(finding.get("time")), identity)
        if moment < latest.get(lane, moment):
            wrong.append(f"{identity}: seq {seq} comes after {latest[lane][1]}, which is later")
        latest[lane] = max(moment, latest.get(lane, moment))
    return wrong


def place(finding):
    """The place in the order of emission."""
    seq = finding.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool):
        raise Impossible(f"{finding['id']} has no seq")
    return seq


def main(arguments):
    """Runs the comparison; the exit code."""
    if len(arguments) != 2:
        print("usage: checker.py REPLAYED LIVE", file=sys.stderr)
        return 2
    try:
        kinds = compare(read(arguments[0]), read(arguments[1]))
    except (Impossible, OSError, UnicodeDecodeError) as error:
        print(f"checker: {error}", file=sys.stderr)
        return 2
    verdict = Verdict(*map(len, kinds))
    print(" ".join(f"{name.upper()} {count}" for name, count in verdict._asdict().items()))
    for name, findings in zip(Verdict._fields, kinds):
        for finding in findings[:NAMED]:
            print(f"{name.upper()} {finding}", file=sys.stderr)
        if len(findings) > NAMED:
            print(f"{name.upper()} and {len(findings) - NAMED} more", file=sys.stderr)
    return 1 if any(verdict) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
