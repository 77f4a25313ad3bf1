package code

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var (
	unpickleRules = []*rule.Rule{unpickle, joblibLoad, numpyPickle, pandasPickle}
	sourceRules   = []*rule.Rule{hubUnpinned, urlUnchecked, remoteCode, hubRevision, userModel, startedWith, downloaded}
	otherRules    = []*rule.Rule{saveWhole, notRead, cythonLeft}
	evidenceRules = []*rule.Rule{verified, guarded, plainLoad, plainSave, digestChecked, validated, hardened, checkedData, forwardGuarded, modelElsewhere, sandboxLoad, heldService, openService, untrustedHeld, untrustedOpen}
	forwardRules  = []*rule.Rule{forwardOpen, schemaLost, gatewayElsewhere}
)

var unpickle = &rule.Rule{
	ID: "PY020", Title: "A pickle is loaded", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-502", "Python documentation of pickle"},
	Text: "pickle, dill, cloudpickle, shelve and jsonpickle run what their input says. That is harmless only while nobody else can write the input. " +
		"A copy made by pickle.loads(pickle.dumps(x)) is not reported.",
	Fix: "keep the data as JSON, as arrays with numpy.savez, or as safetensors",
}

var joblibLoad = &rule.Rule{
	ID: "PY021", Title: "joblib.load", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-502", "joblib documentation, Persistence"},
	Text: "A joblib file is a pickle with arrays in it, and runs what it says.",
	Fix:  "verify the file with andiron trust check before it is loaded, or keep the model in a format without pickles, such as ONNX or skops",
}

var numpyPickle = &rule.Rule{
	ID: "PY022", Title: "numpy.load with allow_pickle=True", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CVE-2019-6446", "CWE-502"},
	Text: "numpy refuses arrays of Python objects since 1.16.3, because reading one unpickles it. allow_pickle=True takes the refusal back for every file that reaches this call.",
	Fix:  "save the arrays with a numeric or fixed-width text dtype and remove allow_pickle=True",
}

var pandasPickle = &rule.Rule{
	ID: "PY023", Title: "pandas.read_pickle", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-502", "pandas documentation of read_pickle"},
	Text: "The file is a pickle and runs what it says.",
	Fix:  "keep the table as Parquet or CSV",
}

var hubUnpinned = &rule.Rule{
	ID: "PY030", Title: "torch.hub.load without a commit", Strategy: finding.TrustedSources,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"torch v2.6.0 torch/hub.py load", "CWE-494"},
	Text: "torch.hub.load downloads a repository and imports its hubconf.py. Without a commit it is whatever the repository holds on that day; a branch or a tag can be moved. trust_repo=True also takes away the question whether to trust it.",
	Fix:  "name the commit, torch.hub.load('owner/name:<40 hex digits>', ...), or install the project as a pinned package",
}

var urlUnchecked = &rule.Rule{
	ID: "PY031", Title: "Weights from a URL without a hash", Strategy: finding.TrustedSources,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"torch v2.6.0 and v2.14.1 torch/hub.py load_state_dict_from_url", "CWE-494"},
	Text: "The file is loaded as it comes. With check_hash=True torch compares it with the hexadecimal digits at the end of its name, of which it takes eight or more: that finds accidents, and keeps an attacker out only with many digits. " +
		"weights_only of load_state_dict_from_url is False where it is not given, up to torch 2.14: the file is unpickled as a whole. The severity is low where a hash is compared and weights_only=True is missing.",
	Fix: "download the file once, add it with andiron trust add, and load it with andiron.load(path)",
}

var remoteCode = &rule.Rule{
	ID: "PY032", Title: "trust_remote_code=True", Strategy: finding.TrustedSources,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"Transformers documentation, Custom models", "CWE-829"},
	Text: "The loader, of Transformers or of what loads by it, such as vLLM, downloads Python files that stand beside the model and runs them. Whoever can change the repository runs code here, unless revision names a commit that somebody read. " +
		"The severity is medium where revision names a commit, and low where the argument is decided elsewhere.",
	Fix: "remove trust_remote_code; where the code is needed, review it and pass revision='<40 hex digits>'",
}

