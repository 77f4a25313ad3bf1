package code

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var moreRules = []*rule.Rule{
	lateDigest, secondHand, libraryLoad, shardedLoad, yamlLoad, evaluated, nativeLibrary, builtAtRun, openListener, objectsSent, openServer,
	pickleWritten, notNormalised, notHardened, dataUnchecked, secretKept, allowLost,
}

var lateDigest = &rule.Rule{
	ID: "PY009", Title: "A digest that is checked after the load", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-345", "CWE-696"},
	Text: "The function loads the file first, and then computes its digest, or has another function of the file do so, and refuses one that is not as expected. What the file says has run by then.",
	Fix:  useAndiron + "; or compute and compare the digest before the load",
}

var secondHand = &rule.Rule{
	ID: "PY013", Title: "What one file holds is loaded as another", Strategy: finding.SafeSerialization,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-502", "CWE-829"},
	Text: "Bytes or a name that came out of a loaded file, or a file of a zip or tar archive, are given to a loader that runs what it reads. A scan of the first file sees data; the program in it starts with the second load.\n\n" +
		"The severity is medium where the second load only reads: torch.load with weights_only=True, TorchScript, a program of torch.export.",
	Fix: "keep what belongs together as tensors in one safetensors file, and load nothing that a file holds",
}

var libraryLoad = &rule.Rule{
	ID: "PY014", Title: "A loader of a library that unpickles", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-502"},
	Text: "The library's function unpickles the file, on its own or by torch.load with weights_only=False. " +
		"Known are those of Lightning, MMEngine and MMCV, fvcore and detectron2, fairseq, fastai, Ultralytics, Stable-Baselines3, MLflow, BentoML, flair, gensim and skorch. One that is passed weights_only=True is not reported, and neither is a class of Ultralytics that is made of a model.yaml or another file that is no checkpoint.",
	Fix: "pass weights_only=True where the function takes it; else verify the file with andiron trust check before it is loaded, or load the tensors with andiron.load(path) and give them to load_state_dict",
}

var shardedLoad = &rule.Rule{
	ID: "PY015", Title: "A distributed checkpoint that nothing verified", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"torch v2.6.0 torch/distributed/checkpoint/filesystem.py FileSystemReader.read_metadata", "CWE-502"},
	Text: "torch.distributed.checkpoint reads the file .metadata of the folder with pickle, and what it names with torch.load. Whoever can write the folder runs code in every process of the job.",
	Fix:  "verify the folder with andiron verify or andiron trust check before it is loaded, or convert it with andiron convert",
}

var yamlLoad = &rule.Rule{
	ID: "PY024", Title: "YAML that builds objects", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CVE-2020-14343", "CWE-502"},
	Text: "yaml.unsafe_load, and yaml.load with Loader, UnsafeLoader or none at all, call whatever Python function the text names. " +
		"The severity is low with FullLoader, which is meant to refuse that and was got around more than once.",
	Fix: "yaml.safe_load(text), which builds lists, dictionaries, texts and numbers only",
}

var evaluated = &rule.Rule{
	ID: "PY025", Title: "Text that is run as code", Strategy: finding.InputValidation,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-95"},
	Text: "eval and exec run text that is not written out in the code. Text that was seen to be a number (isnumeric, isdigit), a constant, and a file of a constant name are not reported. " +
		"Where a request, the command line or a download brings the text, that is PY040, PY041 or PY042.",
	Fix: "ast.literal_eval(text) for values, or a dictionary of the functions that may be named",
}

var nativeLibrary = &rule.Rule{
	ID: "PY034", Title: "A library of operators from a path that others may decide on", Strategy: finding.CustomOps,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-114", "CWE-426"},
	Text: "torch.ops.load_library and torch.classes.load_library run native code as soon as they open the file. A path that a parameter, a setting or a search decides on may be of somebody else's file.\n\n" +
		"The severity is high where the file lies in a folder that everybody can write to, such as /tmp, and low where the path is a constant that is looked for beneath the current folder or among the system's libraries.",
	Fix: "install the library as a package that is pinned with a hash, and load it by a path beside the code",
}

var builtAtRun = &rule.Rule{
	ID: "PY035", Title: "C++ that is built at run time", Strategy: finding.CustomOps,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: []string{"torch v2.6.0 torch/utils/cpp_extension.py load", "CWE-427"},
	Text: "torch.utils.cpp_extension.load and load_inline run a compiler where the program runs, and load what it made. What is built was tested by nobody, and who can write to the sources or the build folder decides what runs.\n\n" +
		"The severity is high where the source is put together at run time, or the sources, headers or the build folder (build_directory, TORCH_EXTENSIONS_DIR) lie where everybody can write, such as in /tmp, " +
		"and medium where settings outside of the code say that.",
	Fix: "build the extension ahead, as a wheel, and test it with andiron ops test",
}

var openListener = &rule.Rule{
	ID: "PY036", Title: "A listener that is open to the network", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"PyTorch SECURITY.md, Using distributed features", "CVE-2024-5480", "CVE-2023-48022", "CWE-1327"},
	Text: "torch.distributed and its RPC trust whoever can connect: RPC runs the functions that a peer names, and a store holds pickles. init_rpc, and a process group, a store or MASTER_ADDR at an address that is not of this machine, are reported. " +
		"So are servers that listen at every address of the machine: of web pages (also those of http.server and socketserver), TorchServe, BentoML, MLflow, and the dashboard of Ray.\n\n" +
		"The severity is low for a server of web pages or of a model at all addresses, which may be meant, and high for one with a debugger, which runs what is typed into it, and for Ray's dashboard, which runs jobs.",
	Fix: "bind to 127.0.0.1 or to the address of a network that only the job's machines are in, and put a proxy or andiron guard serve before a server",
}

