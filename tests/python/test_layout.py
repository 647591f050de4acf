"""What millrace.py and the agent's events.py write out of millrace.h is as in the golden list, which is checked."""

import ctypes
import sys
import unittest

from redis_test import ROOT

import millrace

sys.path.insert(0, str(ROOT / "harness/agents/python"))
import events  # noqa: E402


class Layout(unittest.TestCase):
    golden = [line.split() for line in (ROOT / "tests/abi/golden.txt").read_text().splitlines()]
    sizes = {row[1]: int(row[2]) for row in golden if row[0] == "struct"}

    def test_structs(self):
        fields = {row[1]: (int(row[2]), int(row[3])) for row in self.golden if row[0] == "field"}
        for module, known in ((millrace, "mr_batch_view"), (events, "mr_event")):
            ours = {name: made for name, made in vars(module).items() if isinstance(made, type(ctypes.Structure))}
            self.assertIn(known, ours)
            for name, made in ours.items():
                self.assertLessEqual(ctypes.sizeof(made), self.sizes[name])
                for field, _ in made._fields_:
                    is_at = getattr(made, field)
                    self.assertEqual((is_at.offset, is_at.size), fields[f"{name}.{field}"], f"{name}.{field}")

    def test_rows(self):
        rows = {"entry": millrace.ENTRY, "field": millrace.FIELD, "id": events.ID, "publish_result": events.RESULT}
        for name, row in {**rows, "dead_letter": events.LETTER}.items():
            self.assertEqual(row.size, self.sizes[f"mr_{name}"], name)
        self.assertEqual(ctypes.sizeof(millrace.mr_str), self.sizes["mr_text"])


if __name__ == "__main__":
    unittest.main()