var hubRevision = &rule.Rule{
	ID: "PY033", Title: "A model of the Hub without a revision", Strategy: finding.TrustedSources,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"huggingface_hub documentation, Download files", "CWE-494"},
	Text: "Without a revision the loader takes what the repository's main branch holds on the day of the download. A branch or a tag as revision can be moved by whoever owns the repository.",
	Fix:  "pass revision='<40 hex digits>', the commit that was reviewed",
}

var userModel = &rule.Rule{
	ID: "PY040", Title: "A user decides what is loaded", Strategy: finding.TrustedSources,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-502", "CWE-22", "CWE-94"},
	Text: "What a request brings, as an upload or as a name, reaches a call that loads, imports, builds or evaluates what it is given, through however many functions and files of the project. What FastAPI calls with a request is followed too: its dependencies, and what they give. " +
		"The finding shows each step. A name that is looked up on a list first, and then used only where it is there, is not reported, unless the request brings the list as well. Nor is a number, an enumeration or one of a few values, where an annotation that the framework enforces, a converter in the address or type= says so, also of a field of a pydantic model; nor what a function compares a digest of itself before, with one that the project names.\n\n" +
		"The severity is critical where the call runs what it is given: weights_only=False, also where a call on the way hands it on, a torch that the project allows and that is older than 2.6, a pickle, eval.",
	Fix: "load only models of a fixed list, with andiron.load(path); what a user hands in is loaded with andiron.load_untrusted(path), in the sandbox, or not at all",
}

var startedWith = &rule.Rule{
	ID: "PY041", Title: "The command line or the environment decides what is loaded", Strategy: finding.TrustedSources,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-502", "CWE-426"},
	Text: "An argument of the program, a variable of its environment or what is typed in reaches a call that loads, imports, builds or evaluates what it is given. " +
		"Who starts the program runs code anyway; but the file that is named is often somebody else's. A load before which the function compares a digest is not reported, and neither is an option that its parser takes as a number or as one of a few choices.\n\n" +
		"The severity is low where the call only reads: torch.load with weights_only=True, TorchScript, a program of torch.export. Where the call is of another loader than torch.load, the finding says what to do instead of it.",
	Fix: "load it with andiron.load(path), which refuses what is not in the lock",
}

var downloaded = &rule.Rule{
	ID: "PY042", Title: "A download is loaded that nothing verified", Strategy: finding.SecureLoading,
	Severity: finding.High, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-494", "CWE-502"},
	Text: "What comes from an address or from the Hub reaches a call that loads, imports, builds or evaluates it, and no digest is compared on the way. " +
		"Whoever can change what the address gives decides what is loaded. A download from the Hub at a commit, or one of a known hash, is not reported.\n\n" +
		"The severity is medium where the call only reads: torch.load with weights_only=True, TorchScript, a program of torch.export. Where the call is of another loader than torch.load, the finding says what to do instead of it.",
	Fix: "download the file once, add it with andiron trust add, and load it with andiron.load(path)",
}

var saveWhole = &rule.Rule{
	ID: "PY050", Title: "torch.save of a whole object", Strategy: finding.SafeSerialization,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: []string{"PyTorch tutorial, Saving and Loading Models"},
	Text: "The file names the object's class, and only a loader that runs code can bring it back: weights_only=True refuses it, and so will everybody who has to trust the file. " +
		"It may stand in a dictionary: a module, what argparse or OmegaConf gives, an object of a class of the project, a member of an enumeration. " +
		"A copy by way of a buffer that the same function makes, saves to and loads from is not reported, unless something else reads the buffer.",
	Fix: "save the tensors: safetensors.torch.save_file(model.state_dict(), 'model.safetensors'); and settings as JSON, or as a dictionary such as vars(args)",
}

