"""Hugging Face: folders of tiny random models, Trainer runs, accelerate, peft, diffusers, sentence-transformers."""

from __future__ import annotations

import json

import torch
from torch import nn

TINY = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, vocab_size=60, max_position_embeddings=32)


def models():
    import transformers as t

    yield "bert", t.BertForSequenceClassification(t.BertConfig(**TINY))
    yield "roberta", t.RobertaForMaskedLM(t.RobertaConfig(**TINY))
    yield "distilbert", t.DistilBertModel(t.DistilBertConfig(dim=16, n_layers=1, n_heads=2, hidden_dim=32, vocab_size=60))
    yield "electra", t.ElectraModel(t.ElectraConfig(**TINY, embedding_size=16))
    yield "deberta", t.DebertaV2Model(t.DebertaV2Config(**TINY))
    yield "gpt2", t.GPT2LMHeadModel(t.GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=60, n_positions=32))
    yield "llama", t.LlamaForCausalLM(t.LlamaConfig(**TINY))
    yield "mistral", t.MistralForCausalLM(t.MistralConfig(**TINY, num_key_value_heads=1))
    yield "opt", t.OPTForCausalLM(t.OPTConfig(hidden_size=16, num_hidden_layers=1, ffn_dim=32, num_attention_heads=2, vocab_size=60, max_position_embeddings=32, word_embed_proj_dim=16))
    yield "t5", t.T5ForConditionalGeneration(t.T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, vocab_size=60))
    yield "bart", t.BartModel(t.BartConfig(d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, vocab_size=60))
    yield "vit", t.ViTForImageClassification(t.ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=16, patch_size=8))
    small = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    yield "clip", t.CLIPModel(t.CLIPConfig(text_config=small | {"vocab_size": 60}, vision_config=small | {"image_size": 16, "patch_size": 8}, projection_dim=8))
    yield "whisper", t.WhisperForConditionalGeneration(t.WhisperConfig(d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
                                                                      decoder_ffn_dim=16, vocab_size=60, num_mel_bins=8, max_source_positions=16, max_target_positions=16, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1))
    yield "wav2vec2", t.Wav2Vec2Model(t.Wav2Vec2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, conv_dim=(8, 8), conv_kernel=(3, 3), conv_stride=(2, 2), num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2))
    yield "resnet", t.ResNetForImageClassification(t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1]))
    yield "segformer", t.SegformerForSemanticSegmentation(t.SegformerConfig(hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 1, 1], decoder_hidden_size=8))
    yield "mixtral", t.MixtralForCausalLM(t.MixtralConfig(**TINY, num_key_value_heads=1, num_local_experts=2))


def tokenizer(folder):
    import transformers as t

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(50)]
    (folder / "vocab.txt").write_text("\n".join(words))
    made = t.BertTokenizerFast(str(folder / "vocab.txt"))
    made.chat_template = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
    return made


def folders(out) -> None:
    for name, model in models():
        with out.trying(f"transformers/{name}"):
            folder = out.folder("transformers", name)
            model.save_pretrained(folder, safe_serialization=False)
            tokenizer(folder).save_pretrained(folder)
            torch.save(model, out.path("transformers-whole", f"{name}.pt"))
            torch.save({"model": model.state_dict(), "config": model.config}, out.path("transformers-whole", f"{name}_config.pt"))
    for name, model in models():
        with out.trying(f"safetensors/{name}"):
            model.save_pretrained(out.folder("transformers-safetensors", name))
        if name in ("bert", "gpt2", "t5"):
            model.save_pretrained(out.folder("transformers-sharded", name), safe_serialization=False, max_shard_size="8KB")
            model.save_pretrained(out.folder("transformers-sharded", name + "_safe"), max_shard_size="8KB")
            model.half().save_pretrained(out.folder("transformers-half", name), safe_serialization=False)


def scripted(out) -> None:
    import transformers as t

    torch.manual_seed(0)
    model = t.BertModel(t.BertConfig(**TINY, torchscript=True)).eval()
    torch.jit.save(torch.jit.trace(model, torch.randint(0, 60, (1, 8))), out.path("transformers-script", "bert.pt"))
    gpt = t.GPT2LMHeadModel(t.GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=60, n_positions=32, torchscript=True, use_cache=False)).eval()
    torch.jit.save(torch.jit.trace(gpt, torch.randint(0, 60, (1, 8))), out.path("transformers-script", "gpt2.pt"))
    quantized = torch.quantization.quantize_dynamic(model, {nn.Linear}, dtype=torch.qint8)
    torch.save(quantized, out.path("transformers-quantized", "bert_whole.pt"))
    torch.save(quantized.state_dict(), out.path("transformers-quantized", "bert_state.pt"))


