"""Write the Parquet files of this folder, and what is in them as JSON.

    python3 -m venv v && v/bin/pip install pyarrow datasets pillow && v/bin/python generate.py

The JSON is what the writer's library reads back, not what was given to it.
"""

import io
import json
import math
import os
import pathlib

os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = pathlib.Path(__file__).parent
RNG = np.random.default_rng(7)


def plain(x):
    """A value as JSON has it: numbers that JSON cannot have as texts, bytes as hex:…."""
    if isinstance(x, float):
        return x if math.isfinite(x) else str(x)
    if isinstance(x, np.floating):
        return plain(float(x))
    if isinstance(x, bytes):
        return "hex:" + x.hex()
    if isinstance(x, list):
        return [plain(v) for v in x]
    return x


def write(name, table, **kw):
    pq.write_table(table, HERE / f"{name}.parquet", **kw)
    back = pq.read_table(HERE / f"{name}.parquet")
    pq.ParquetFile(HERE / f"{name}.parquet")
    return {
        "columns": {c: str(back.schema.field(c).type) for c in back.column_names},
        "rows": [[plain(v) for v in row.values()] for row in back.to_pylist()],
    }


def numbers(n=50):
    return pa.table({
        "f64": pa.array(np.append(RNG.normal(size=n - 3), [np.nan, np.inf, -np.inf])),
        "f32": pa.array(RNG.normal(size=n).astype(np.float32)),
        "f16": pa.array(RNG.normal(size=n).astype(np.float16)),
        "i64": pa.array(RNG.integers(-(2**62), 2**62, n)),
        "i32": pa.array(RNG.integers(-(2**31), 2**31, n).astype(np.int32)),
        "i16": pa.array(RNG.integers(-(2**15), 2**15, n).astype(np.int16)),
        "i8": pa.array(RNG.integers(-128, 128, n).astype(np.int8)),
        "u64": pa.array(RNG.integers(0, 2**64, n, dtype=np.uint64)),
        "u32": pa.array(RNG.integers(0, 2**32, n, dtype=np.uint32)),
        "u16": pa.array(RNG.integers(0, 2**16, n, dtype=np.uint16)),
        "u8": pa.array(RNG.integers(0, 256, n, dtype=np.uint8)),
        "ok": pa.array(RNG.integers(0, 2, n) == 1),
        "text": pa.array(["", "word", "ein längeres Wort"] * (n // 3) + ["x"] * (n % 3)),
        "raw": pa.array([b"\x00\xff"] * n, pa.binary()),
        "four": pa.array([bytes([i % 256, 1, 2, 3]) for i in range(n)], pa.binary(4)),
        "kind": pa.array(["a", "b"] * (n // 2)).dictionary_encode(),
    })


def lists(n=20):
    return pa.table({
        "v": pa.array(RNG.normal(size=(n, 3)).tolist(), pa.list_(pa.float32())),
        "fixed": pa.array(RNG.integers(0, 9, (n, 4)).tolist(), pa.list_(pa.int8(), 4)),
        "m": pa.array(RNG.normal(size=(n, 2, 3)).tolist(), pa.list_(pa.list_(pa.float64()))),
        "cube": pa.array(RNG.integers(0, 9, (n, 2, 3, 2)).tolist(), pa.list_(pa.list_(pa.list_(pa.int64())))),
        "words": pa.array([["a", f"b{i}"] for i in range(n)], pa.list_(pa.string())),
        "none": pa.array([[] for _ in range(n)], pa.list_(pa.float32())),
    })


def nulls(n=40):
    def some(values, every):
        return [None if i % every == every - 1 else v for i, v in enumerate(values)]

    return pa.table({
        "id": pa.array(range(n), pa.int64()),
        "x": pa.array(some(RNG.normal(size=n).tolist(), 7), pa.float32()),
        "t": pa.array(some([f"t{i}" for i in range(n)], 11)),
        "v": pa.array(some([[1.0, None, 2.0] if i == 3 else [1.0, 2.0, float(i)] for i in range(n)], 13), pa.list_(pa.float32())),
    })


def huggingface():
    images = [Image.fromarray(RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8)) for _ in range(6)]
    features = datasets.Features({
        "img": datasets.Image(),
        "label": datasets.ClassLabel(names=["cat", "dog"]),
        "v": datasets.Sequence(datasets.Value("float32"), length=3),
        "m": datasets.Array2D((2, 2), "float32"),
        "text": datasets.Value("string"),
    })
    out = {}
    for part in range(2):
        rows = {
            "img": images[3 * part : 3 * part + 3],
            "label": [part, 1, 0],
            "v": RNG.normal(size=(3, 3)).tolist(),
            "m": RNG.normal(size=(3, 2, 2)).tolist(),
            "text": ["a", "b", "c"],
        }
        name = f"hf/train-0000{part}-of-00002"
        (HERE / "hf").mkdir(exist_ok=True)
        datasets.Dataset.from_dict(rows, features=features).to_parquet(HERE / f"{name}.parquet")
        back = datasets.Dataset.from_parquet(str(HERE / f"{name}.parquet"), cache_dir="/tmp/andiron-parquet-cache")
        out[name] = {
            "columns": {c: c for c in back.column_names},
            "rows": [[np.asarray(r["img"]).tolist(), r["label"], plain(r["v"]), plain(r["m"]), r["text"]] for r in back],
        }
    return out


def images():
    """A column of images with nulls among them, whose image 37 is cut off."""
    rows = []
    for i in range(40):
        file = io.BytesIO()
        Image.fromarray(np.full((3, 2, 3), i, np.uint8)).save(file, "PNG")
        png = file.getvalue()
        rows.append(None if i in (4, 5, 30) else {"bytes": png[:40] if i == 37 else png, "path": f"{i}.png"})
    return pa.table({"image": pa.array(rows, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))})


def main():
    out = {}
    pq.write_table(images(), HERE / "images.parquet", row_group_size=25, data_page_size=300)
    pairs = images().slice(0, 20)
    pq.write_table(pairs.append_column("other", pairs.column(0)), HERE / "pairs.parquet")
    for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
        out[f"numbers_{codec}"] = write(f"numbers_{codec}", numbers(), compression=codec, row_group_size=20, data_page_size=100)
    out["v2"] = write("v2", numbers(), data_page_version="2.0", compression="snappy", write_page_checksum=True)
    delta = {c: "DELTA_BINARY_PACKED" for c in ["i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8"]}
    delta |= {c: "BYTE_STREAM_SPLIT" for c in ["f64", "f32", "f16"]} | {"ok": "RLE", "raw": "DELTA_LENGTH_BYTE_ARRAY"}
    delta |= {c: "DELTA_BYTE_ARRAY" for c in ["text", "four"]}
    out["encodings"] = write("encodings", numbers(300).drop(["kind"]), use_dictionary=False, column_encoding=delta, compression="none")
    out["lists"] = write("lists", lists(), data_page_size=64, write_page_checksum=True)
    out["lists_v2"] = write("lists_v2", lists(), data_page_version="2.0", row_group_size=7)
    out["nulls"] = write("nulls", nulls(), row_group_size=15)
    out["required"] = write("required", pa.table({"x": pa.array([1.5, 2.5]), "y": pa.array([1, 2])}, pa.schema([pa.field("x", pa.float64(), nullable=False), pa.field("y", pa.int64(), nullable=False)])))
    out["empty"] = write("empty", pa.table({"x": pa.array([], pa.float32())}))
    out |= huggingface()
    write("times", pa.table({"x": pa.array([1.0, 2.0]), "at": pa.array([0, 1], pa.timestamp("us"))}))
    write("uneven", pa.table({"v": pa.array([[1.0], [2.0], [3.0, 4.0]], pa.list_(pa.float32()))}))
    write("torn", pa.table({"m": pa.array([[[1.0], [2.0, 3.0]]], pa.list_(pa.list_(pa.float32())))}))
    write("structs", pa.table({"s": pa.array([{"a": 1, "b": 2}])}))
    (HERE / "manifest.json").write_text(json.dumps(out, indent=None, separators=(",", ":")) + "\n")


main()
