"""Lists classes that the files of tools/corpus/real name, by reading their source.

Usage: python3 classes_more.py SITE_PACKAGES... > classes_more.txt

It works as classes.py does, with two differences. A class is listed whose bases
lead to a leaf of torch.nn, not only to Module. And a class is left out, said on
stderr, when it or a base of it that is read here defines a method that loading
calls (HOOKS), unless the method was read and stands in READ.
"""
import ast
import pathlib
import sys

import classes

HOOKS = {"__setstate__", "__del__", "__new__", "__setattr__", "__getattr__", "__getattribute__", "__init_subclass__"}
LEAVES = classes.MODULES | set(
    "ModuleDict ParameterList ParameterDict Linear Identity Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d BatchNorm1d BatchNorm2d BatchNorm3d _BatchNorm LayerNorm"
    " GroupNorm InstanceNorm2d RMSNorm Embedding EmbeddingBag Dropout AvgPool2d MaxPool2d AdaptiveAvgPool2d Upsample CrossEntropyLoss BCEWithLogitsLoss MSELoss _Loss Softmax ReLU SiLU GELU"
    " MultiheadAttention LSTM GRU LSTMCell TransformerEncoderLayer Flatten Unfold".split())
FAMILIES = """albert bart beit bert bloom blip camembert clip clipseg codegen convbert convnext convnextv2 deberta deberta_v2 deit detr dinov2 distilbert dpt efficientnet electra
 encoder_decoder falcon gemma gemma2 gpt2 gpt_bigcode gpt_neo gpt_neox gptj hubert layoutlm layoutlmv3 llama longformer m2m_100 marian mbart mistral mixtral mobilebert mobilevit mobilenet_v2
 mpnet mt5 opt pegasus phi phi3 qwen2 qwen3 resnet roberta roformer segformer siglip speech_encoder_decoder swin t5 timesformer videomae vision_encoder_decoder vit vit_mae vits wav2vec2 whisper
 xlm xlm_roberta xlnet yolos""".split()
# What a hook of these does was read: it acts on the names of attributes only, or
# on a constant of the class.
READ = {
    "PretrainedConfig.__setattr__", "PretrainedConfig.__getattribute__",  # map attribute names to others
    "ConfigMixin.__getattr__", "ModelMixin.__getattr__", "PeftModel.__getattr__", "PeftMixedModel.__getattr__", "BaseTuner.__getattr__",  # forward to self.config, self.base_model
    "FrozenDict.__setattr__",  # refuses
    "Metric.__setstate__", "Metric.__setattr__", "MetricTracker.__setattr__",  # wrap own update and compute
    "MetricCollection.__setattr__",
    "TrainingArguments.__setattr__",
    "PreTrainedModel.__init_subclass__",  # when the package defines a class, not when a file is loaded
    "SegmentationModel.__new__",  # makes the object
}
READ |= {f"{n}.__getattr__" for n in  # forward to self.model, after nn.Module's own
         "LycorisTuner OFTModel LoraModel IA3Model VeraModel VBLoRAModel XLoraModel TrainableTokensModel ShiraModel RandLoraModel PolyModel MixedModel MissModel LNTuningModel HRAModel FourierFTModel".split()}
