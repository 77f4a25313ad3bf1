#!/usr/bin/env python3
"""Writes lookup.json: which of several like-named zip entries real PyTorch loads.

Each case is a list of entry names, in directory order, and for each name that
was asked for, the index of the entry that torch._C.PyTorchFileReader returned
(-1 for none). Entry i holds the text "i". Written with torch 1.13.1:
python3 lookup_gen.py > lookup.json
"""
import io, json, random, struct, zlib

import torch


def archive(names):
    """A zip with just these entry names."""
    out, central = io.BytesIO(), b""
    for i, name in enumerate(names):
        raw = name.encode("latin-1")
        data = b"3\n" if raw.lower() == b"a/version" else str(i).encode()
        off, crc = out.tell(), zlib.crc32(data)
        out.write(struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, crc, len(data), len(data), len(raw), 0) + raw + data)
        central += struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, crc, len(data), len(data), len(raw), 0, 0, 0, 0, 0, off) + raw
    at = out.tell()
    out.write(central + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, len(names), len(names), len(central), at, 0))
    out.seek(0)
    return out


def spell(rng, name):
    kind = rng.randrange(6)
    if kind == 0:
        return name.upper()
    if kind == 1:
        return "".join(rng.choice((c.upper(), c)) for c in name)
    if kind == 2:
        return name + "\0x"
    return name


def main():
    rng, cases = random.Random(20260822), []
    for _ in range(400):
        names = ["a/version"]
        for _ in range(rng.randrange(1, 12)):
            base = rng.choice(("data.pkl", "data/0", "data/1", "byteorder", "constants.pkl", "_x", "Z[", "code/__torch__.py"))
            names.append("a/" + (spell(rng, base) if rng.random() < 0.6 else base))
        rng.shuffle(names)
        reader = torch._C.PyTorchFileReader(archive(names))
        found = {}
        for ask in ("data.pkl", "DATA.PKL", "data/0", "constants.pkl", "byteorder", "_x", "z["):
            try:
                found["a/" + ask] = int(bytes(reader.get_record(ask)))
            except RuntimeError:
                found["a/" + ask] = -1
        cases.append({"names": names, "found": found})
    print("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]")


if __name__ == "__main__":
    main()
