"""What _millrace.py writes out of millrace.h is as in the golden list, which is checked against the header."""

import ctypes
import struct
import unittest

from redis_test import ROOT

import _millrace as abi


class Layout(unittest.TestCase):
    golden = [line.split() for line in (ROOT / "tests/abi/golden.txt").read_text().splitlines()]

    def test_structs(self):
        fields = {row[1]: (int(row[2]), int(row[3])) for row in self.golden if row[0] == "field"}
        sizes = {row[1]: int(row[2]) for row in self.golden if row[0] == "struct"}
        ours = {name: made for name, made in vars(abi).items() if isinstance(made, type(ctypes.Structure))}
        self.assertIn("mr_event", ours)
        for struct_name, made in ours.items():
            self.assertLessEqual(ctypes.sizeof(made), sizes[struct_name])
            for field, _ in made._fields_:
                ours_is = getattr(made, field)
                self.assertEqual(
                    (ours_is.offset, ours_is.size), fields[f"{struct_name}.{field}"], f"{struct_name}.{field}"
                )
        rows = {
            "entry": abi.ENTRY,
            "field": abi.FIELD,
            "id": abi.ID,
            "publish_result": abi.RESULT,
            "dead_letter": abi.LETTER,
        }
        for name, layout in rows.items():
            self.assertEqual(struct.calcsize(layout), sizes[f"mr_{name}"], name)
        self.assertEqual(sizes["mr_publish_entry"], ctypes.sizeof(abi.mr_str))

    def test_kinds_of_events(self):
        prefix = "MR_EVENT_"
        kinds = {row[1]: int(row[2]) for row in self.golden if row[0] == "constant" and row[1].startswith(prefix)}
        self.assertEqual({prefix + kind.upper(): number for number, kind in enumerate(abi.EVENT_KINDS)}, kinds)


if __name__ == "__main__":
    unittest.main()
