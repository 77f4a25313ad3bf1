"""Holds internal/oip against the codecs of real clients and servers.

    clients.py write CODEC        prints vectors: what the codec sends, and its tensors
    clients.py read CODEC FILE…   reads what andiron wrote for each accepted vector

CODEC is tritonclient, kserve or mlserver: each is a program of its own, as their
generated classes cannot live in one. tools/oip.sh runs them all.
"""

import base64
import json
import sys

import numpy as np

TYPES = {
    "BOOL": np.bool_, "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
    "FP16": np.float16, "FP32": np.float32, "FP64": np.float64, "BYTES": np.object_,
}


def samples():
    """One array for each datatype, with its bounds."""
    for name, dtype in TYPES.items():
        if name == "BYTES":
            yield name, np.array([["a", "", "é\n"], ['"', "\\", "数"]], dtype=dtype)
        elif name == "BOOL":
            yield name, np.array([[True, False, True]])
        elif np.issubdtype(dtype, np.floating):
            info = np.finfo(dtype)
            yield name, np.array([[0.0, -0.0, 1 / 3], [info.max, info.min, info.tiny]], dtype=dtype)
        else:
            info = np.iinfo(dtype)
            yield name, np.array([[info.min, info.max, 1]], dtype=dtype)


def raw(array):
    """The elements as the protocol has them in binary."""
    if array.dtype != np.object_:
        return array.tobytes()
    out = b""
    for element in array.ravel():
        b = element if isinstance(element, bytes) else str(element).encode()
        out += len(b).to_bytes(4, "little") + b
    return out


def described(name, array):
    v2 = next(n for n, t in TYPES.items() if array.dtype == t)
    return {"name": name, "datatype": v2, "shape": list(array.shape), "data": base64.b64encode(raw(array)).decode()}


def vector(case, read, body, tensors, header="", options=None):
    v = {"case": case, "read": read, "verdict": "accept"}
    if header:
        v["header"] = str(header)
    v["body64"] = base64.b64encode(body).decode()
    if options:
        v["options"] = options
    v["tensors"] = tensors
    print(json.dumps(v, ensure_ascii=False, separators=(",", ":")))


def in_json(name):
    return name != "FP16"


# --- tritonclient ---------------------------------------------------------------


def write_tritonclient():
    import tritonclient.grpc as grpc
    import tritonclient.http as http
    from tritonclient.grpc._utils import _get_inference_request

    for name, array in samples():
        for binary in (True, False):
            if not binary and not in_json(name):
                continue
            i = http.InferInput("x", list(array.shape), name)
            i.set_data_from_numpy(array, binary_data=binary)
            wanted = [http.InferRequestedOutput("y", binary_data=binary)]
            body, size = http.InferenceServerClient.generate_request_body([i], outputs=wanted, request_id="7")
            vector(f"tritonclient, {name}, {'binary' if binary else 'JSON'}", "binary" if size else "json", body, [described("x", array)], size or "")
        i = grpc.InferInput("x", list(array.shape), name)
        i.set_data_from_numpy(array)
        message = _get_inference_request(
            inputs=[i], model_name="m", model_version="1", request_id="7", outputs=[grpc.InferRequestedOutput("y")],
            sequence_id=0, sequence_start=False, sequence_end=False, priority=0, timeout=None, parameters=None,
        )
        vector(f"tritonclient, {name}, gRPC", "grpc", message.SerializeToString(), [described("x", array)])


def read_tritonclient(v, body, header):
    """Reads answers, which are what this codec reads."""
    import tritonclient.grpc as grpc
    import tritonclient.http as http
    from tritonclient.grpc import service_pb2

    if v["read"] in ("json-answer", "binary-answer"):
        r = http.InferenceServerClient.parse_response_body(body, header_length=header or None)
        names = [o["name"] for o in r.get_response()["outputs"]]
    elif v["read"] == "grpc-answer":
        r = grpc.InferResult(service_pb2.ModelInferResponse.FromString(body))
        names = [o.name for o in r.get_response().outputs]
        if any(o.HasField("contents") for o in r.get_response().outputs):
            return None  # it reads raw contents only
    else:
        return None
    return {n: r.as_numpy(n) for n in names}


