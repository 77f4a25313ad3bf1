package data

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// Rules are those of this room. Each covers the codes of docs/spec/tensor-v1.md
// that have one cause and one remedy.
var Rules = append([]*rule.Rule{
	tenRequest, tenSize, tenDType, tenShape, tenBroken, tenNonfinite, tenTiny, tenRange, tenToken, tenStatistic, tenText, tenDrift, tenCell,
	tenTorn, tenTwice, tenNear, tenOutlier, tenPatch, tenRelabelled, tenChanged, tenAdded, tenStanding, tenUnsearched, tenReach, tenNearText, tenNoNumbers, tenUnread, tenPartly,
}, projectRules...)

// specification is where the codes are explained.
const specification = "docs/spec/tensor-v1.md"

// ruleOf is the rule that covers a code.
func ruleOf(c tensor.Code) *rule.Rule {
	switch c {
	case tensor.CodeElements, tensor.CodeBytes:
		return tenSize
	case tensor.CodeDType:
		return tenDType
	case tensor.CodeRank, tensor.CodeShape, tensor.CodeDim, tensor.CodeConstraint:
		return tenShape
	case tensor.CodeSize, tensor.CodeFraming, tensor.CodeBool:
		return tenBroken
	case tensor.CodeNaN, tensor.CodeInf:
		return tenNonfinite
	case tensor.CodeTiny:
		return tenTiny
	case tensor.CodeRange, tensor.CodeValue:
		return tenRange
	case tensor.CodeToken:
		return tenToken
	case tensor.CodeFlat, tensor.CodeMean, tensor.CodeStd, tensor.CodeNorm:
		return tenStatistic
	case tensor.CodeTextSize, tensor.CodeTextUTF8, tensor.CodeTextChar, tensor.CodeTextMatch:
		return tenText
	case tensor.CodeDrift, tensor.CodeBalance:
		return tenDrift
	default: // AT-INPUTS, AT-UNKNOWN, AT-DUPLICATE, AT-MISSING
		return tenRequest
	}
}

