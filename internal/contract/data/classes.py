"""Lists the public classes of model libraries, by reading their source.

Usage: python3 classes.py NAME DIR [DIR...] > classes_NAME.txt

DIR holds unpacked wheels or site-packages of one or several versions. Nothing
is imported: classes are found with ast, and a class is listed when its bases
lead, by name, to one of the roots below, inside of the folders that were
reviewed. One line per module: "module: Class Class". The header says what may
be done with them; see contract.go for the words.

The lists in this folder were made from the versions that their header names.
"""
import ast
import pathlib
import sys

# Reviewed and left out: __setstate__ or __del__ acts on what the state says.
EXCLUDED = {"DistributedDataParallel", "NeptuneCallback"}
MODULES = {"Module", "ModuleList", "Sequential"}
# name -> (versions, [(header, folders, roots or decorators)])
LISTS = {
    "torch": ("torch 1.13.0, 2.6.0", [
        ("framework torch vnb - nn modules: Module.__setstate__ only updates the instance dictionary",
         ["torch/nn", "torch/ao/nn", "torch/ao/quantization/observer", "torch/ao/quantization/fake_quantize", "torch/ao/quantization/stubs"],
         {"Module", "ModuleList", "Sequential", "_ConvNd", "_BatchNorm", "ObserverBase", "FakeQuantizeBase"}),
        ("framework torch vnb - optimizers: __setstate__ updates the dictionary and fills defaults",
         ["torch/optim"], {"Optimizer", "LRScheduler", "_LRScheduler"}),
        ("framework torch vnb - distributions: plain attribute holders",
         ["torch/distributions"], {"Distribution", "Transform"}),
    ]),
    "torchvision": ("torchvision 0.29.2", [
        ("framework torchvision vnb - models and transforms: nn modules and plain attribute holders",
         ["torchvision/models", "torchvision/ops", "torchvision/transforms"], MODULES | {"ConvNormActivation"}),
        ("framework torchvision vrE - enums", ["torchvision"], {"Enum", "StrEnum", "WeightsEnum"}),
    ]),
    "lightning": ("pytorch-lightning 2.5.5", [
        ("framework lightning nb - callbacks and holders: plain attributes",
         ["pytorch_lightning/callbacks", "pytorch_lightning/loggers"], {"Callback", "Checkpoint"}),
        ("framework lightning vrE - enums", ["pytorch_lightning"], {"Enum", "StrEnum", "LightningEnum"}),
    ]),
    "transformers": ("transformers 4.57.0, accelerate 1.15.0, trl 1.16.0", [
        ("framework transformers nb - configurations: plain attributes",
         ["transformers/models", "transformers/configuration_utils", "transformers/generation"],
         {"PretrainedConfig", "PreTrainedConfig", "GenerationConfig"}),
        ("framework transformers vrE - enums",
         ["transformers", "accelerate/utils", "trl"], {"Enum", "StrEnum", "ExplicitEnum", "BaseEnum"}),
        ("framework transformers nb - training arguments and callbacks: dataclasses and plain attributes",
         ["transformers/training_args", "transformers/training_args_seq2seq", "transformers/trainer_callback",
          "transformers/trainer_pt_utils", "transformers/trainer_utils", "accelerate/utils/dataclasses", "accelerate/state", "trl/trainer"],
         {"@dataclass", "TrainingArguments", "TrainerCallback", "KwargsHandler"}),
        ("framework transformers nb - model classes of the common encoders and decoders: nn modules",
         ["transformers/models/" + m for m in
          "albert bart bert clip deberta deberta_v2 distilbert electra gpt2 gpt_neo llama mpnet opt roberta t5 vit wav2vec2 whisper xlm_roberta".split()]
         + ["transformers/modeling_utils", "transformers/pytorch_utils", "transformers/activations"],
         MODULES | {"PreTrainedModel", "GradientCheckpointingLayer"}),
    ]),
    "ultralytics": ("ultralytics 8.4.190", [
        ("framework ultralytics nb - model and loss classes: nn modules",
         ["ultralytics/nn/tasks", "ultralytics/nn/modules", "ultralytics/utils/loss", "ultralytics/utils/tal", "ultralytics/models"],
         MODULES | {"BaseModel", "v8DetectionLoss"}),
    ]),
    "libraries": ("torchmetrics 1.9.0, timm 1.0.31, sentence-transformers 6.2.0", [
        ("framework torchmetrics nb - metrics: nn modules whose state is tensors", ["torchmetrics"], {"Metric"}),
        ("framework timm nb - model classes: nn modules", ["timm/models", "timm/layers"], MODULES),
        ("framework sentence-transformers nb - model classes: nn modules",
         ["sentence_transformers/models", "sentence_transformers/losses", "sentence_transformers/sentence_transformer"], MODULES),
    ]),
}


def classes(root, folder):
    """Yields module, class node, relative path for each class under a folder."""
    base = root / folder
    files = sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
    for path in files:
        if not path.is_file() or "test" in path.parts or path.name.startswith("modular_"):
            continue  # modular_*.py are templates that nothing imports
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text(encoding="utf-8", errors="replace")).body:
            if isinstance(node, ast.ClassDef):
                yield module, node


def last(node):
    """The last name of a base or decorator expression."""
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def matching(dirs, folders, roots):
    found = {}
    todo = [(m, n) for d in dirs for f in folders for m, n in classes(pathlib.Path(d), f)]
    known, grew = set(roots), True
    while grew:
        grew = False
        for module, node in todo:
            names = {last(b) for b in node.bases} | {"@" + last(d) for d in node.decorator_list}
            if names & known and node.name not in found.get(module, set()):
                found.setdefault(module, set()).add(node.name)
                known.add(node.name)
                grew = True
    return found


def main():
    name, dirs = sys.argv[1], sys.argv[2:]
    versions, groups = LISTS[name]
    print(f"# Made by classes.py from the source of {versions}; do not edit by hand.")
    seen = set()
    for header, folders, roots in groups:
        print("=", header)
        for module, names in sorted(matching(dirs, folders, roots).items()):
            names = {n for n in names if (module, n) not in seen and n not in EXCLUDED}
            seen |= {(module, n) for n in names}
            if names and module != "torch.nn.cpp":  # binds C++ objects
                print(f"{module}: {' '.join(sorted(names))}")
                if name == "lightning":  # the same package under its other name
                    print(f"{module.replace('pytorch_lightning', 'lightning.pytorch', 1)}: {' '.join(sorted(names))}")


if __name__ == "__main__":
    main()