# --- KServe ---------------------------------------------------------------------


def write_kserve():
    from kserve import InferInput, InferOutput, InferRequest, InferResponse

    for name, array in samples():
        for binary in (True, False):
            if not binary and not in_json(name):
                continue
            how = "binary" if binary else "JSON"
            i = InferInput("x", list(array.shape), name)
            i.set_data_from_numpy(array, binary_data=binary)
            request = InferRequest("m", [i], request_id="7")
            body, size = request.to_rest()
            if isinstance(body, dict):
                body = json.dumps(body).encode()
            vector(f"KServe, {name}, {how}", "binary" if size else "json", body, [described("x", array)], size or "")
            vector(f"KServe, {name}, {how}, gRPC", "grpc", request.to_grpc().SerializeToString(), [described("x", array)])
            if binary:
                continue
            o = InferOutput("y", list(array.shape), name)
            o.set_data_from_numpy(array, binary_data=False)
            response = InferResponse("7", "m", [o])
            body, _ = response.to_rest()
            vector(f"KServe, {name}, answer", "json-answer", json.dumps(body).encode(), [described("y", array)])
            vector(f"KServe, {name}, answer, gRPC", "grpc-answer", response.to_grpc().SerializeToString(), [described("y", array)])


def read_kserve(v, body, header):
    from kserve import InferRequest, InferResponse
    from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb

    if v["read"] in ("json", "binary", "raw"):
        request = InferRequest.from_bytes(body, header or len(body), "m")
        return {i.name: i.as_numpy() for i in request.inputs}
    if v["read"] == "grpc":
        request = InferRequest.from_grpc(pb.ModelInferRequest.FromString(body))
        return {i.name: i.as_numpy() for i in request.inputs}
    if v["read"] == "json-answer":
        response = InferResponse.from_rest({"id": None, "model_name": "m", **json.loads(body)})
        return {o.name: o.as_numpy() for o in response.outputs}
    if v["read"] == "binary-answer":
        return {o.name: o.as_numpy() for o in InferResponse.from_bytes(body, header).outputs}
    if v["read"] == "grpc-answer":
        return {o.name: o.as_numpy() for o in InferResponse.from_grpc(pb.ModelInferResponse.FromString(body)).outputs}
    return None


# --- MLServer -------------------------------------------------------------------


def write_mlserver():
    from mlserver import types
    from mlserver.codecs import NumpyCodec, StringCodec
    from mlserver.grpc.converters import ModelInferRequestConverter, ModelInferResponseConverter
    from mlserver.rest.responses import Response

    options = {"parameters": ["content_type"]}
    for name, array in samples():
        if not in_json(name) or name == "BYTES":
            continue
        request = types.InferenceRequest(inputs=[NumpyCodec.encode_input("x", array)])
        response = types.InferenceResponse(model_name="m", outputs=[NumpyCodec.encode_output("y", array)])
        send_mlserver(name, array, request, response, options, (ModelInferRequestConverter, ModelInferResponseConverter, Response))
    array = np.array([["a"], ["é\n"], ['"\\']], dtype=np.object_)
    request = types.InferenceRequest(inputs=[StringCodec.encode_input("x", [t[0] for t in array])])
    response = types.InferenceResponse(model_name="m", outputs=[StringCodec.encode_output("y", [t[0] for t in array])])
    send_mlserver("BYTES", array, request, response, options, (ModelInferRequestConverter, ModelInferResponseConverter, Response))


def send_mlserver(name, array, request, response, options, converters):
    to_request, to_response, rest = converters
    vector(f"MLServer, {name}, JSON", "json", request.model_dump_json().encode(), [described("x", array)], options=options)
    vector(f"MLServer, {name}, gRPC", "grpc", to_request.from_types(request, model_name="m").SerializeToString(), [described("x", array)], options=options)
    vector(f"MLServer, {name}, answer", "json-answer", rest(content=None).render(response.model_dump()), [described("y", array)], options={"drop": True})
    for use_raw in (False, True):
        body = to_response.from_types(response, use_raw=use_raw).SerializeToString()
        vector(f"MLServer, {name}, answer, gRPC{', raw' if use_raw else ''}", "grpc-answer", body, [described("y", array)], options={"drop": True})