var tenRequest = &rule.Rule{
	ID:       "TEN001",
	Title:    "tensors that are not those of the schema",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A tensor is missing, has a name that the schema does not know, or comes more than once; or there are more tensors than the schema allows.

A server may take the first of two tensors with one name and a check the other, and a tensor that nobody knows is checked by nobody. Codes: AT-INPUTS, AT-UNKNOWN, AT-DUPLICATE, AT-MISSING.`,
	Fix:   "send exactly the tensors that the schema lists, or add the tensor to the schema",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenSize = &rule.Rule{
	ID:       "TEN002",
	Title:    "tensors that are larger than the schema allows",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A tensor, or all tensors of a request together, have more elements or bytes than the schema allows. Nothing else of them was looked at where the limit is that of the request.

Work and memory of a model grow with its input, often with its square; a few large requests stop a service. Codes: AT-ELEMENTS, AT-BYTES.`,
	Fix:   "send less at once, or raise max_elements or max_bytes once it has been measured that the model bears it",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenDType = &rule.Rule{
	ID:       "TEN003",
	Title:    "tensor of another type",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `The elements of a tensor are of a type that the schema does not list for it.

Converting silently changes values: 300 becomes 44 as uint8, and 65520 infinite as float16. Code: AT-DTYPE.`,
	Fix:   "convert the tensor where it is made, or list the type in the schema",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenShape = &rule.Rule{
	ID:       "TEN004",
	Title:    "tensor of another shape",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A tensor has another number of dimensions, a size differs from a fixed one or lies outside of its bounds, a symbol has two sizes, or a constraint between sizes does not hold.

Broadcasting and reshaping make models compute with such tensors without an error, and a wrong answer comes out. Codes: AT-RANK, AT-SHAPE, AT-DIM, AT-CONSTRAINT.`,
	Fix:   "bring the tensor into the shape that the schema says; images are often [height, width, channels] where [channels, height, width] is meant",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenBroken = &rule.Rule{
	ID:       "TEN005",
	Title:    "data that do not make the tensor they claim to be",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `The data are longer or shorter than type and shape say, the lengths of texts do not fit their bytes, or a bool is a byte other than 0 and 1.

Native code that trusts such a header reads past the end of a buffer. Codes: AT-SIZE, AT-FRAMING, AT-BOOL.`,
	Fix:   "write the file or the request anew with a library that computes the sizes",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenNonfinite = &rule.Rule{
	ID:       "TEN006",
	Title:    "NaN or infinity in a tensor",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A tensor holds NaN or an infinity, and the schema does not allow it.

One NaN makes a whole answer NaN, argmax then names a class of its own, and a comparison with a threshold is false. In training, one sample makes the running statistics of a batch normalisation NaN for good. Codes: AT-NAN, AT-INF.`,
	Fix:   "find out where the value comes from and leave the sample out, or set nonfinite in the schema if the model is made for it",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenTiny = &rule.Rule{
	ID:       "TEN007",
	Title:    "values so small that arithmetic becomes slow",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A tensor holds values other than zero that are closer to it than the schema allows: subnormal numbers, or numbers whose products are.

They pass every usual check and make a model on a CPU up to a hundred times slower: a request that costs the sender nothing holds a core for minutes. Code: AT-TINY.`,
	Fix:   "set such values to 0 before they are sent, or write \"tiny: {action: flush}\" to have whoever enforces the schema do it",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenRange = &rule.Rule{
	ID:       "TEN008",
	Title:    "values out of range",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A tensor holds values outside of the range that the schema gives, or values that it does not list.

The model has not been trained on such values, and what it answers means nothing. Often the cause is a missing division by 255, or one too many. Codes: AT-RANGE, AT-VALUE.`,
	Fix:   "scale or map the values as the schema says, or correct the range or the list of values there",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenToken = &rule.Rule{
	ID:       "TEN009",
	Title:    "token id that is not in the vocabulary",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A tensor holds a token id below 0 or beyond the vocabulary.

An embedding has no row for it. On a GPU the assertion that then fails takes the process down, and every request that it was at work on. Code: AT-TOKEN.`,
	Fix:   "use the tokenizer that belongs to the model, or correct vocabulary in the schema",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenStatistic = &rule.Rule{
	ID:       "TEN010",
	Title:    "tensor with unusual statistics",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `Nearly all elements are one value, the mean or the standard deviation of a channel lies outside of its band, or a vector that should have the norm 1 has not.

Blank images, dead sensors, swapped channels and a normalisation that was left out look like this. Codes: AT-FLAT, AT-MEAN, AT-STD, AT-NORM.`,
	Fix:   "look at the sample, and correct the band in the schema if it is a good one",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenText = &rule.Rule{
	ID:       "TEN011",
	Title:    "text that the schema does not allow",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A text is too long or too short, is no UTF-8, has a character of a class that is denied, or does not match the pattern.

Control characters, direction marks and invisible characters hide instructions from people and not from models. Codes: AT-TEXT-SIZE, AT-TEXT-UTF8, AT-TEXT-CHAR, AT-TEXT-PATTERN.`,
	Fix:   "clean the text where it comes in, or correct the rules in the schema",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenDrift = &rule.Rule{
	ID:       "TEN012",
	Title:    "values distributed unlike the baseline",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `The values of a window of tensors are distributed unlike those that the schema has as its baseline, or the labels of a data set are not as often there as they should be. Drift that the schema only wants to be told of ("action: alert") is medium.

The world has changed, something before the model has, or somebody feeds it; its answers may no longer be as good as they were measured. Labels that were turned or added in bulk look like this. Codes: AT-DRIFT, AT-BALANCE.`,
	Fix:   "compare recent samples with those of the training, and learn the baseline anew if they are as they should be",
	Since: "0.1.0",
	Refs:  []string{specification},
}

var tenUnread = &rule.Rule{
	ID:       "TEN090",
	Title:    "tensors that could not be read",
	Strategy: finding.InputValidation,
	Severity: finding.Medium,
	Verdict:  finding.Unreadable,
	Text: `A file that was to be held against a schema is missing, is broken, is of no format that has tensors, or holds something that cannot be read without running it, such as an array of Python objects.

Nothing is known about its tensors. It is never counted as one that passed.`,
	Fix:   "name a .npy, .npz or safetensors file, one of torch.save, or a V2 request in JSON, that holds plain tensors",
	Since: "0.1.0",
	Refs:  []string{specification},
}
