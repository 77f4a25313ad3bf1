package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// libraryLoads are functions of libraries that unpickle the file that they are given.
var libraryLoads = []string{
	"ultralytics.utils.patches.torch_load", "ultralytics.nn.tasks.torch_safe_load", "ultralytics.nn.tasks.attempt_load_weights", "ultralytics.nn.tasks.attempt_load_one_weight",
	"mmcv.runner.load_checkpoint", "mmcv.runner.checkpoint.load_checkpoint", "mmengine.runner.load_checkpoint", "mmengine.runner.checkpoint.load_checkpoint",
	"mmcv.load", "mmengine.load", "mmengine.fileio.load",
	"fvcore.common.checkpoint.Checkpointer().load", "detectron2.checkpoint.DetectionCheckpointer().load", "detectron2.checkpoint.DetectionCheckpointer().resume_or_load",
	"fairseq.checkpoint_utils.load_checkpoint_to_cpu", "fairseq.checkpoint_utils.load_model_ensemble", "fairseq.checkpoint_utils.load_model_ensemble_and_task",
	"fastai.learner.load_learner", "fastai.basics.load_learner", "fastai.vision.all.load_learner", "fastai.text.all.load_learner",
	"mlflow.pytorch.load_model", "mlflow.sklearn.load_model", "flair.models.SequenceTagger.load", "flair.models.TextClassifier.load",
	"gensim.models.Word2Vec.load", "gensim.models.KeyedVectors.load", "gensim.models.Doc2Vec.load", "gensim.models.FastText.load",
	"stable_baselines3.PPO.load", "stable_baselines3.A2C.load", "stable_baselines3.DQN.load", "stable_baselines3.SAC.load", "stable_baselines3.TD3.load",
	"stable_baselines3.common.save_util.load_from_pkl", "skorch.NeuralNet().load_params", "spacy.util.load_model_from_path", "torchtext.vocab.Vectors",
	"bentoml.pytorch.load_model", "bentoml.pytorch_lightning.load_model", "bentoml.picklable_model.load_model", "bentoml.sklearn.load_model", "bentoml.fastai.load_model", "bentoml.models.import_model", "bentoml.import_model",
}

// ultralytics are classes of Ultralytics that unpickle the checkpoint that they are made
// of: one that is written out with another suffix, such as model.yaml, is none.
var ultralytics = []string{"ultralytics.YOLO", "ultralytics.YOLOWorld", "ultralytics.YOLOE", "ultralytics.RTDETR", "ultralytics.SAM", "ultralytics.FastSAM", "ultralytics.NAS", "ultralytics.YOLO().load"}

// libraryOf is the function of a library that unpickles what it is given, or empty.
func (v *view) libraryOf(c *pysrc.Invocation) string {
	if name := nameOf(c, libraryLoads...); name != "" {
		return name
	}
	name := nameOf(c, ultralytics...)
	if name == "" || !given(c, 0, "model") && !given(c, 0, "weights") {
		return ""
	}
	text, known := v.text(c, 0, "model")
	if known && strings.Contains(text, ".") && !strings.HasSuffix(text, ".pt") && !strings.HasSuffix(text, ".pth") {
		return ""
	}
	return name
}

// shardedLoads read distributed checkpoints.
var shardedLoads = []string{
	"torch.distributed.checkpoint.load", "torch.distributed.checkpoint.load_state_dict", "torch.distributed.checkpoint.async_load",
	"torch.distributed.checkpoint.state_dict_loader.load", "torch.distributed.checkpoint.state_dict_loader.load_state_dict",
	"torch.distributed.checkpoint.format_utils.dcp_to_torch_save",
}

// libraries reports loaders of libraries, and of distributed checkpoints.
func (v *view) libraries() {
	for _, c := range v.m.Calls {
		if c.Partial {
			continue
		}
		if name := nameOf(c, shardedLoads...); name != "" && !v.checked(c) {
			v.found(shardedLoad, c.Node, name+" unpickles the checkpoint's metadata, and nothing verified the folder before")
		}
		name := v.libraryOf(c)
		if name == "" && v.lightning(c) {
			name = "load_from_checkpoint"
		}
		if name == "" || slices.Equal(v.words(c, -1, "weights_only"), []string{"True"}) || v.checked(c) {
			continue
		}
		v.found(libraryLoad, c.Node, name+" unpickles the file that it is given")
	}
}

// lightning reports whether a call is of the method of that name in a file that speaks of
// Lightning.
func (v *view) lightning(c *pysrc.Invocation) bool {
	return c.Method() == "load_from_checkpoint" && (strings.Contains(v.f.Text, "lightning") || slices.ContainsFunc(c.Names, func(n string) bool { return strings.Contains(n, "ightning") }))
}
