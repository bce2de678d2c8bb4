"""The checker finds each kind of error, and nothing where nothing is wrong."""

import contextlib
import io
import json
import os
import tempfile
import unittest

import checker


def finding(identity, second, **fields):
    """A finding of an undisturbed replay."""
    time = f"2026-05-01T12:00:{second:02d}Z"
    return {"id": identity, "time": time, "detector": "pull-burst", "p_value": 0.25, "mode": "live", **fields}


REPLAYED = [finding("A", 1), finding("C", 2), finding("B", 3), finding("D", 3)]


def stored(findings, **fields):
    """The same findings as a database exports them after a faultless run."""
    return [{**one, "seq": seq, **fields} for seq, one in enumerate(findings)]


def run(replayed, live):
    """Exit code, verdict and explanation for two files, each a list of findings or a text."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, lines in (("replayed", replayed), ("live", live)):
            paths.append(os.path.join(folder, name))
            with open(paths[-1], "w", encoding="utf-8") as file:
                file.write(lines if isinstance(lines, str) else "".join(json.dumps(one) + "\n" for one in lines))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = checker.main(paths)
        return code, out.getvalue().strip(), err.getvalue()


class Checker(unittest.TestCase):
    def check(self, live, verdict, replayed=None, named=""):
        code, said, why = run(REPLAYED if replayed is None else replayed, live)
        self.assertEqual(said, verdict, why)
        self.assertEqual(code, 0 if verdict == "LOST 0 DUP 0 PHANTOM 0 ORDER 0" else 1)
        self.assertIn(named, why)

    def test_equal_is_equal_whatever_the_order_of_lines_and_fields(self):
        live = [dict(reversed(one.items())) for one in reversed(stored(REPLAYED))]
        self.check(live, "LOST 0 DUP 0 PHANTOM 0 ORDER 0")

    def test_mode_and_incident_are_not_compared(self):
        live = stored(REPLAYED, mode="shadow", incident="I")
        self.check(live, "LOST 0 DUP 0 PHANTOM 0 ORDER 0")

    def test_lost(self):
        self.check(stored(REPLAYED[1:]), "LOST 1 DUP 0 PHANTOM 0 ORDER 0", named="LOST A of pull-burst")
        self.check([], "LOST 4 DUP 0 PHANTOM 0 ORDER 0")

    def test_doubled(self):
        live = stored([REPLAYED[0], *REPLAYED])
        self.check(live, "LOST 0 DUP 1 PHANTOM 0 ORDER 0", named="DUP A")

    def test_made_up(self):
        live = stored([*REPLAYED, finding("Z", 9)])
        self.check(live, "LOST 0 DUP 0 PHANTOM 1 ORDER 0", named="PHANTOM Z of pull-burst: was not replayed")

    def test_other_content_is_one_lost_and_one_made_up(self):
        for change in ({"p_value": 0.2500000000000001}, {"severity": "high"}, {"p_value": "0.25"}, {"p_value": None}):
            changed = {**REPLAYED[0], **change}
            live = stored([changed, *REPLAYED[1:]])
            self.check(live, "LOST 1 DUP 0 PHANTOM 1 ORDER 0", named=f"differs in {next(iter(change))}")

    def test_a_right_copy_and_a_wrong_one(self):
        live = stored([REPLAYED[0], {**REPLAYED[0], "severity": "low"}, *REPLAYED[1:]])
        self.check(live, "LOST 0 DUP 0 PHANTOM 1 ORDER 0")

    def test_out_of_order_by_time(self):
        live = stored([REPLAYED[1], REPLAYED[0], *REPLAYED[2:]])
        self.check(live, "LOST 0 DUP 0 PHANTOM 0 ORDER 1", named="ORDER A: seq 1 comes after C")

    def test_out_of_order_by_id_at_the_same_time(self):
        live = stored([*REPLAYED[:2], REPLAYED[3], REPLAYED[2]])
        self.check(live, "LOST 0 DUP 0 PHANTOM 0 ORDER 1", named="ORDER B: seq 3 comes after D")

    def test_every_finding_after_a_later_one_counts(self):
        live = stored([REPLAYED[2], REPLAYED[0], REPLAYED[1], REPLAYED[3]])
        self.check(live, "LOST 0 DUP 0 PHANTOM 0 ORDER 2")

    def test_each_lane_is_in_order_by_itself(self):
        live = stored([REPLAYED[1], REPLAYED[0], REPLAYED[3], REPLAYED[2]])
        self.check(live, "LOST 0 DUP 0 PHANTOM 0 ORDER 2")
        for one in live:
            one["lane"] = "access" if one["id"] in "AB" else "change"
        self.check(live, "LOST 0 DUP 0 PHANTOM 0 ORDER 0")

    def test_a_place_given_twice(self):
        live = stored(REPLAYED)
        live[3]["seq"] = live[2]["seq"]
        self.check(live, "LOST 0 DUP 0 PHANTOM 0 ORDER 1", named="was given to B")

    def test_times_are_exact_to_the_nanosecond_and_know_zones(self):
        self.assertEqual(checker.nanoseconds("1970-01-01T00:00:00.000000001Z"), 1)
        self.assertEqual(checker.nanoseconds("1970-01-01T02:00:00+02:00"), 0)
        self.assertEqual(checker.nanoseconds("1969-12-31T23:30:00.5-01:00"), 1_800_500_000_000)
        self.assertLess(checker.nanoseconds("2026-05-01T12:00:00Z"), checker.nanoseconds("2026-05-01T12:00:00.1Z"))

    def test_what_cannot_be_compared_is_no_success(self):
        for replayed, live, reason in (
            ([], stored(REPLAYED), "nothing to compare"),
            ([*REPLAYED, REPLAYED[0]], stored(REPLAYED), "has A twice"),
            (REPLAYED, REPLAYED, "has no seq"),
            (REPLAYED, "{\n", "live:1"),
            (REPLAYED, '{"id": "A", "id": "B", "seq": 1}\n', "twice in one object"),
            (REPLAYED, "[]\n", "not a finding"),
            (REPLAYED, [{**stored(REPLAYED)[0], "time": "yesterday"}], "not a time"),
        ):
            code, said, why = run(replayed, live)
            self.assertEqual((code, said), (2, ""), why)
            self.assertIn(reason, why)
        self.assertEqual(checker.main([]), 2)
        self.assertEqual(checker.main(["/no/such/file", "/no/such/file"]), 2)


if __name__ == "__main__":
    unittest.main()