class Rows(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> dict:
        return {"input_ids": torch.arange(8) + i, "attention_mask": torch.ones(8, dtype=torch.long), "labels": torch.tensor(i % 2)}


def trainer(out) -> None:
    import transformers as t

    variants = {
        "plain": {}, "cosine": {"lr_scheduler_type": "cosine", "warmup_steps": 2}, "adafactor": {"optim": "adafactor"}, "epoch": {"save_strategy": "epoch"},
        "best": {"load_best_model_at_end": True, "eval_strategy": "steps", "evaluation_strategy": "steps", "eval_steps": 2, "metric_for_best_model": "loss"},
        "pickle": {"save_safetensors": False}, "label": {"label_smoothing_factor": 0.1, "group_by_length": False, "weight_decay": 0.1}, "fsdp_off": {"fsdp": "", "deepspeed": None},
    }
    known = t.TrainingArguments.__dataclass_fields__
    for name, extra in variants.items():
        with out.trying(f"trainer/{name}"):
            extra = {k: v for k, v in extra.items() if k in known}
            if "eval_strategy" in extra:
                extra.pop("evaluation_strategy", None)
            args = t.TrainingArguments(str(out.folder("transformers-trainer", name)), max_steps=4, per_device_train_batch_size=2, report_to=[], disable_tqdm=True,
                                       **({"use_cpu": True} if "use_cpu" in known else {}), **{"save_steps": 2, **extra})
            model = t.BertForSequenceClassification(t.BertConfig(**TINY))
            run = t.Trainer(model, args, train_dataset=Rows(), eval_dataset=Rows(), callbacks=[t.EarlyStoppingCallback(2)] if name == "best" else [])
            run.train()
            run.save_model()
            torch.save(run.state, out.path("transformers-trainer", f"{name}_state.pt"))
    with out.trying("seq2seq"):
        args = t.Seq2SeqTrainingArguments(str(out.folder("transformers-trainer", "seq2seq")), predict_with_generate=True, generation_config=t.GenerationConfig(max_length=5), report_to=[])
        torch.save(args, out.path("transformers-trainer", "seq2seq_training_args.bin"))


def accelerated(out) -> None:
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    for safe in (True, False):
        model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
        optimizer = torch.optim.AdamW(model.parameters())
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(8, 4)), 4)
        made = accelerator.prepare(model, optimizer, scheduler, loader)
        for batch in made[3]:
            accelerator.backward(made[0](batch[0]).sum())
            made[1].step()
            made[2].step()
        accelerator.save_state(str(out.folder("accelerate", f"state_{safe}")), safe_serialization=safe)
        accelerator.save_model(made[0], str(out.folder("accelerate", f"model_{safe}")), max_shard_size="1KB", safe_serialization=safe)
    torch.save(accelerator.state, out.path("accelerate", "state.pt"))


def adapters(out) -> None:
    import peft
    import transformers as t

    for name, config in {"lora": peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"]), "ia3": peft.IA3Config(target_modules=["q_proj"], feedforward_modules=[]),
                         "prompt": peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2), "prefix": peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2),
                         "loha": peft.LoHaConfig(r=2, target_modules=["q_proj"])}.items():
        with out.trying(f"peft/{name}"):
            model = peft.get_peft_model(t.LlamaForCausalLM(t.LlamaConfig(**TINY)), config)
            model.save_pretrained(out.folder("peft", name), safe_serialization=False)
            model.save_pretrained(out.folder("peft", name + "_safe"))
            torch.save(model, out.path("peft", f"{name}_whole.pt"))
            torch.save(config, out.path("peft", f"{name}_config.pt"))


def diffusion(out) -> None:
    import diffusers as d

    unet = dict(block_out_channels=(8, 8), layers_per_block=1, sample_size=8, norm_num_groups=4, down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"), attention_head_dim=4)
    model = d.UNet2DModel(**unet)
    for safe in (True, False):
        model.save_pretrained(out.folder("diffusers", f"unet_{safe}"), safe_serialization=safe)
        with out.trying("pipeline"):
            d.DDPMPipeline(model, d.DDPMScheduler()).save_pretrained(out.folder("diffusers", f"ddpm_{safe}"), safe_serialization=safe)
    vae = d.AutoencoderKL(block_out_channels=(8,), norm_num_groups=4)
    vae.save_pretrained(out.folder("diffusers", "vae"), safe_serialization=False)
    torch.save(vae, out.path("diffusers", "vae_whole.pt"))
    torch.save(model, out.path("diffusers", "unet_whole.pt"))
    torch.save(d.DDIMScheduler(), out.path("diffusers", "scheduler.pt"))
    torch.save({"state_dict": model.state_dict(), "global_step": 5}, out.path("diffusers", "sd_like.ckpt"))
    from diffusers.training_utils import EMAModel

    torch.save(EMAModel(model.parameters()).state_dict(), out.path("diffusers", "ema.pt"))


def sentences(out) -> None:
    import sentence_transformers as s
    import transformers as t

    folder = out.folder("sentence-transformers", "base")
    t.BertModel(t.BertConfig(**TINY)).save_pretrained(folder)
    tokenizer(folder).save_pretrained(folder)
    word = s.models.Transformer(str(folder))
    model = s.SentenceTransformer(modules=[word, s.models.Pooling(16), s.models.Dense(16, 8), s.models.Normalize()], device="cpu")
    model.save(str(out.folder("sentence-transformers", "model")))
    model.save(str(out.folder("sentence-transformers", "unsafe")), safe_serialization=False)
    torch.save(model, out.path("sentence-transformers", "whole.pt"))


def numbers(out) -> None:
    with open(out.path("transformers", "generation.json"), "w") as f:
        json.dump({"a": 1}, f)


def make(out) -> None:
    for section in (folders, scripted, trainer, accelerated, adapters, diffusion, sentences, numbers):
        with out.trying(section.__name__):
            section(out)
