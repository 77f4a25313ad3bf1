package contract

import (
	"slices"
)

// Rules are the rules of this package, in order of id.
var Rules = slices.Concat(sinkRules, structureRules, nameRules, streamRules, reportRules)

const (
	since = "0.1.0"

	fixDrop    = "do not load the file; delete it and get the model from its author as safetensors"
	fixConvert = "ask the author for safetensors, made where the model was trained"
	fixReview  = "read the code of the named package before loading, or ask the author for safetensors"
)

const (
	refPickle   = "https://docs.python.org/3/library/pickle.html#restricting-globals"
	refTorch    = "https://docs.pytorch.org/docs/stable/notes/serialization.html#weights-only"
	refSecurity = "https://github.com/pytorch/pytorch/security/policy"
	refCWE502   = "https://cwe.mitre.org/data/definitions/502.html"
)