GROUPS = [
    ("framework transformers nb - model classes of the common encoders and decoders: nn modules", "transformers",
     ["transformers/models/" + f for f in FAMILIES] + ["transformers/modeling_utils", "transformers/pytorch_utils", "transformers/activations"],
     LEAVES | {"PreTrainedModel", "GradientCheckpointingLayer"}),
    ("framework transformers nb - configurations: plain attributes", "transformers", ["transformers/models", "transformers/configuration_utils"], {"PretrainedConfig", "PreTrainedConfig"}),
    ("framework transformers nb - fast tokenizers: plain attributes and the tokenizer's own JSON", "transformers",
     ["transformers/models", "transformers/tokenization_utils_fast"], {"PreTrainedTokenizerFast"}),
    ("framework torchvision nb - models: nn modules", "torchvision", ["torchvision/models", "torchvision/ops", "torchvision/transforms"], LEAVES | {"ConvNormActivation"}),
    ("framework torchmetrics nb - metrics: nn modules whose state is tensors", "torchmetrics", ["torchmetrics"], LEAVES | {"Metric"}),
    ("framework timm nb - model classes: nn modules", "timm", ["timm/models", "timm/layers", "timm/loss", "timm/utils/model_ema"], LEAVES),
    ("framework timm vrE - enums", "timm", ["timm"], {"Enum", "StrEnum"}),
    ("framework ultralytics nb - model and loss classes: nn modules", "ultralytics", ["ultralytics/nn", "ultralytics/utils/loss", "ultralytics/utils/tal"], LEAVES | {"BaseModel", "v8DetectionLoss"}),
    ("framework lightning nb - callbacks: plain attributes", "lightning", ["pytorch_lightning/callbacks"], {"Callback", "Checkpoint"}),
    ("framework sentence-transformers nb - model classes: nn modules", "sentence-transformers",
     ["sentence_transformers/models", "sentence_transformers/losses", "sentence_transformers/SentenceTransformer", "sentence_transformers/cross_encoder", "sentence_transformers/sparse_encoder"], LEAVES | {"InputModule", "Module"}),
    ("framework diffusers nb - model classes: nn modules", "diffusers", ["diffusers/models"], LEAVES | {"ModelMixin"}),
    ("framework diffusers nb - schedulers: plain attributes and tensors", "diffusers", ["diffusers/schedulers"], {"SchedulerMixin"}),
    ("framework peft nb - adapter layers and models: nn modules", "peft", ["peft/tuners", "peft/peft_model"], LEAVES | {"BaseTuner", "BaseTunerLayer"}),
    ("framework peft nb - adapter configurations: dataclasses", "peft", ["peft/config", "peft/tuners"], {"PeftConfigMixin", "PeftConfig"}),
    ("framework peft vrE - enums", "peft", ["peft"], {"Enum", "StrEnum"}),
    ("framework segmentation-models nb - model and loss classes: nn modules", "segmentation-models",
     ["segmentation_models_pytorch", "efficientnet_pytorch/model", "efficientnet_pytorch/utils", "pretrainedmodels/models"], LEAVES | {"MobileNetV2", "ResNet", "DenseNet", "VGG", "EncoderMixin"}),
    # Not torch_geometric.nn: MessagePassing.__setstate__ of 2.6 renders Python source from the state and imports it.
    ("framework torch-geometric nb - transforms: plain attributes", "torch-geometric", ["torch_geometric/transforms"], {"BaseTransform"}),
    ("framework metric-learning nb - losses, miners and what they are made of: nn modules", "metric-learning", ["pytorch_metric_learning"], LEAVES),
]


def listed(data):
    """The names that other files list already."""
    for path in data.glob("*.txt"):
        if path.name not in ("classes_more.txt", "sinks.txt", "weights_only.txt"):
            for line in path.read_text().splitlines():
                module, colon, names = line.partition(":")
                if colon and line[0] not in "#=":
                    yield from ((module, n.partition("(")[0]) for n in names.split())


def hooks(dirs, folders):
    """Class name -> hooks that it defines, and the names of its bases."""
    own, bases = {}, {}
    for d in dirs:
        for f in folders:
            for _, node in classes.classes(pathlib.Path(d), f):
                methods = {m.name for m in ast.walk(node) if isinstance(m, ast.FunctionDef) and m.name in HOOKS}
                own.setdefault(node.name, set()).update(f"{node.name}.{m}" for m in methods)
                bases.setdefault(node.name, set()).update(classes.last(b) for b in node.bases)
    return own, bases


def inherited(name, own, bases):
    found, todo, seen = set(), [name], set()
    while todo:
        n = todo.pop()
        if n not in seen:
            seen.add(n)
            found |= own.get(n, set())
            todo += bases.get(n, ())
    return found


def main():
    dirs = sys.argv[1:]
    print("# Made by classes_more.py from the source of the versions in tools/corpus/real/requirements-*.txt; do not edit by hand.")
    seen = set(listed(pathlib.Path(__file__).parent))
    for header, package, folders, roots in GROUPS:
        found = classes.matching(dirs, folders, roots)
        own, bases = hooks(dirs, folders)
        print("=", header)
        for module, names in sorted(found.items()):
            if ".modeling_tf_" in module or ".modeling_flax_" in module:
                continue
            keep = []
            for name in sorted(names - classes.EXCLUDED):
                unread = inherited(name, own, bases) - READ
                if unread:
                    print(f"left out {package}: {module}.{name}: {' '.join(sorted(unread))}", file=sys.stderr)
                elif (module, name) not in seen and "_deprecated" not in module:
                    seen.add((module, name))
                    keep.append(name)
            if keep:
                print(f"{module}: {' '.join(keep)}")


if __name__ == "__main__":
    main()