var objectsSent = &rule.Rule{
	ID: "PY037", Title: "Objects that are sent between processes", Strategy: finding.SecureLoading,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: []string{"torch v2.6.0 torch/distributed/distributed_c10d.py _tensor_to_object", "CWE-502"},
	Text: "Collectives of objects pickle on one side and unpickle on the other, and so do recv_pyobj of ZeroMQ and the connections of multiprocessing. One process that somebody else got hold of runs code in all.\n\n" +
		"The severity is medium for recv_pyobj, and for a connection of multiprocessing at an address that is not of this machine; it is high for recv_pyobj where the file binds a socket that is open to the network.",
	Fix: "send tensors: torch.distributed.broadcast, all_gather, gather, scatter; over a socket send bytes of a format without code, such as safetensors, JSON or msgpack",
}

var openServer = &rule.Rule{
	ID: "PY038", Title: "A model server that takes models from others", Strategy: finding.TrustedSources,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CVE-2023-43654", "CVE-2025-32375", "TorchServe documentation, Configuration", "Triton documentation, Model Management", "CWE-306"},
	Text: "The settings let somebody else give the server a model, which it loads and runs: TorchServe with its management address open, its token off, any address allowed, or packages installed per model; " +
		"Triton with models loaded on request, where no protocol is restricted; a runner of BentoML, which unpickles requests; Gradio that shares a page with the world, or gives every file. " +
		"Looked at are config.properties, command lines, environment variables (TS_..., GRADIO_...), bentofile.yaml and calls.\n\n" +
		"The severity is high where TorchServe's management address is open to the network, and for a runner of BentoML; it is low for a bento that names no version of its model.",
	Fix: "TorchServe: bind the management address to 127.0.0.1, keep the token, and name the addresses that models may come from (allowed_urls); Triton: load models at start (--model-control-mode=none); " +
		"BentoML: bind runners to 127.0.0.1; Gradio: launch() without share=True, and with allowed_paths of what the page shows",
}

var pickleWritten = &rule.Rule{
	ID: "PY051", Title: "A pickle is written", Strategy: finding.SafeSerialization,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-502"},
	Text: "What pickle, dill, cloudpickle, joblib or pandas writes, somebody has to unpickle, which runs what the file says by then. " +
		"So it is with pickled bytes that are written to a file, a socket or a store, torch.save with a pickle_module, numpy.save of a dictionary or of an array of objects, save_pretrained(safe_serialization=False) and models that MLflow logs. Tests are left out.",
	Fix: "write arrays with numpy.savez or safetensors.numpy.save_file, tables as Parquet, and settings as JSON",
}

var notNormalised = &rule.Rule{
	ID: "PY064", Title: "Nothing normalises what the model is given", Strategy: finding.InputValidation,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-20"},
	Text: "The project trains a model, and no call of it scales or normalises its inputs: none of the names that torchvision, torchaudio, scikit-learn or Transformers have for that, and no subtraction of a mean with a division. Inputs far from what the model learned then reach it as they are. " +
		"Where training normalises, a file that gives requests to a model and neither normalises itself nor uses a file of the project that does is reported: the model is then given other inputs than it learned from.",
	Fix: "normalise in one place that training and serving share, and state the range in the schema (andiron guard infer)",
}

var notHardened = &rule.Rule{
	ID: "PY065", Title: "A training loop without adversarial examples", Strategy: finding.InputValidation,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron Python SDK"},
	Text: "The loop computes gradients and steps an optimizer, or Lightning, Transformers, fastai or Ultralytics do, and nothing in the project attacks the model. Where others choose its inputs, small changes steer what it says.",
	Fix:  "for x, y in andiron.adversarial.AdversarialBatches(loader, model, eps=...); andiron robust eval measures what it is worth",
}

var dataUnchecked = &rule.Rule{
	ID: "PY066", Title: "Training data that nothing validates", Strategy: finding.InputValidation,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron Python SDK", "CWE-20"},
	Text: "A DataLoader is made, or a data set of datasets, torchvision or WebDataset, and nothing in the project holds samples against a schema. What was planted in the data, or broke on the way, is learned. " +
		"What the data set's own __getitem__ and collate functions check is said beside it.",
	Fix: "andiron.checked_dataset(dataset, \"model.schema.yaml\"), and andiron data check before training",
}

var secretKept = &rule.Rule{
	ID: "PY070", Title: "A secret in the code or in a checkpoint", Strategy: finding.TrustedSources,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-798", "CWE-312"},
	Text: "A text has the form of a token of Hugging Face, GitHub, GitLab, AWS, Google, Slack, OpenAI or a package index, of a private key, or of an address with a password, or what is saved as a checkpoint, as metadata of one or by save_hyperparameters has an entry that is named like a secret, " +
		"takes one from the environment, holds the environment, or holds the command line of a program that takes a secret there. Who reads the code or the file can use it.\n\n" +
		"The severity is medium for what is saved, because its name alone says so. The secret is not shown.",
	Fix: "revoke it, read it from the environment or a secret store, and leave it out of what is saved",
}
