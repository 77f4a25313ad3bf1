package oip

import "github.com/andiron-dev/andiron/internal/tensor"

// Form is how a message was spelled, which AppendV1 needs to spell it again.
type Form uint8

// The forms. Those from FormInstances on are read with the fields of a schema.
const (
	FormJSON             Form = iota // V2, all data in JSON
	FormBinary                       // V2, a header of JSON, data behind it
	FormRaw                          // a body that is one tensor
	FormGRPC                         // V2, raw contents
	FormGRPCTyped                    // V2, typed contents
	FormInstances                    // {"instances": [row, …]} of the only input
	FormInstancesNamed               // {"instances": [{"name": row, …}, …]}
	FormInputs                       // {"inputs": tensor} of the only input
	FormInputsNamed                  // {"inputs": {"name": tensor, …}}
	FormValue                        // the tensor alone
	FormNamed                        // {"name": tensor, …}
	FormPredictions                  // {"predictions": [row, …]}, an answer
	FormPredictionsNamed             // {"predictions": [{"name": row, …}, …]}, an answer
	FormOutputs                      // {"outputs": tensor}, an answer
	FormOutputsNamed                 // {"outputs": {"name": tensor, …}}, an answer
)

// Request is what a client asks. Data of the inputs may point into the body.
type Request struct {
	Form Form
	// Model and Version are those of a message of gRPC. In HTTP the path says them;
	// a body may say them too, which decides nothing and is not written.
	Model      string
	Version    string
	ID         string
	Parameters []Parameter // sorted by name, without those of the framing
	Inputs     []tensor.Tensor
	// InputParameters are those of each input, or nil where there are none.
	InputParameters [][]Parameter
	Outputs         []Output // what the client wants; empty is all
	// BinaryOutput is the parameter binary_data_output: the form of outputs that
	// do not say it themselves.
	BinaryOutput bool
	// Member is the name under which the only input stands in a form with names,
	// where it is not its own: "data" or "body".
	Member string
	// Base64 says that texts are spelled {"b64": "…"}, in a form of V1.
	Base64 bool
	// Unseen are inputs in shared memory, which only Options.SharedMemory lets
	// through. They are written behind the others.
	Unseen []Unseen
}

// Output is one that a client wants.
type Output struct {
	Name       string
	Binary     Choice // the parameter binary_data
	Parameters []Parameter
	Memory     *Memory // where it shall lie, with Options.SharedMemory
}

// Choice is a bool that may be left out.
type Choice uint8

// The choices.
const (
	Unsaid Choice = iota
	No
	Yes
)

// Unseen is an input whose data nobody but the server can see.
type Unseen struct {
	Name       string
	DType      tensor.DType
	Shape      []int64
	Parameters []Parameter
	Memory     Memory
}

// Memory is a place in shared memory.
type Memory struct {
	Region       string
	Size, Offset uint64
}

// Response is what a server answers.
type Response struct {
	Form       Form
	Model      string
	Version    string
	ID         string
	Parameters []Parameter
	Outputs    []tensor.Tensor
	// OutputParameters are those of each output, or nil where there are none.
	OutputParameters [][]Parameter
	// Member and Base64 are as those of a request.
	Member string
	Base64 bool
	// Unseen are outputs in shared memory.
	Unseen []Unseen
}

// Parameter is one of a message or of a tensor.
type Parameter struct {
	Name  string
	Value Value
}

// Kind is the type of a Value.
type Kind uint8

// The kinds. A list of texts is only in bodies of the form of OpenAI.
const (
	KindBool Kind = iota
	KindInt
	KindUint // beyond KindInt, or of a gRPC field of that type
	KindFloat
	KindText
	KindTexts
)

// Value is that of a parameter.
type Value struct {
	Kind  Kind
	Bool  bool
	Int   int64
	Uint  uint64
	Float float64
	Text  string
	Texts []string
}

// Prompt is a request for a language model, in the form of OpenAI.
type Prompt struct {
	Model      string
	Member     string      // "prompt" or "input"
	Bare       bool        // one prompt, not in a list
	Parameters []Parameter // such as max_tokens, sorted by name
	// Prompts are to be checked one by one: ids of tokens have the shape [n] or
	// [1, n] as the field has it, texts are one tensor of all of them.
	Prompts []tensor.Tensor
}
