package posture

import "github.com/andiron-dev/andiron/finding"

// strategy is one of the eight, and the rooms that look at it. A later room adds
// itself here.
type strategy struct {
	id      finding.Strategy
	title   string
	text    string
	threats []finding.Threat // with the worst severity where the catalogue gives a range
	impact  string
	// residual is what remains possible when all of it is in place.
	residual string
	rooms    []func(Input) view
}

var strategies = []strategy{
	{
		id:    finding.DependencyScanning,
		title: "Dependency scanning",
		text: "Scan the project's dependencies for known vulnerabilities, on every commit and on a schedule, " +
			"and keep a record of the results and of what was done about them. Review PyTorch itself first, then what it " +
			"needs directly and indirectly: a service inherits every hole of its weakest dependency.",
		threats: []finding.Threat{{Name: "dependency vulnerabilities in the PyTorch ecosystem", Severity: finding.High}},
		impact: "Known holes are found in hours instead of after an incident, and the record shows an auditor when each was " +
			"found and closed.",
		residual: "A vulnerability that nobody has published, or that no feed covers, is found by no scan.",
		rooms:    []func(Input) view{depsScanning},
	},
	{
		id:    finding.DependencyPinning,
		title: "Dependency pinning",
		text: "Pin the exact versions of PyTorch and everything around it, with a lock file that names the hash of each package, " +
			"and change them on purpose: updated, tested, reviewed. torch, torchvision and torchaudio have to fit each other and come from the same index.",
		threats: []finding.Threat{
			{Name: "dependency vulnerabilities", Severity: finding.Medium},
			{Name: "supply-chain attacks", Severity: finding.Low},
		},
		impact:   "Every machine runs what was tested. A release that was replaced or taken over after the fact does not install, because its hash differs.",
		residual: "A release that was malicious when it was pinned installs as it was locked; the cooldown and the review of the lock are what stands against that.",
		rooms:    []func(Input) view{depsPinning},
	},
	{
		id:    finding.SafeSerialization,
		title: "Safe serialization",
		text: "Keep models in a format that holds data and nothing else, such as safetensors, or in TorchScript or torch.export where the graph is needed too. " +
			"A pickle is a program: loading one runs whatever its maker wrote into it, so production code should have no torch.load of a pickled model.",
		threats:  []finding.Threat{{Name: "model deserialisation", Severity: finding.High}},
		impact:   "A swapped or poisoned model file can no longer run commands in the process that loads it. What remains to be checked is data: names, shapes and numbers.",
		residual: "A file of tensors can still hold poisoned weights, and the reader of its format can have holes of its own.",
		rooms:    []func(Input) view{modelFormats, codeSaving},
	},
	{
		id:    finding.TrustedSources,
		title: "Trusted sources",
		text: "Load models only from sources that were chosen: named and restricted paths, access control on who may write there, " +
			"recorded digests or signatures, and no model that a user hands in.",
		threats: []finding.Threat{
			{Name: "model deserialisation", Severity: finding.High},
			{Name: "model poisoning", Severity: finding.Medium},
		},
		impact:   "An attacker has to get past whoever may publish a model, and not only past the network. A file that changed since it was reviewed is noticed before it is loaded.",
		residual: "Whoever may publish a model, or edit the lock, is trusted, and so is what they were trained on.",
		rooms:    []func(Input) view{modelSources, codeSources},
	},
	{
		id:    finding.FrameworkUpdates,
		title: "Framework updates",
		text: "Keep PyTorch on the latest stable version. Watch releases and advisories, try the new version in stages, and move on. " +
			"Loading got safer with every release: torch.load defaults to weights_only=True from 2.6, and 2.10 refuses tensors that reach outside of their storage.",
		threats: []finding.Threat{
			{Name: "native-code vulnerabilities", Severity: finding.High},
			{Name: "dependency vulnerabilities", Severity: finding.Low},
		},
		impact:   "Published holes in the native code that parses models and runs operators are closed before they are used against you.",
		residual: "Holes that are not public, or not repaired yet, are in the latest version too.",
		rooms:    []func(Input) view{depsUpdates},
	},
	{
		id:    finding.SecureLoading,
		title: "Secure loading",
		text: "Verify the SHA-256 digest of a model before any load, prefer loaders that run no pickle, pass weights_only=True to torch.load and never a pickle_module, " +
			"and load what is not trusted in a sandbox that hands back tensors only.",
		threats: []finding.Threat{
			{Name: "arbitrary code execution", Severity: finding.Critical},
			{Name: "model tampering", Severity: finding.High},
		},
		impact:   "A file that is not the reviewed one is refused before a byte of it is interpreted, and one that is hostile all the same meets a loader that runs none of its code.",
		residual: "A reviewed file that exploits a hole of the loader itself is loaded; the sandbox and current versions of torch are what stands against that.",
		rooms:    []func(Input) view{modelLoading, codeLoading},
	},
	{
		id:    finding.InputValidation,
		title: "Input validation",
		text: "Check what reaches a model against a schema: data type, shape, number of elements, range, NaN and infinity. Refuse it with a clear exception, normalise the rest, " +
			"train against adversarial examples where it matters, and hold training data to its own schema and baseline.",
		threats: []finding.Threat{
			{Name: "denial of service", Severity: finding.Medium},
			{Name: "model exploitation", Severity: finding.Medium},
			{Name: "data poisoning", Severity: finding.Medium},
		},
		impact:   "Requests that would exhaust memory, crash an operator or steer the model fail early and are counted. Training data that drifts or was planted shows up before the model learns it.",
		residual: "An input within the schema can still be adversarial, and a poisoned sample can look like all others.",
		rooms:    []func(Input) view{inputValidation},
	},
	{
		id:    finding.CustomOps,
		title: "Custom operators",
		text: "Have as little custom C++ and CUDA as possible. What remains is written defensively, checks its arguments, and is tested with memory-safety tools, " +
			"gradcheck and fuzzing, and reviewed by a second person.",
		threats: []finding.Threat{
			{Name: "memory-safety vulnerabilities", Severity: finding.Critical},
			{Name: "logic errors", Severity: finding.Medium},
		},
		impact:   "A malformed tensor ends in an exception instead of a write outside of its buffer, and a wrong gradient is found by a test instead of by a bad model.",
		residual: "Tests and analysis show that errors are there, not that there are none; a GPU kernel runs beside the memory of others.",
		rooms:    []func(Input) view{customOps},
	},
}