var forwardOpen = &rule.Rule{
	ID: "PY060", Title: "A forward() that checks nothing", Strategy: finding.InputValidation,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-20", "andiron Python SDK"},
	Text: "What reaches the model is held against no schema: neither by andiron.validate on its forward(), nor by andiron.guard around it, nor by a gateway in front of its server. " +
		"A tensor of another shape or type, with NaN or infinity, out of range or much too large gets to the model, and then exhausts memory, crashes an operator or steers what the model says.\n\n" +
		"Looked at are classes that derive from torch.nn.Module or LightningModule, directly or through classes of the project, and have a forward(). " +
		"One that is made only by the methods of other modules is a part of them and not reported; tests are left out. In doubt a class is reported, and the message says why: " +
		"with low severity where nothing in the project makes one, or where it is handed on as a value. " +
		"andiron.guard around one object of a class counts for the class. A gateway counts for the class that its schema's model is named after, or for the only one. " +
		"A guard or a schema in shadow mode counts for nothing, because it refuses nothing. " +
		"What forward() checks of dtype, shape, NaN and infinity, range and number of elements by itself, by functions of its file, or by annotations of jaxtyping that a decorator enforces, is said beside what it does not; with all five the severity is low.",
	Fix: `model = andiron.guard(model, "model.schema.yaml"), or @andiron.validate("model.schema.yaml") on forward(); andiron guard infer writes the schema`,
}

var schemaLost = &rule.Rule{
	ID: "PY061", Title: "A guard whose schema is not there", Strategy: finding.InputValidation,
	Severity: finding.Medium, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-20", "andiron Python SDK"},
	Text: "andiron.guard, andiron.validate, andiron.checked_dataset or andiron.checked_collate names a file that is not among the schemas of the project. Without it the program ends where the model is guarded or the data are read, and whoever wants it to run takes the guard away.\n\n" +
		"Looked for is the path beside the file with the code, beneath the project, and then the name anywhere in the project. A schema that comes there in another way, such as a mounted one, can be waived.",
	Fix: "put the schema into the project, or correct the path; andiron guard infer writes one",
}

var gatewayElsewhere = &rule.Rule{
	ID: "PY062", Title: "A gateway whose schema is elsewhere", Strategy: finding.InputValidation,
	Severity: finding.Low, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-20", "andiron gateway-v1"},
	Text: "A command of the project starts andiron guard serve with a schema that is not in the project. The gateway does not start without it; which models it protects, and from what, is not known here.",
	Fix:  "keep the schema in the project, beside the code that it is about",
}

var notRead = &rule.Rule{
	ID: "PY080", Title: "Python that could not be read", Strategy: finding.SecureLoading,
	Severity: finding.Medium, Verdict: finding.Unreadable, Since: since, Refs: []string{"Python Language Reference 3.14", "PEP 263"},
	Text: "A part of the file does not parse as Python 3.8 to 3.14, its encoding is not one that is read, or it is over a limit. What stands around the part was looked at; what the part itself loads is not known.",
	Fix:  "mend the file; where it is no Python 3 on purpose, move it out of the project or name it otherwise",
}

var cythonLeft = &rule.Rule{
	ID: "PY088", Title: "Cython, which is not read", Strategy: finding.SecureLoading,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"Cython documentation, Language Basics"},
	Text: "A file of Cython (.pyx, .pxi) may load models as Python does, and is not read: what it loads is not known. Scripts without an ending are read where their first line names Python.",
	Fix:  "look at what the file loads yourself, or keep loads in files of Python",
}

var verified = &rule.Rule{
	ID: "PY090", Title: "A load that is verified", Strategy: finding.SecureLoading,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron Python SDK"},
	Text: "andiron.load, andiron.jit_load and andiron.load_safetensors verify the file against the lock and the policy, and load the bytes that they verified.",
	Fix:  "nothing needs to be done",
}

var guarded = &rule.Rule{
	ID: "PY091", Title: "The loading guard is installed", Strategy: finding.SecureLoading,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron Python SDK"},
	Text: "andiron.install_guard makes torch.load, pickle.load and their like obey the policy also where other packages call them. It is a net and not a wall.",
	Fix:  "nothing needs to be done",
}

var plainLoad = &rule.Rule{
	ID: "PY092", Title: "A load that runs no code", Strategy: finding.SecureLoading,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"safetensors format specification"},
	Text: "The format holds tensors and text, and its loader runs nothing. The file itself is not verified by that.",
	Fix:  "use andiron.load_safetensors(path) where it also matters that the file is the one that was reviewed",
}

