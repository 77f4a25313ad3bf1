"""Load PyTorch models so that nothing gets in that you did not trust.

>>> import andiron
>>> state = andiron.load("models/backbone.pt")

Every load opens the file once, reads it once into private memory, has those bytes
judged by the ``andiron`` binary against ``andiron.lock`` and ``andiron.yaml``, and
loads those bytes and no others. Importing this package imports neither torch nor
numpy.

# Security

What is trusted is decided by the project's policy; without one, nothing is. A
process that already runs hostile code is not protected by functions inside it:
:func:`install_guard` is a net, the wall is the sandbox.
"""

from ._errors import (
    AndironError,
    AndironSecurityWarning,
    BinaryError,
    BinaryNotFoundError,
    ContainedError,
    DigestMismatchError,
    FileAccessError,
    FormatError,
    LoadError,
    PolicyError,
    RefusedError,
    SandboxError,
    ScanError,
    SchemaError,
    SignatureError,
    TensorValidationError,
    UntrustedModelError,
)
from ._guard import install_guard, uninstall_guard
from ._load import hash_file, jit_load, load, load_safetensors, load_unsafe
from ._tensor._data import checked_collate, checked_dataset
from ._tensor._schema import Schema, read_schema
from ._tensor._validate import guard, validate
from ._tensor._violation import Violation
from ._untrusted import load_untrusted

__version__ = "0.1.0"

__all__ = [
    "AndironError",
    "AndironSecurityWarning",
    "BinaryError",
    "BinaryNotFoundError",
    "ContainedError",
    "DigestMismatchError",
    "FileAccessError",
    "FormatError",
    "LoadError",
    "PolicyError",
    "RefusedError",
    "SandboxError",
    "ScanError",
    "Schema",
    "SchemaError",
    "SignatureError",
    "TensorValidationError",
    "UntrustedModelError",
    "Violation",
    "checked_collate",
    "checked_dataset",
    "guard",
    "hash_file",
    "install_guard",
    "jit_load",
    "load",
    "load_safetensors",
    "load_unsafe",
    "load_untrusted",
    "read_schema",
    "uninstall_guard",
    "validate",
]