def read_mlserver(v, body, header):
    from mlserver import types
    from mlserver.codecs import NumpyCodec
    from mlserver.grpc import dataplane_pb2 as pb
    from mlserver.grpc.converters import ModelInferRequestConverter, ModelInferResponseConverter

    if v["read"] == "json":
        items = types.InferenceRequest.model_validate_json(body).inputs
    elif v["read"] == "grpc":
        items = ModelInferRequestConverter.to_types(pb.ModelInferRequest.FromString(body)).inputs
    elif v["read"] == "json-answer":
        items = types.InferenceResponse.model_validate({"model_name": "m", **json.loads(body)}).outputs
    elif v["read"] == "grpc-answer":
        items = ModelInferResponseConverter.to_types(pb.ModelInferResponse.FromString(body)).outputs
    else:
        return None
    if any(i.datatype in ("FP16", "BF16", "BYTES") for i in items):
        return None  # its codec for arrays has no 16-bit floats, and texts of its own
    return {i.name: NumpyCodec.decode_input(i) for i in items}


# --------------------------------------------------------------------------------

CODECS = {
    "tritonclient": (write_tritonclient, read_tritonclient),
    "kserve": (write_kserve, read_kserve),
    "mlserver": (write_mlserver, read_mlserver),
}


# Their readers turn text into float64 first, and -0 into an integer, so that they see
# other numbers in the text of the client than in ours.
ROUNDED_TWICE = {"floats of all spellings", "float32 is rounded once", "the largest float32"}


def bytes_of(v, key):
    return base64.b64decode(v[key + "64"]) if key + "64" in v else v.get(key, "").encode()


def header_of(read, body):
    """The length of a canonical header: its JSON ends where the decoder stops."""
    if read not in ("binary", "raw", "binary-answer"):
        return 0
    return json.JSONDecoder().raw_decode(body.decode("latin-1"))[1]


def same(a, b):
    if a.shape != b.shape:
        return False
    return raw(a.astype(np.object_) if a.dtype.kind in "SU" else a) == raw(b.astype(np.object_) if b.dtype.kind in "SU" else b)


def compare(codec, v):
    """None where the codec does not read this kind, else whether both are the same."""
    read = CODECS[codec][1]
    written = bytes_of(v, "write")
    if b'"BF16"' in written or b"BF16" in written or b"shared_memory" in written:
        return None  # numpy has no such type; there are no data
    got = read(v, written, header_of(v["read"], written))
    if got is None:
        return None
    for t in v.get("tensors", []):
        if base64.b64decode(t["data"]) != raw(got[t["name"]]) or t["shape"] != list(got[t["name"]].shape):
            return False
    if v["read"] == "raw" or "tensors" in v or v["case"] in ROUNDED_TWICE:
        return True
    header = int(v.get("header", "0"))
    want = read(v, bytes_of(v, "body"), header)
    return want.keys() == got.keys() and all(same(want[k], got[k]) for k in want)


def main():
    if sys.argv[1] == "write":
        CODECS[sys.argv[2]][0]()
        return 0
    codec, counts, bad = sys.argv[2], {True: 0, None: 0}, 0
    for name in sys.argv[3:]:
        for line in open(name, encoding="utf-8"):
            v = json.loads(line)
            if v["verdict"] != "accept":
                continue
            try:
                ok = compare(codec, v)
            except Exception as e:  # a codec may fail on anything, and that is a finding
                ok = False
                print(f"{codec}: {v['case']}: {type(e).__name__}: {e}", file=sys.stderr)
            if ok is False:
                bad += 1
                print(f"{codec}: {v['read']}: {v['case']}: not the same", file=sys.stderr)
            else:
                counts[ok] += 1
    print(f"{codec}: {counts[True]} messages are the same, {counts[None]} are of kinds that it does not read, {bad} differ")
    return 1 if bad or not counts[True] else 0


if __name__ == "__main__":
    sys.exit(main())