var plainSave = &rule.Rule{
	ID: "PY093", Title: "A save in a format without pickles", Strategy: finding.SafeSerialization,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"safetensors format specification", "torch.export documentation"},
	Text: "What is saved here is loaded without Python's pickle.",
	Fix:  "nothing needs to be done",
}

var digestChecked = &rule.Rule{
	ID: "PY094", Title: "A digest that the code checks itself", Strategy: finding.SecureLoading,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"CWE-345", "CWE-367"},
	Text: "The function computes a digest, compares it, and refuses before it loads. Where it opens the file again to load it, somebody who can write the file has a moment between the two.",
	Fix:  "use andiron.load(path), which loads the very bytes that it verified",
}

var validated = &rule.Rule{
	ID: "PY095", Title: "A model whose inputs are validated", Strategy: finding.InputValidation,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron Python SDK"},
	Text: "andiron.guard and andiron.validate hold every tensor against a schema at the start of forward(), and raise before the model sees one that is not as it says.",
	Fix:  "nothing needs to be done",
}

var hardened = &rule.Rule{
	ID: "PY096", Title: "Adversarial training", Strategy: finding.InputValidation,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron Python SDK"},
	Text: "andiron.adversarial.AdversarialBatches attacks each batch before the model learns from it. How much that helps is what andiron robust eval measures.",
	Fix:  "nothing needs to be done",
}

var checkedData = &rule.Rule{
	ID: "PY097", Title: "Training data that are validated", Strategy: finding.InputValidation,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron Python SDK"},
	Text: "andiron.checked_dataset and andiron.checked_collate hold each sample against a schema before the model learns from it.",
	Fix:  "nothing needs to be done",
}

var forwardGuarded = &rule.Rule{
	ID: "PY098", Title: "A forward() that is guarded", Strategy: finding.InputValidation,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron Python SDK"},
	Text: "Every tensor that reaches this model is held against a schema first: by andiron.validate on its forward(), by andiron.guard around it, or by a gateway in front of its server.",
	Fix:  "nothing needs to be done",
}

var modelElsewhere = &rule.Rule{
	ID: "PY099", Title: "A model whose forward() is elsewhere", Strategy: finding.InputValidation,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron Python SDK"},
	Text: "The model comes out of a file or of another package, so its forward() is not in the code of the project, and no andiron.guard around it was seen. Whether something else checks what reaches it is not known.",
	Fix:  `model = andiron.guard(model, "model.schema.yaml")`,
}

var sandboxLoad = &rule.Rule{
	ID: "PY081", Title: "A load in the sandbox", Strategy: finding.SecureLoading,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron, docs/spec/sandbox-v1.md"},
	Text: "andiron.load_untrusted and andiron sandbox load run torch.load in a process that the kernel holds, and hand out tensors only.",
	Fix:  "nothing needs to be done",
}

var heldService = &rule.Rule{
	ID: "PY082", Title: "A service under andiron exec", Strategy: finding.TrustedSources,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron, docs/spec/exec-v1.md"},
	Text: "A container file, Compose, Kubernetes, systemd, supervisord, a Procfile or the exec of a shell script starts a program under andiron exec: it can open the models that the lock and the policy allow, and no others. Of a line with several commands each is.",
	Fix:  "nothing needs to be done",
}

var openService = &rule.Rule{
	ID: "PY083", Title: "A service that may open any model", Strategy: finding.TrustedSources,
	Severity: finding.Info, Verdict: finding.Safe, Since: since, Refs: []string{"andiron, docs/spec/exec-v1.md"},
	Text: "A container file, Compose, Kubernetes, systemd, supervisord, a Procfile or the exec of a shell script starts Python, or a server that runs it, and nothing but its own code keeps it from a model that nobody trusts; in a line of a shell, one of its commands is enough. Or exec.mode of the policy is report, and andiron exec refuses nothing.",
	Fix:  "put andiron exec -- before the command, and enforce for report in the policy",
}
